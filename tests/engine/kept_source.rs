//! The source on its way to an engine on another machine: only changes travel. A script stands for the `ssh` command,
//! leads to the engine of all tests, and counts.

use std::os::unix::fs::PermissionsExt;

use crate::engine::{app, operations_of, volumes};
use crate::support::{Outcome, TestProject, outcome};

/// Answers the login as `ssh` does, and carries everything else to the engine of all tests, through a file that shows
/// what was sent.
const SSH: &str = r#"#!/bin/bash
for word; do
    [ "$before" = -S ] && socket=$word
    [ "$word" = -M ] && login=yes
    before=$word
done
if [ "$login" ]; then : >"$socket"; echo; exec cat; fi
case "$*" in *dial-stdio*) ;; *) exit 1 ;; esac
if [ "$FAR_ENGINE" ]; then export DOCKER_HOST=$FAR_ENGINE; else unset DOCKER_HOST; fi
echo >>"$(dirname "$0")/opened"
exec docker system dial-stdio < <(exec tee >(wc -c >>"$(dirname "$0")/sent"))
"#;

struct Far {
    project: TestProject,
    programs: tempfile::TempDir,
}

impl Far {
    fn new(project: TestProject) -> Self {
        let programs = tempfile::tempdir().expect("a directory");
        let ssh = programs.path().join("ssh");
        std::fs::write(&ssh, SSH).expect("a script");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&ssh, mode).expect("a program");
        Far { project, programs }
    }

    /// Runs the binary, and returns with its outcome how many bytes went to the engine.
    fn run(&self, arguments: &[&str]) -> (Outcome, u64) {
        let file = |name: &str| self.programs.path().join(name);
        for name in ["opened", "sent"] {
            let _ = std::fs::remove_file(file(name));
        }
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = self.project.command(arguments);
        command
            .env("PATH", format!("{}:{path}", self.programs.path().display()))
            .env(
                "FAR_ENGINE",
                std::env::var_os("DOCKER_HOST").unwrap_or_default(),
            )
            .env("DOCKER_HOST", "ssh://far.example.org");
        let outcome = outcome(&mut command, &self.project.root());
        let lines = |name: &str| {
            let text = std::fs::read_to_string(file(name)).unwrap_or_default();
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        // What counts a connection ends after the command that had it open.
        let all_are_counted = || lines("sent").len() == lines("opened").len();
        crate::engine::wait_until("all connections are counted", all_are_counted);
        let sent = lines("sent").into_iter();
        let sent = sent.filter_map(|line| line.trim().parse::<u64>().ok());
        (outcome, sent.sum())
    }
}

/// Shows what is in the app: every path with its kind, mode and owner, and the content of files.
const SHOW: &str = "stat -c '%a %u %g' .; find . -mindepth 1 -printf '%p %y %m %U %l\\n' | LC_ALL=C sort; find . -type f ! -name noise -print0 | LC_ALL=C sort -z | xargs -0 cat";

fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state.to_be_bytes()[0]
    };
    (0..400_000).map(|_| next()).collect()
}

#[test]
fn an_engine_on_another_machine_gets_only_what_has_changed() {
    let config = app(&operations_of(&[("show", SHOW)]));
    let far = Far::new(TestProject::on_engine(&config));
    let root = far.project.root();
    std::fs::write(root.join("noise"), noise(1)).expect("a file");
    far.project.file("deep/down/one", "one\n");
    far.project.file("deep/down/two", "two\n");
    far.project.file("turns/into", "a file\n");
    far.project.file("becomes", "a directory\n");
    far.project.file("odd\nname", "odd\n");
    std::os::unix::fs::symlink("/etc/hostname", root.join("link")).expect("a link");
    let (first, sent) = far.run(&["run", "show"]);
    first.expect(0);
    assert!(sent > 400_000, "{sent}");

    far.project.file("deep/down/one", "changed\n");
    std::fs::remove_file(root.join("deep/down/two")).expect("a file");
    std::fs::remove_dir_all(root.join("turns")).expect("a directory");
    far.project.file("turns", "now a file\n");
    std::fs::remove_file(root.join("becomes")).expect("a file");
    far.project.file("becomes/new", "new\n");
    std::fs::remove_file(root.join("link")).expect("a link");
    std::os::unix::fs::symlink("deep", root.join("link")).expect("a link");
    let program = root.join("program");
    std::fs::write(&program, "echo\n").expect("a file");
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).expect("a program");
    let (second, sent) = far.run(&["run", "show"]);
    let second = second.expect(0);
    assert!(sent < 100_000, "{sent}");

    // The build is what an engine on this machine makes of the same files.
    far.project.run(&["clean", "--yes"]).expect(0);
    let here = far.project.run(&["run", "show"]).expect(0);
    assert_eq!(second.stdout, here.stdout);
    assert!(here.stdout.contains("./turns f 644"), "{}", here.stdout);
}

#[test]
fn a_kept_source_without_its_list_is_sent_anew() {
    let config = app(&operations_of(&[("show", SHOW)]));
    let far = Far::new(TestProject::on_engine(&config));
    far.project.file("file", "first\n");
    far.run(&["run", "show"]).0.expect(0);
    // As a process leaves it that is killed in the middle.
    let volume = volumes(&far.project, "kept-source").remove(0);
    let place =
        crate::engine::docker(&["volume", "inspect", "--format", "{{.Mountpoint}}", &volume]);
    let place = std::path::Path::new(place.trim());
    std::fs::remove_file(place.join("manifest")).expect("the list");
    std::fs::write(place.join("tree/file"), "half\n").expect("a file");
    std::fs::write(place.join("tree/stranger"), "stays\n").expect("a file");
    far.project.file("other", "other\n");
    let shown = far.run(&["run", "show"]).0.expect(0).stdout;
    assert!(shown.contains("first\nother\n"), "{shown}");
    assert!(!shown.contains("stranger"), "{shown}");
}
