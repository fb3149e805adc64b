//! `dev` and `--synced`: edits, restarts, rebuilds, and days on which something is killed, full or asleep.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rustix::process::Signal;

use crate::engine::{app, containers, docker, label, objects, running, volumes, wait_until};
use crate::process::Running;
use crate::support::TestProject;

/// Answers with the file `shown`, what the build made of `version`, and when the process was started. It takes as many
/// milliseconds to listen as the file `slow` says.
const SERVER: &str = "\
const fs = require('fs');
const read = name => { try { return fs.readFileSync(name, 'utf8').trim() } catch { return 'nothing' } };
const began = process.hrtime.bigint();
const server = require('http').createServer((_, answer) => {
    answer.end(`${read('shown')}, ${read('built')}, began ${began}.\\n`);
});
setTimeout(() => server.listen(process.env.PORT), Number(read('slow')) || 0);
";

fn project(settings: &str) -> TestProject {
    let config = app("web: { commands: { start: node server.js } }\n\
         hooks: { build: 'cp version built' }\n\
         operations: { show: { commands: { start: cat shown } } }")
        + "routes: { 'http://{default}/': { type: upstream, upstream: 'app:http' } }\n";
    let project = TestProject::on_engine(&config);
    let settings = format!("project: {}\n{settings}", project.id);
    project
        .file("server.js", SERVER)
        .file("version", "build 1\n")
        .file("shown", "one\n")
        .file(".upsun-local.yaml", &settings);
    project
}

fn start(project: &TestProject) -> (Running, String) {
    start_with(project, &["dev"])
}

fn start_with(project: &TestProject, command: &[&str]) -> (Running, String) {
    let dev = Running::start(project, command);
    dev.wait_for_talk(" Watching ");
    let said = dev.stderr();
    let line = said.lines().find(|line| line.contains(" Open http"));
    let url = line.and_then(|line| line.split_whitespace().nth(1));
    (dev, url.expect("an address").to_owned())
}

/// The body of the answer to a GET request, or nothing while nothing answers.
fn get(url: &str) -> String {
    let text = whole_answer(url);
    text.split_once("\r\n\r\n")
        .map_or_else(String::new, |(_, body)| body.trim().to_owned())
}

/// The answer to a GET request, with its status and headers.
fn whole_answer(url: &str) -> String {
    let authority = url.trim_start_matches("http://").trim_end_matches('/');
    let port = authority
        .rsplit(':')
        .next()
        .and_then(|port| port.parse().ok());
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port.expect("a port"))) else {
        return String::new();
    };
    let _ = write!(stream, "GET / HTTP/1.0\r\nHost: {authority}\r\n\r\n");
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text);
    text
}

/// Requests that come one after the other, without a pause.
struct Requests {
    ends: Arc<AtomicBool>,
    thread: JoinHandle<Vec<String>>,
}

impl Requests {
    fn begin(url: &str) -> Requests {
        let ends = Arc::new(AtomicBool::new(false));
        let (url, told) = (url.to_owned(), Arc::clone(&ends));
        let thread = std::thread::spawn(move || {
            let mut answers = Vec::new();
            while !told.load(Ordering::Relaxed) {
                answers.push(whole_answer(&url));
            }
            answers
        });
        Requests { ends, thread }
    }

    /// Ends them. All must have been answered, and well.
    #[track_caller]
    fn end(self) {
        self.ends.store(true, Ordering::Relaxed);
        let answers = self.thread.join().expect("the thread ends");
        assert!(!answers.is_empty());
        let is_good = |answer: &&String| answer.starts_with("HTTP/1.1 200 ");
        let bad: Vec<&String> = answers.iter().filter(|answer| !is_good(answer)).collect();
        assert!(
            bad.is_empty(),
            "{} of {}: {bad:?}",
            bad.len(),
            answers.len()
        );
    }
}

#[track_caller]
fn served(url: &str, text: &str) -> String {
    let mut body = String::new();
    wait_until(&format!("{text:?} is served"), || {
        body = get(url);
        body.contains(text)
    });
    body
}

/// The names of the running containers of a kind.
fn of_kind(project: &TestProject, kind: &str) -> Vec<String> {
    let kind = format!("label=local.upsun.kind={kind}");
    let found = docker(&[
        "ps",
        "--filter",
        &label(project),
        "--filter",
        &kind,
        "--format",
        "{{.Names}}",
    ]);
    found.lines().map(str::to_owned).collect()
}

