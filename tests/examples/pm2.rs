//! `examples/pm2`.

use crate::support::TestProject;
use crate::{example, without};

/// The process ids that pm2 knows.
fn processes(project: &TestProject) -> Vec<String> {
    let shown = project.run(&["run", "pm2-processes"]).expect(0).stdout;
    let ids: Vec<String> = shown
        .lines()
        .filter_map(|line| line.split("process ").nth(1)?.split(',').next())
        .map(str::to_owned)
        .collect();
    assert_eq!(ids.len(), 2, "{shown}");
    ids
}

#[test]
fn pm2_is_pinged_reloaded_and_restarted_and_its_processes_stay() {
    let project = example("pm2");
    let ping = project.run(&["run", "pm2-ping"]).expect(0);
    assert!(ping.stdout.contains("pong"), "{}", ping.stdout);
    let daemon = || {
        project
            .run(&["exec", "--", "cat", ".pm2/pm2.pid"])
            .expect(0)
    };
    let first_daemon = daemon();
    let mut before = processes(&project);
    for operation in ["pm2-reload", "pm2-restart"] {
        project.run(&["run", operation]).expect(0);
        let after = processes(&project);
        assert!(after.iter().all(|id| !before.contains(id)), "{operation}");
        before = after;
    }
    let answer = project
        .run(&["exec", "--", "curl", "-s", "http://localhost:8888"])
        .expect(0);
    let answering = answer.stdout.trim_end().strip_prefix("hello from process ");
    assert!(
        answering.is_some_and(|id| before.iter().any(|known| known == id)),
        "{answer:?}, {before:?}"
    );
    assert_eq!(daemon(), first_daemon, "pm2 itself was not started again");
    project
        .run(&["run", "pm2-restart", "--role", "contributor"])
        .expect(77);
}

#[test]
fn without_its_mount_the_hint_names_the_folder_of_pm2() {
    let project = example("pm2");
    without(&project, "mounts:");
    let failed = project.run(&["run", "pm2-ping"]).expect(1);
    assert!(failed.stderr.contains("it wrote to `/app/.pm2`"));
    assert!(failed.stderr.contains("\"/.pm2\":"));
}
