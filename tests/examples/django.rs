//! `examples/django`.

use crate::{example, without};

#[test]
fn a_management_command_changes_the_database_on_the_mount() {
    let project = example("django");
    let stock = project.run(&["run", "stock"]).expect(0);
    assert!(stock.stdout.contains("cup: no price in cents yet"));
    project
        .run(&["run", "manual-migration", "--role", "viewer"])
        .expect(77);
    let run = || project.run(&["run", "manual-migration"]).expect(0).stdout;
    assert_eq!(run(), "3 prices turned into cents\n");
    assert_eq!(run(), "0 prices turned into cents\n");
    project.run(&["down"]).expect(0);
    let stock = project.run(&["run", "stock"]).expect(0);
    assert!(stock.stdout.contains("cup: 400 cents"), "{}", stock.stdout);
    let page = project
        .run(&["exec", "--", "curl", "-s", "http://localhost:8888"])
        .expect(0);
    assert!(page.stdout.contains("\"cents\": 400"), "{}", page.stdout);
}

#[test]
fn without_its_mount_the_deploy_hook_fails_and_the_hint_names_it() {
    let project = example("django");
    without(&project, "mounts:");
    let failed = project.run(&["run", "manual-migration"]).expect(1);
    assert!(
        failed
            .stderr
            .contains("`hooks.deploy` of `stock` ended with code 1")
    );
    assert!(failed.stderr.contains("Read-only file system: '/app/data'"));
    assert!(failed.stderr.contains("\"/data\":"), "{}", failed.stderr);
}