#[track_caller]
fn reports_say_as_edited(project: &TestProject) {
    for (format, said) in [
        ("junit", "as edited"),
        ("github", "as edited"),
        ("json", "\"synced\": true"),
    ] {
        let test = project
            .run(&["test", "--synced", "--format", format])
            .expect(0);
        assert!(test.stdout.contains(said), "{}", test.stdout);
    }
    let record = project
        .run(&["activity", "list", "--format", "json"])
        .expect(0)
        .stdout;
    assert!(record.contains("tests as edited"), "{record}");
    assert!(
        record.contains("ran the operation show on app as edited"),
        "{record}"
    );
}

#[test]
fn what_is_edited_is_served_until_dev_is_left() {
    let project = project("");
    let (dev, url) = start(&project);
    let first = served(&url, "one, build 1");
    project.file("shown", "two\n");
    let second = served(&url, "two, build 1");
    assert_eq!(first.split("began").last(), second.split("began").last());
    std::fs::remove_file(project.root().join("shown")).expect("a file");
    served(&url, "nothing, build 1");
    project.file("shown", "three\n");
    served(&url, "three");
    // As edited or as built, and both say which.
    project.file("shown", "four\n");
    let edited = project.run(&["run", "show", "--synced"]).expect(0);
    assert_eq!(edited.stdout, "four\n");
    assert!(edited.stderr.contains("as edited, not a clean build"));
    let json = project.run(&["run", "show", "--synced", "--format", "json"]);
    let json = json.expect(0).stdout;
    assert!(json.contains("\"synced\":true"), "{json}");
    let test = project.run(&["test", "--synced"]).expect(0);
    assert!(
        test.stderr.contains("as edited, not a clean build"),
        "{}",
        test.stderr
    );
    reports_say_as_edited(&project);
    let exec = project
        .run(&["exec", "--synced", "--", "cat", "shown"])
        .expect(0);
    assert_eq!(exec.stdout, "four\n");
    let write = project
        .run(&["exec", "--synced", "--", "touch", "shown"])
        .expect(1);
    assert!(
        write.stderr.contains("Read-only file system"),
        "{}",
        write.stderr
    );
    let clean = project.run(&["run", "show"]).expect(0);
    assert!(clean.stderr.contains("Building app"), "{}", clean.stderr);
    assert!(!clean.stderr.contains("as edited"), "{}", clean.stderr);
    // Two of them would write into the same containers.
    let other = project.run(&["dev"]).expect(75);
    assert!(
        other
            .stderr
            .contains("`dev` runs in this environment already")
    );
    // `up` leaves the routes to `dev`.
    project.run(&["up"]).expect(0);
    project.file("shown", "five\n");
    served(&url, "five");
    dev.wait_for_talk(" 200 GET ");
    dev.signal(Signal::INT);
    let left = dev.wait().expect(130);
    assert!(left.stderr.contains("     Left "), "{}", left.stderr);
    for kind in ["synced", "synced-front", "synced-router", "syncing"] {
        assert_eq!(of_kind(&project, kind), [""; 0], "{kind}");
    }
    served(&url, "four, build 1");
    let without = project.run(&["run", "show", "--synced"]).expect(75);
    assert!(without.stderr.contains("`app` is not being edited"));
    project.run(&["down", "--volumes", "--yes"]).expect(0);
    assert_eq!(volumes(&project, "synced"), [""; 0]);
}

#[test]
fn what_a_killed_dev_leaves_goes_with_the_next_command() {
    let project = project("");
    project.run(&["up"]).expect(0);
    let (dev, url) = start(&project);
    project.file("shown", "two\n");
    served(&url, "two");
    dev.signal(Signal::KILL);
    dev.wait();
    project.file("shown", "three\n");
    let run = project.run(&["run", "show"]).expect(0);
    assert_eq!(run.stdout, "three\n");
    assert!(run.stderr.contains("`dev` was cut off"), "{}", run.stderr);
    assert!(!run.stderr.contains("as edited"), "{}", run.stderr);
    served(&url, "three");
    for kind in ["synced", "synced-front", "synced-router", "syncing"] {
        assert_eq!(of_kind(&project, kind), [""; 0], "{kind}");
    }
    let (dev, url) = start(&project);
    served(&url, "three");
    dev.signal(Signal::KILL);
    dev.wait();
    project.run(&["down", "--volumes", "--yes"]).expect(0);
    assert_eq!(containers(&project), [""; 0]);
    project.run(&["clean", "--yes"]).expect(0);
    assert_eq!(objects(&project), 0);
}

