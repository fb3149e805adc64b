//! `kill -9` of the program, containers killed under an operation: the next command mends everything.

use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustix::process::Signal;

use crate::engine::{
    app, container, containers, docker, networks, operations, operations_of, runs, volumes,
    wait_until,
};
use crate::process::Running;
use crate::support::TestProject;

/// What is there after everything is up, and nothing is doubled.
#[track_caller]
fn expect_one_of_each(project: &TestProject) {
    assert_eq!(containers(project).len(), 1, "{:?}", containers(project));
    assert!(!containers(project)[0].ends_with("-starting"));
    for kind in ["build", "built", "cache", "storage", "directory"] {
        assert_eq!(volumes(project, kind).len(), 1, "{kind}");
    }
    // That of the environment, and that of builds.
    assert_eq!(networks(project).len(), 2);
}

fn config() -> String {
    app(&format!(
        "\
mounts: {{ data: {{ source: storage }} }}
hooks:
  build: 'echo build-hook; sleep 0.3; echo built >result'
  deploy: 'echo deploy-hook; sleep 0.3; echo deployed >>data/hooks'
{}",
        operations_of(&[("look", "cat result data/hooks")])
    ))
}

#[test]
fn killed_in_the_build_hook() {
    let project = TestProject::on_engine(&config());
    let up = Running::start(&project, &["up"]);
    up.wait_for_talk("build-hook");
    up.signal(Signal::KILL);
    up.wait().expect(-9);
    let outcome = project.run(&["run", "look"]).expect(0);
    assert!(outcome.stderr.contains("Building"), "{}", outcome.stderr);
    assert_eq!(outcome.stdout, "built\ndeployed\n");
    expect_one_of_each(&project);
}

#[test]
fn killed_in_the_deploy_hook() {
    let project = TestProject::on_engine(&config());
    let up = Running::start(&project, &["up"]);
    up.wait_for_talk("deploy-hook");
    up.signal(Signal::KILL);
    up.wait().expect(-9);
    let outcome = project.run(&["run", "look"]).expect(0);
    assert!(outcome.stderr.contains("Reusing"), "{}", outcome.stderr);
    // The hook of the deploy that was cut short runs again, from its start.
    assert!(outcome.stdout.ends_with("deployed\n"), "{}", outcome.stdout);
    expect_one_of_each(&project);
}

fn killed_after(moments: impl Iterator<Item = u64>) {
    let project = TestProject::on_engine(&config());
    // A first one, so that what follows is not about the image.
    project.run(&["up"]).expect(0);
    for milliseconds in moments {
        project.run(&["clean", "--yes"]).expect(0);
        let up = Running::start(&project, &["up"]);
        // Any moment will do; this one only spreads them.
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        up.signal(Signal::KILL);
        up.wait();
        let outcome = project.run(&["run", "look"]).expect(0);
        assert!(
            outcome.stdout.starts_with("built\ndeployed\n"),
            "after {milliseconds} ms: {}",
            outcome.stdout
        );
        expect_one_of_each(&project);
    }
}

#[test]
fn killed_at_any_moment_of_a_build() {
    killed_after((20..620).step_by(100));
}

#[test]
fn killed_at_any_moment_of_a_deploy() {
    killed_after((640..1240).step_by(100));
}

#[test]
fn killed_during_an_operation_which_the_next_run_then_ends() {
    let script = "echo ready; sleep 7601 & setsid sleep 7602 & sleep 7603";
    let project = TestProject::on_engine(&operations(&[("long", script), ("next", "echo next")]));
    let run = Running::start(&project, &["run", "long"]);
    run.wait_for_output("ready");
    wait_until("all of it runs", || {
        (7601..7604).all(|n| runs(&project, &format!("sleep {n}")))
    });
    run.signal(Signal::KILL);
    run.wait().expect(-9);
    let before = container(&project);
    let next = project.run(&["run", "next"]).expect(0);
    assert_eq!(next.stdout, "next\n");
    assert!(
        next.stderr.contains("upsun-local had been killed"),
        "{}",
        next.stderr
    );
    assert!(!runs(&project, "sleep 760"));
    assert_eq!(container(&project), before);
    let again = project.run(&["run", "next"]).expect(0);
    assert!(!again.stderr.contains("killed"), "{}", again.stderr);
}

