//! Roles: who may run what, and that a denial comes before anything is made.

use crate::engine::{app, objects};
use crate::support::TestProject;

const OPERATIONS: &str = "\
access: { ssh: admin }
operations:
  look: { role: viewer, commands: { start: 'echo looked' } }
  change: { commands: { start: 'echo changed' } }
  wipe: { role: admin, commands: { start: 'echo wiped' } }
";

#[test]
fn a_denial_makes_nothing_on_the_engine() {
    let project = TestProject::on_engine(&app(OPERATIONS));
    for arguments in [
        &["run", "wipe", "--role", "contributor"][..],
        &["run", "change", "--role", "viewer"],
        &["run", "wipe", "--role", "viewer", "--rebuild"],
        &["exec", "--role", "contributor", "--", "true"],
    ] {
        let outcome = project.run(arguments).expect(77);
        assert!(outcome.stderr.contains("hint: "), "{}", outcome.stderr);
        assert_eq!(outcome.stdout, "");
    }
    assert_eq!(objects(&project), 0);
}

#[test]
fn a_role_that_suffices_runs_it_and_is_named() {
    let project = TestProject::on_engine(&app(OPERATIONS));
    for (operation, role) in [
        ("look", "viewer"),
        ("look", "admin"),
        ("change", "contributor"),
        ("wipe", "admin"),
    ] {
        let outcome = project.run(&["run", operation, "--role", role]).expect(0);
        assert!(
            outcome
                .stderr
                .contains(&format!("Running {operation} on app as {role}")),
            "{}",
            outcome.stderr
        );
    }
}

#[test]
fn users_of_the_settings_have_the_role_of_the_environments_type() {
    let project = TestProject::on_engine(&app(OPERATIONS));
    let users = "users:\n  ada: admin\n  bob: { production: viewer, development: admin }\n";
    project.file(
        ".upsun-local.yaml",
        &format!("project: {}\nrole: viewer\n{users}", project.id),
    );
    project.run(&["run", "wipe"]).expect(77);
    let ada = project.run(&["run", "wipe", "--as", "ada"]).expect(0);
    assert!(ada.stderr.contains("as ada (admin)"), "{}", ada.stderr);
    assert_eq!(
        project
            .run(&["run", "wipe", "--as", "bob"])
            .expect(0)
            .stdout,
        "wiped\n"
    );
    let production = ["--as", "bob", "--environment-type", "production"];
    let denied = project
        .run(&[&["run", "wipe"], &production[..]].concat())
        .expect(77);
    assert!(denied.stderr.contains("`bob`"), "{}", denied.stderr);
    project
        .run(&[&["run", "look"], &production[..]].concat())
        .expect(0);
    project.run(&["run", "look", "--as", "eve"]).expect(64);
}

#[test]
fn the_role_of_the_environment_variable_counts_below_the_flag() {
    let project = TestProject::on_engine(&app(OPERATIONS));
    let with = |arguments: &[&str]| {
        let mut command = project.command(arguments);
        command.env("UPSUN_LOCAL_ROLE", "viewer");
        crate::support::outcome(&mut command, &project.root())
    };
    with(&["run", "wipe"]).expect(77);
    with(&["run", "wipe", "--role", "admin"]).expect(0);
    with(&["run", "look"]).expect(0);
}