#[test]
fn named_files_restart_the_process_or_build_anew() {
    let project = project("dev: {restart: [restart.txt], rebuild: [version]}\n");
    let (dev, url) = start(&project);
    let first = served(&url, "one, build 1");
    project.file("slow", "700\n");
    wait_until("the file is there", || {
        let seen = project.run(&["exec", "--synced", "-q", "--", "cat", "slow"]);
        seen.stdout == "700\n"
    });
    let requests = Requests::begin(&url);
    project.file("restart.txt", "now\n");
    dev.wait_for_talk("Restarted app because of restart.txt");
    let mut second = String::new();
    wait_until("another process serves", || {
        second = get(&url);
        second.contains("one, build 1") && second != first
    });
    project.file("version", "build 2\n");
    dev.wait_for_talk("Switched to the new build of app");
    served(&url, "one, build 2");
    requests.end();
    assert_eq!(of_kind(&project, "synced").len(), 1);
    project.file("shown", "two\n");
    served(&url, "two, build 2");
    // A configuration with a mistake changes nothing; a good one is taken over.
    let config = std::fs::read_to_string(project.root().join(".upsun/config.yaml")).expect("one");
    project.file(".upsun/config.yaml", "applications: [\n");
    dev.wait_for_talk("the apps go on as they are");
    served(&url, "two, build 2");
    project.file(
        ".upsun/config.yaml",
        &config.replace("cp version", "sed s/2/3/ version >"),
    );
    served(&url, "two, build 3");
    dev.signal(Signal::INT);
    dev.wait().expect(130);
}

#[test]
fn containers_that_are_killed_come_back() {
    let project = project("");
    let (dev, url) = start(&project);
    served(&url, "one");
    let helper = &of_kind(&project, "syncing")[0];
    docker(&["kill", helper]);
    project.file("shown", "two\n");
    served(&url, "two");
    docker(&["kill", &of_kind(&project, "synced")[0]]);
    dev.wait_for_talk("the container of `app` has ended, and is started again");
    project.file("shown", "three\n");
    served(&url, "three");
    // What is removed for good ends it.
    project.run(&["down"]).expect(0);
    let ended = dev.wait();
    assert_ne!(ended.code, 0);
    assert!(
        ended
            .stderr
            .contains("something removed the container of `app`"),
        "{}",
        ended.stderr
    );
    assert_eq!(running(&project), [""; 0]);
}

#[test]
fn a_switch_of_branches_is_written_whole() {
    let project = project("");
    let git = |arguments: &[&str]| {
        let status = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
            .args(arguments)
            .current_dir(project.root())
            .status();
        assert!(status.expect("git runs").success(), "{arguments:?}");
    };
    for number in 0..500 {
        project.file(&format!("many/{}/{number}", number % 7), "first\n");
    }
    git(&["init", "-q", "-b", "one"]);
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "one"]);
    git(&["checkout", "-q", "-b", "two"]);
    for number in 0..500 {
        let place = number % 5;
        if place > 0 {
            project.file(&format!("many/{}/{number}", number % 7), "second\n");
        }
    }
    git(&["rm", "-rfq", "many/0"]);
    project.file("many/0", "a file now\n");
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "two"]);
    git(&["checkout", "-q", "one"]);
    let (dev, _) = start(&project);
    let sums = || {
        let script = "find many -type f -exec md5sum {} + | sort";
        let there = project.run(&["exec", "--synced", "-q", "--", "sh", "-c", script]);
        let here = Command::new("sh")
            .args(["-c", script])
            .current_dir(project.root())
            .output()
            .expect("a shell");
        let here = String::from_utf8_lossy(&here.stdout).into_owned();
        (there.expect(0).stdout, here)
    };
    for branch in ["two", "one"] {
        git(&["checkout", "-q", branch]);
        let (there, here) = sums();
        assert_eq!(there, here, "{branch}");
    }
    dev.signal(Signal::INT);
    dev.wait().expect(130);
}