#[test]
fn killed_while_an_operation_prints_without_end() {
    let project = TestProject::on_engine(&operations(&[
        ("endless", "exec yes 'one line'"),
        ("next", "echo next"),
    ]));
    let run = Running::start(&project, &["run", "endless"]);
    run.wait_for_output("one line");
    run.signal(Signal::KILL);
    run.wait();
    assert_eq!(project.run(&["run", "next"]).expect(0).stdout, "next\n");
    assert!(!runs(&project, "yes"));
}

#[test]
fn whoever_queued_behind_a_killed_run_goes_on() {
    let project = TestProject::on_engine(&operations(&[
        ("long", "echo ready; sleep 7611"),
        ("next", "echo next"),
    ]));
    let run = Running::start(&project, &["run", "long"]);
    run.wait_for_output("ready");
    let next = Running::start(&project, &["run", "next"]);
    next.wait_for_talk("Waiting");
    run.signal(Signal::KILL);
    assert_eq!(next.wait().expect(0).stdout, "next\n");
    assert!(!runs(&project, "sleep 7611"));
}

#[test]
fn helpers_of_a_run_that_ended_by_itself_are_not_taken_for_abandoned() {
    let project = TestProject::on_engine(&operations(&[
        ("start", "setsid sleep 7621 >/dev/null 2>&1 & echo started"),
        ("long", "echo ready; sleep 7622"),
        ("next", "echo next"),
    ]));
    project.run(&["run", "start"]).expect(0);
    let run = Running::start(&project, &["run", "long"]);
    run.wait_for_output("ready");
    run.signal(Signal::KILL);
    run.wait();
    project.run(&["run", "next"]).expect(0);
    assert!(!runs(&project, "sleep 7622"));
    assert!(runs(&project, "sleep 7621"));
}

#[test]
fn a_container_killed_under_an_operation_is_told_and_mended() {
    let project = TestProject::on_engine(&operations(&[
        ("long", "echo ready; sleep 7631"),
        ("next", "echo next"),
    ]));
    for arguments in [&["kill"][..], &["rm", "--force"], &["stop", "--time", "0"]] {
        let run = Running::start(&project, &["run", "long"]);
        run.wait_for_output("ready");
        docker(&[arguments, &[&container(&project)]].concat());
        let outcome = run.wait().expect(69);
        assert!(
            outcome
                .stderr
                .contains("error: the container of `app` went away while `long` ran in it"),
            "{arguments:?}: {}",
            outcome.stderr
        );
        assert!(outcome.stderr.contains("hint: "), "{}", outcome.stderr);
        assert_eq!(project.run(&["run", "next"]).expect(0).stdout, "next\n");
    }
}

#[test]
fn an_operation_that_kills_itself_is_not_a_container_that_went_away() {
    let project = TestProject::on_engine(&operations(&[("suicide", "kill -9 $$")]));
    let outcome = project.run(&["run", "suicide"]).expect(137);
    assert!(!outcome.stderr.contains("went away"), "{}", outcome.stderr);
}

#[test]
fn a_container_that_is_paused_does_not_hang_the_next_run_for_ever() {
    let project = TestProject::on_engine(&operations(&[("next", "echo next")]));
    project.run(&["up"]).expect(0);
    let id = container(&project);
    docker(&["pause", &id]);
    let outcome = project.run(&["run", "next"]);
    // Mended or refused with a hint, but not silent.
    if outcome.code != 0 {
        docker(&["unpause", &id]);
        assert!(outcome.stderr.contains("hint: "), "{}", outcome.stderr);
    }
}

