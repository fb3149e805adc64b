//! `watch`: again when something that matters has changed, and never two at once.

use rustix::process::Signal;

use crate::engine::{operations, runs, wait_until};
use crate::process::Running;
use crate::support::TestProject;

#[test]
fn an_operation_runs_again_when_a_file_changes() {
    let project = TestProject::on_engine(&operations(&[("show", "cat shown")]));
    project.file("shown", "one\n").file(".gitignore", "*.log\n");
    let watch = Running::start(&project, &["watch", "show", "--role", "admin"]);
    watch.wait_for_output("one");
    watch.wait_for_talk("`run show --role admin` succeeded after");
    project.file("shown", "two\n");
    watch.wait_for_output("two");
    // A configuration that is broken is told, and mended.
    let config = operations(&[("show", "cat shown")]);
    project.file(".upsun/config.yaml", "applications: [\n");
    watch.wait_for_talk("ended with code 78");
    project.file(".upsun/config.yaml", &config);
    project.file("shown", "three\n");
    watch.wait_for_output("three");
    watch.signal(Signal::INT);
    watch.wait().expect(130);
    let watch = Running::start(&project, &["watch", "--test", "show"]);
    watch.wait_for_output("PASS  show on app (");
    watch.wait_for_talk("`test show` ");
    watch.signal(Signal::INT);
    watch.wait().expect(130);
}

#[test]
fn a_run_in_progress_is_cancelled_for_a_newer_one_and_by_ctrl_c() {
    let project = TestProject::on_engine(&operations(&[(
        "long",
        "cat shown; trap 'echo cancelled' TERM; sleep 7731 & wait; wait",
    )]));
    project.file("shown", "one\n");
    let watch = Running::start(&project, &["watch", "long"]);
    watch.wait_for_output("one");
    project.file("shown", "two\n");
    watch.wait_for_talk("cancelling because of a changed file: it has 10 s to end\n");
    watch.wait_for_output("cancelled");
    watch.wait_for_output("two");
    watch.signal(Signal::INT);
    let ended = watch.wait().expect(130);
    assert_eq!(ended.stdout, "one\ncancelled\ntwo\ncancelled\n");
    assert!(ended.stderr.contains("because of Ctrl-C: "));
    wait_until("nothing of it runs", || !runs(&project, "sleep 7731"));
}

#[test]
fn what_a_killed_watch_leaves_is_ended_by_the_next_command() {
    let list = [("long", "echo begun; sleep 7732"), ("short", "true")];
    let project = TestProject::on_engine(&operations(&list));
    let watch = Running::start(&project, &["watch", "long"]);
    watch.wait_for_output("begun");
    watch.signal(Signal::KILL);
    watch.wait();
    project.run(&["run", "short"]).expect(0);
    assert!(!runs(&project, "sleep 7732"));
}

#[test]
fn options_count_wherever_they_stand() {
    let project = TestProject::new(&operations(&[("show", "true")]));
    let root = project.root();
    let root = root.to_str().expect("a path in UTF-8");
    let mut command =
        project.command(&["watch", "show", "--role", "viewer", "--dry-run", "-C", root]);
    command.current_dir("/");
    let watch = Running::of(command);
    watch.wait_for_talk("watching 2 files, until Ctrl-C");
    watch.signal(Signal::INT);
    watch.wait().expect(130);
    let refused = project.run(&["watch", "test"]).expect(64);
    assert_eq!(
        refused.stderr,
        "error: there is no operation `test`\n\nhint: did you mean `watch --test`?\n"
    );
}

#[test]
fn without_an_operation_the_configuration_is_checked() {
    let project = TestProject::new(&operations(&[("show", "true")]));
    let watch = Running::start(&project, &["watch"]);
    watch.wait_for_talk("`check` succeeded");
    project.file(".upsun/config.yaml", "applications: {}\nroutez: {}\n");
    watch.wait_for_talk("`check` ended with code");
    watch.signal(Signal::TERM);
    watch.wait().expect(143);
}

#[test]
fn its_own_output_is_no_file_of_the_repository() {
    let project = TestProject::new(&operations(&[("show", "true")]));
    project.file("inside.log", "");
    let log = std::fs::File::create(project.root().join("inside.log")).expect("a file");
    let mut command = project.command(&["watch"]);
    command.stderr(log);
    assert_eq!(command.status().expect("it starts").code(), Some(64));
    let said = std::fs::read_to_string(project.root().join("inside.log")).expect("a file");
    assert!(said.contains("goes to `inside.log`"), "{said}");
}
