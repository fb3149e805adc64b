//! Who may run what.

use crate::support::TestProject;

const CONFIG: &str = "\
applications:
  app:
    type: nodejs:24
    operations:
      look: { role: viewer, commands: { start: 'true' } }
      change: { commands: { start: 'true' } }
      wipe:
        role: admin
        commands: { start: 'true' }
";

/// Denied before an engine is even looked for.
fn denied(project: &TestProject, arguments: &[&str]) -> bool {
    let mut command = project.command(arguments);
    command.env("DOCKER_HOST", "unix:///nowhere.sock");
    let code = command.output().expect("the binary runs").status.code();
    assert!(matches!(code, Some(69 | 77)), "{code:?}");
    code == Some(77)
}

#[test]
fn every_role_may_run_what_asks_for_it_or_less() {
    let project = TestProject::new(CONFIG);
    for (operation, allowed) in [("look", 3), ("change", 2), ("wipe", 1)] {
        let roles = ["admin", "contributor", "viewer"];
        let may = roles.map(|role| !denied(&project, &["run", operation, "--role", role]));
        let expected = [true, allowed >= 2, allowed >= 3];
        assert_eq!(may, expected, "{operation}");
    }
}

#[test]
fn a_denial_says_what_is_needed_and_where_it_is_written() {
    let project = TestProject::new(CONFIG);
    insta::assert_snapshot!(project.run(&["run", "wipe", "--role", "viewer"]).shown(), @r"
    code: 77
    --- stdout
    --- stderr
    error: the role `viewer` may not run `wipe` on `app`: it needs `admin`

    hint: try `--role admin`, or lower `operations.wipe.role` in .upsun/config.yaml:8
    ");
}

#[test]
fn users_and_roles_come_from_the_settings_per_environment_type() {
    let project = TestProject::new(CONFIG);
    project.file(
        ".upsun-local.yaml",
        "project: x\nrole: contributor\nusers:\n  ada: admin\n  bob: { production: viewer, development: admin }\n",
    );
    assert!(denied(&project, &["run", "wipe"]));
    assert!(!denied(&project, &["run", "wipe", "--as", "ada"]));
    assert!(!denied(&project, &["run", "wipe", "--as", "bob"]));
    assert!(denied(
        &project,
        &[
            "run",
            "wipe",
            "--as",
            "bob",
            "--environment-type",
            "production"
        ]
    ));
    assert!(denied(
        &project,
        &[
            "run",
            "look",
            "--as",
            "bob",
            "--environment-type",
            "staging"
        ]
    ));
    assert_eq!(project.run(&["run", "look", "--as", "eve"]).code, 64);
}

#[test]
fn a_shell_needs_the_role_of_access_ssh() {
    let project = TestProject::new(
        "applications:\n  app:\n    type: nodejs:24\n    access: { ssh: admin }\n",
    );
    assert!(denied(
        &project,
        &["exec", "--role", "contributor", "--", "true"]
    ));
    assert!(!denied(&project, &["ssh", "--role", "admin", "--", "true"]));
}
