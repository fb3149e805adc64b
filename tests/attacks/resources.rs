//! What code of a repository, or a broken engine, can take of this machine: memory, disk and time.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::sync::mpsc;

use crate::support::TestProject;

const MIB: usize = 1024 * 1024;

fn app(properties: &str) -> String {
    let mut text =
        String::from("applications:\n  app:\n    type: nodejs:24\n    build: { flavor: none }\n");
    for line in properties.lines() {
        text.push_str(&format!("    {line}\n"));
    }
    text
}

fn with_memory(properties: &str, resources: &str) -> TestProject {
    let project = TestProject::on_engine(&app(properties));
    let settings = format!("project: {}\nresources: {resources}\n", project.id);
    project.file(".upsun-local.yaml", &settings);
    project
}

#[test]
fn the_log_of_a_web_process_that_prints_a_lot_is_bounded() {
    let project = TestProject::on_engine(&app(
        "web: { commands: { start: 'yes 0123456789012345678901234567890123456789 | head -c 60000000; echo the end; touch /tmp/done; exec sleep 100000' } }
operations: { wait: { commands: { start: 'until [ -e /tmp/done ]; do sleep 0.2; done' } } }",
    ));
    project.run(&["run", "wait"]).expect(0);
    let logs = project.run(&["logs"]).expect(0).stdout;
    assert!(logs.len() <= 20 * MIB, "{}", logs.len());
    assert!(logs.len() >= MIB, "{}", logs.len());
    assert!(logs.ends_with("the end\n"), "{:?}", logs.lines().last());
}

#[test]
fn what_takes_too_much_memory_is_killed_and_explained() {
    let project = with_memory(
        "operations:
  hog: { commands: { start: 'tail /dev/zero' } }
  hidden: { commands: { start: 'bash -c \"tail /dev/zero; exit 3\"' } }
  killed: { commands: { start: 'exit 137' } }
  ok: { commands: { start: 'echo still here' } }",
        "{memory: 64MB}",
    );
    let explained = "warning: a process of `app` was killed: its container had used all the memory that it may have";
    let hint = "`resources: {memory: 4GB}` in .upsun-local.yaml sets another limit";
    // Nothing was killed yet.
    let killed = project.run(&["run", "killed"]).expect(137);
    assert!(!killed.stderr.contains("memory"), "{}", killed.stderr);
    let hog = project.run(&["run", "hog"]).expect(137);
    assert!(hog.stderr.contains(explained), "{}", hog.stderr);
    assert!(hog.stderr.contains(hint), "{}", hog.stderr);
    let hidden = project.run(&["run", "hidden"]).expect(3);
    assert!(hidden.stderr.contains(explained), "{}", hidden.stderr);
    let ok = project.run(&["run", "ok"]).expect(0);
    assert_eq!(ok.stdout, "still here\n");
}

#[test]
fn a_build_that_takes_too_much_memory_is_killed_and_explained() {
    let project = with_memory(
        "hooks: { build: 'tail /dev/zero' }
operations: { ok: { commands: { start: 'true' } } }",
        "{memory: 64MB}",
    );
    let run = project.run(&["run", "ok"]).expect(1);
    assert!(
        run.stderr
            .contains("was killed: its container had used all the memory"),
        "{}",
        run.stderr
    );
}

#[test]
fn tmp_is_full_before_memory_is() {
    let project = with_memory(
        "operations: { fill: { commands: { start: 'head -c 100000000 /dev/zero >/tmp/x' } }, size: { commands: { start: 'df -m /tmp | tail -n 1' } } }",
        "{memory: 128MiB}",
    );
    let fill = project.run(&["run", "fill"]).expect(1);
    assert!(
        fill.stderr.contains("No space left on device"),
        "{}",
        fill.stderr
    );
    let size = project.run(&["run", "size"]).expect(0).stdout;
    assert!(size.split_whitespace().any(|word| word == "64"), "{size}");
}

/// Without any setting, a container may take half of the engine's memory, all processes together, and no swap.
#[test]
fn memory_is_limited_without_a_setting() {
    let project =
        TestProject::on_engine(&app("operations: { ok: { commands: { start: 'true' } } }"));
    project.run(&["run", "ok"]).expect(0);
    let docker = |arguments: &[&str]| {
        let output = Command::new("docker")
            .args(arguments)
            .output()
            .expect("docker runs");
        assert!(output.status.success(), "docker {arguments:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let machine: u64 = docker(&["info", "--format", "{{.MemTotal}}"])
        .parse()
        .expect("a number");
    let root = std::fs::canonicalize(project.root()).expect("a repository");
    let filter = format!("label=local.upsun.repository={}", root.display());
    let id = docker(&[
        "ps",
        "-q",
        "--filter",
        &filter,
        "--filter",
        "label=local.upsun.kind=web",
    ]);
    let format =
        "{{.HostConfig.Memory}} {{.HostConfig.OomScoreAdj}} {{.HostConfig.LogConfig.Type}}";
    let half = machine / 2;
    assert_eq!(
        docker(&["inspect", "--format", format, &id]),
        format!("{half} 500 json-file")
    );
}

/// An engine that greets and then never answers; what it was asked arrives at the receiver.
fn silent_engine(socket: &std::path::Path) -> mpsc::Receiver<String> {
    let listener = UnixListener::bind(socket).expect("a socket");
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut line = String::new();
            let Ok(copy) = stream.try_clone() else { return };
            let _ = BufReader::new(copy).read_line(&mut line);
            if line.contains("/_ping ") {
                let _ = stream.write_all(
                    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK",
                );
                continue;
            }
            if sender.send(line).is_err() {
                return;
            }
            kept.push(stream);
        }
    });
    receiver
}

#[test]
fn the_first_interrupt_ends_the_wait_for_a_silent_engine() {
    let project = TestProject::new(&app("operations: { ok: { commands: { start: 'true' } } }"));
    let directory = tempfile::tempdir().expect("a directory");
    for arguments in [&["run", "ok"][..], &["up"], &["down"], &["clean", "--yes"]] {
        let socket = directory.path().join(arguments[0]);
        let asked = silent_engine(&socket);
        let address = format!("unix://{}", socket.display());
        let mut child = project
            .command(arguments)
            .args(["--engine", &address])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        asked.recv().expect("a question");
        let id = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(id, rustix::process::Signal::INT).expect("it is there");
        let stderr = std::io::read_to_string(child.stderr.take().expect("a pipe")).expect("text");
        let code = crate::support::code(child.wait().expect("it ends"));
        assert_eq!(code, 130, "{arguments:?}: {stderr}");
        // `clean` asks a question later on, at which Ctrl-C ends it at once; so it does before that.
        let is_told = arguments[0] == "clean" || stderr.contains("did not answer after Ctrl-C");
        assert!(is_told, "{arguments:?}: {stderr}");
    }
}
