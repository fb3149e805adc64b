//! `examples/django`.

use crate::{example, without};

#[test]
fn a_management_command_changes_the_database() {
    let project = example("django");
    let stock = project.run(&["run", "stock"]).expect(0);
    assert!(stock.stdout.contains("cup: no price in cents yet"));
    project
        .run(&["run", "manual-migration", "--role", "viewer"])
        .expect(77);
    let run = || project.run(&["run", "manual-migration"]).expect(0).stdout;
    assert_eq!(run(), "3 prices turned into cents\n");
    assert_eq!(run(), "0 prices turned into cents\n");
    let journal = project.run(&["exec", "--", "cat", "journal/prices.csv"]);
    assert_eq!(
        journal.expect(0).stdout,
        "cup,4,400\nspoon,2,200\nteapot,25,2500\n"
    );
    project.run(&["down"]).expect(0);
    let stock = project.run(&["run", "stock"]).expect(0);
    assert!(stock.stdout.contains("cup: 400 cents"), "{}", stock.stdout);
    let shell = [
        "exec",
        "--",
        "python",
        "manage.py",
        "dbshell",
        "--",
        "--tuples-only",
        "--no-align",
    ];
    let shell = project.run(&[&shell[..], &["-c", "select 6 * 7"]].concat());
    assert_eq!(shell.expect(0).stdout, "42\n");
    let page = project
        .run(&["exec", "--", "curl", "-s", "http://localhost:8888"])
        .expect(0);
    assert!(page.stdout.contains("\"cents\": 400"), "{}", page.stdout);
}

#[test]
fn without_its_mount_the_hint_names_it_and_nothing_is_changed() {
    let project = example("django");
    without(&project, "mounts:");
    let failed = project.run(&["run", "manual-migration"]).expect(1);
    assert!(
        failed
            .stderr
            .contains("Read-only file system: '/app/journal'")
    );
    assert!(failed.stderr.contains("\"/journal\":"), "{}", failed.stderr);
    let stock = project.run(&["run", "stock"]).expect(0);
    assert!(stock.stdout.contains("cup: no price in cents yet"));
}