/// A file system with almost no room, which only the helper sees, stands for a disk that is full.
#[test]
fn what_a_full_disk_does_not_take_is_written_once_there_is_room() {
    let project = project("");
    project.file("small/shown", "one\n");
    let (dev, _) = start(&project);
    let helper = of_kind(&project, "syncing").remove(0);
    let process = docker(&["inspect", "--format", "{{.State.Pid}}", &helper]);
    let inside = |command: &str| {
        let mut nsenter = Command::new("nsenter");
        let nsenter = nsenter.args(["--mount", "--target", process.trim()]);
        let done = nsenter.args(command.split(' ')).status();
        done.is_ok_and(|status| status.success())
    };
    let options = "size=16k,uid=10000,gid=10000";
    if !inside(&format!("mount -t tmpfs -o {options} none /app/small")) {
        eprintln!("not tested: only root mounts anything in a container, on the engine's machine");
        return;
    }
    let large = "x".repeat(100_000);
    project.file("small/shown", &large);
    dev.wait_for_talk("the container engine's disk is full: ");
    let refused = project.run(&["exec", "--synced", "--", "true"]);
    assert_eq!(refused.code, 75, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("disk is full"),
        "{}",
        refused.stderr
    );
    assert!(inside("umount /app/small"));
    dev.wait_for_talk(" Synced small/shown");
    let shown = project.run(&["exec", "--synced", "--", "wc", "-c", "small/shown"]);
    assert!(shown.expect(0).stdout.starts_with("100000 "));
    dev.signal(Signal::INT);
    let left = dev.wait().expect(130);
    // It is tried again and again, and said once.
    assert_eq!(
        left.stderr.matches("disk is full").count(),
        1,
        "{}",
        left.stderr
    );
}

#[test]
fn an_edited_app_reaches_another_one_as_it_is_edited() {
    let config = "\
applications:
  shop:
    type: nodejs:24
    build: {flavor: none}
    source: {root: shop}
    relationships: {api: 'api:http'}
    web: {commands: {start: node server.js}}
  api:
    type: nodejs:24
    build: {flavor: none}
    source: {root: api}
    web: {commands: {start: node server.js}}
routes: {'http://{default}/': {type: upstream, upstream: 'shop:http'}}
";
    let project = TestProject::on_engine(config);
    project
        .file("api/server.js", SERVER)
        .file("api/shown", "one\n")
        .file(
            "shop/server.js",
            "\
require('http').createServer((_, answer) => {
    const asked = require('http').get('http://api.internal/', from => from.pipe(answer));
    asked.on('error', err => answer.end(String(err)));
}).listen(process.env.PORT);
",
        )
        .file(
            ".upsun-local.yaml",
            &format!("project: {}\ndev: {{rebuild: [anew]}}\n", project.id),
        );
    let (dev, url) = start(&project);
    served(&url, "one");
    project.file("api/shown", "two\n");
    served(&url, "two");
    // Its container has another name then.
    project.file("api/anew", "");
    dev.wait_for_talk("Switched to the new build of shop");
    project.file("api/shown", "three\n");
    served(&url, "three");
    dev.signal(Signal::INT);
    dev.wait().expect(130);
    let (dev, url) = start_with(&project, &["dev", "shop"]);
    project.file("api/shown", "four\n");
    project.file("shop/other", "\n");
    dev.wait_for_talk(" Synced other");
    assert!(get(&url).contains("three"), "{}", get(&url));
    dev.signal(Signal::INT);
    dev.wait().expect(130);
}

#[test]
fn what_was_edited_while_dev_slept_is_written_when_it_wakes() {
    let project = project("");
    project.file("old/file", "one\n");
    let (dev, url) = start(&project);
    served(&url, "one");
    dev.signal(Signal::STOP);
    for number in 0..300 {
        project.file(&format!("many/{number}/file"), "new\n");
    }
    project.file("shown", "two\n");
    std::fs::remove_dir_all(project.root().join("old")).expect("a directory");
    dev.signal(Signal::CONT);
    served(&url, "two");
    let script = "ls many | wc -l; ls";
    let there = project.run(&["exec", "--synced", "-q", "--", "sh", "-c", script]);
    let there = there.expect(0).stdout;
    assert!(there.starts_with("300\n"), "{there}");
    assert!(!there.contains("old"), "{there}");
    dev.signal(Signal::INT);
    dev.wait().expect(130);
}