#[test]
fn ctrl_c_on_a_paused_container_is_ctrl_c_all_the_same() {
    let project = TestProject::on_engine(&operations(&[
        ("long", "echo ready; sleep 7651"),
        ("next", "echo next"),
    ]));
    let run = Running::start(&project, &["run", "long"]);
    run.wait_for_output("ready");
    docker(&["pause", &container(&project)]);
    run.signal(Signal::INT);
    let outcome = run.wait().expect(130);
    assert!(outcome.stderr.contains("paused"), "{}", outcome.stderr);
    assert_eq!(project.run(&["run", "next"]).expect(0).stdout, "next\n");
    assert!(!runs(&project, "sleep 7651"));
}

/// Runs a command where the volume of the only build is `/build`.
fn in_build(project: &TestProject, command: &[&str]) {
    let build = volumes(project, "build").remove(0);
    let volume = format!("{build}:/build");
    let mut arguments = vec!["run", "--rm", "-v", &volume, "debian:bookworm"];
    arguments.extend(command);
    docker(&arguments);
}

/// Deletes all that is in the volume of the only build.
fn empty_build(project: &TestProject) {
    in_build(project, &["find", "/build", "-mindepth", "1", "-delete"]);
}

#[test]
fn an_emptied_build_is_noticed_and_made_again() {
    let project = TestProject::on_engine(&config());
    project.run(&["up"]).expect(0);
    // Under a container that runs, and under one that is to be started.
    for is_down in [false, true] {
        if is_down {
            project.run(&["down"]).expect(0);
        }
        empty_build(&project);
        let outcome = project.run(&["run", "look"]).expect(0);
        assert!(
            outcome.stdout.contains("built\ndeployed\n"),
            "{}",
            outcome.stdout
        );
        for said in ["the build of `app` was emptied", "Building"] {
            assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
        }
        let again = project.run(&["run", "look"]).expect(0);
        assert!(!again.stderr.contains("Building"), "{}", again.stderr);
    }
    expect_one_of_each(&project);
}

#[test]
fn a_build_that_lost_a_part_is_noticed_and_made_again() {
    let project = TestProject::on_engine(&app(&format!(
        "hooks: {{ build: 'mkdir -p lib/deep var/cache; echo built >lib/deep/f' }}\nmounts: {{ var/cache: {{ source: tmp }} }}\n{}",
        operations_of(&[("look", "cat lib/deep/f"), ("fail", "exit 3")])
    )));
    project.file("file", "here\n");
    project.run(&["up"]).expect(0);
    // Under a container that runs, and under one that is to be started. The mount point is still there.
    for is_down in [false, true] {
        if is_down {
            project.run(&["down"]).expect(0);
        }
        in_build(&project, &["rm", "/build/lib/deep/f"]);
        let outcome = project.run(&["run", "look"]).expect(0);
        assert_eq!(outcome.stdout, "built\n", "{}", outcome.stderr);
        for said in ["was emptied or damaged", "Building"] {
            assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
        }
    }
    // What is whole is not made again: neither after a failure nor for a new container.
    let failed = project.run(&["run", "fail"]).expect(3);
    assert!(!failed.stderr.contains("Building"), "{}", failed.stderr);
    project.run(&["down"]).expect(0);
    let outcome = project.run(&["run", "look"]).expect(0);
    assert!(!outcome.stderr.contains("Building"), "{}", outcome.stderr);
}

#[test]
fn an_emptied_build_without_mounts_is_made_again_too() {
    let project = TestProject::on_engine(&operations(&[("look", "cat file")]));
    project.file("file", "here\n");
    project.run(&["up"]).expect(0);
    project.run(&["down"]).expect(0);
    empty_build(&project);
    let outcome = project.run(&["run", "look"]).expect(0);
    assert_eq!(outcome.stdout, "here\n");
    assert!(outcome.stderr.contains("was emptied"), "{}", outcome.stderr);
    // An operation that fails for another reason is not run twice.
    project.run(&["exec", "--", "true"]).expect(0);
}

#[test]
fn a_kill_inside_of_a_test_or_an_undo_is_mended_by_the_next_command() {
    let project = TestProject::on_engine(&app(&format!(
        "mounts: {{ data: {{ source: storage }} }}\n{}",
        operations_of(&[
            ("spoil", "echo two >data/held; echo ready; sleep 7661"),
            ("look", "cat data/held"),
        ])
    )));
    project.file(
        ".upsun-local.yaml",
        &format!(
            "project: {}\ntests:\n  spoil: {{ operation: spoil }}\n  look: {{ operation: look }}\n",
            project.id
        ),
    );
    project
        .run(&["exec", "--", "dash", "-c", "echo one >data/held"])
        .expect(0);
    for arguments in [&["-v", "test"][..], &["run", "spoil", "--undo"]] {
        for next in [
            &["run", "look"][..],
            &["test", "look"],
            &["run", "look", "--undo"],
            &["exec", "--", "cat", "data/held"],
        ] {
            let run = Running::start(&project, arguments);
            wait_until("it is spoilt", || runs(&project, "sleep 7661"));
            run.signal(Signal::KILL);
            run.wait().expect(-9);
            let mended = project.run(next).expect(0);
            assert!(mended.stderr.contains("was cut off"), "{}", mended.stderr);
            let look = project.run(&["run", "look"]).expect(0);
            assert_eq!(look.stdout, "one\n", "{arguments:?} {next:?}");
            assert!(!runs(&project, "sleep 7661"));
        }
    }
}

/// A socket in front of the engine's that can be cut.
pub(crate) struct Relay {
    pub(crate) address: String,
    connections: Arc<Mutex<Vec<UnixStream>>>,
    socket: std::path::PathBuf,
}

impl Relay {
    pub(crate) fn start(directory: &Path) -> Relay {
        let host = std::env::var("DOCKER_HOST").unwrap_or_default();
        let engine = host.strip_prefix("unix://");
        Self::to(directory, engine.unwrap_or("/var/run/docker.sock"))
    }

    /// A relay to the engine at another socket.
    pub(crate) fn to(directory: &Path, engine: &str) -> Relay {
        let engine = engine.to_owned();
        let socket = directory.join("relay.sock");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let connections = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&connections);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = UnixStream::connect(&engine) else {
                    return;
                };
                let ends = [(&client, &server), (&server, &client)];
                for (from, to) in ends {
                    let pair = from
                        .try_clone()
                        .and_then(|from| Ok((from, to.try_clone()?)));
                    let (mut from, mut to) = pair.expect("another handle");
                    std::thread::spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(std::net::Shutdown::Write);
                    });
                }
                kept.lock().expect("the list").extend([client, server]);
            }
        });
        Relay {
            address: format!("unix://{}", socket.display()),
            connections,
            socket,
        }
    }

    /// Ends all connections and takes no more, as an engine does that is stopped.
    pub(crate) fn cut(&self) {
        std::fs::remove_file(&self.socket).expect("the socket");
        for connection in self.connections.lock().expect("the list").iter() {
            let _ = connection.shutdown(std::net::Shutdown::Both);
        }
    }
}

#[test]
fn an_engine_that_goes_away_under_an_operation_is_told_and_the_next_run_goes_on() {
    let project = TestProject::on_engine(&operations(&[
        ("long", "echo ready; sleep 7641"),
        ("next", "echo next"),
    ]));
    project.run(&["up"]).expect(0);
    let relay = Relay::start(&project.root());
    let run = Running::start(&project, &["--engine", &relay.address, "run", "long"]);
    run.wait_for_output("ready");
    relay.cut();
    let outcome = run.wait().expect(69);
    assert!(
        outcome
            .stderr
            .contains("error: the container engine stopped answering"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("hint: "), "{}", outcome.stderr);
    assert!(runs(&project, "sleep 7641"));
    let next = project.run(&["run", "next"]).expect(0);
    assert_eq!(next.stdout, "next\n");
    assert!(!runs(&project, "sleep 7641"));
}
