//! A repository that makes Git run its code: each way to plant a program, and every command run over it.

mod commands;
mod plants;

use std::path::Path;

use crate::support::{TestProject, outcome};

use self::commands::run_every_command;

const CONFIG: &str = r#"
applications:
  app:
    type: "nodejs:24"
    source:
      root: "/"
      operations:
        update:
          command: "true"
    operations:
      block:
        role: viewer
        commands:
          start: "true"
    mounts:
      var:
        source: storage
        source_path: var
    crons:
      tick:
        spec: "0 0 * * *"
        commands:
          start: "true"
    hooks:
      build: "true"
"#;

const SETTINGS: &str = "tests:\n  block:\n    operation: block\n";

/// A repository with a commit, a change that is not committed and a file that Git does not know; and a program beside
/// it that notes that it was run.
struct Planted {
    project: TestProject,
    /// Where the commands run, relative to the repository.
    directory: &'static str,
    /// Put in front of `PATH`.
    path: &'static str,
}

impl Planted {
    fn new() -> Planted {
        let planted = Planted {
            project: TestProject::new(CONFIG),
            directory: "",
            path: "",
        };
        let settings = format!("project: {}\n{SETTINGS}", planted.project.id);
        planted
            .project
            .file(".upsun-local.yaml", &settings)
            .file(".gitignore", "/ignored/\n")
            .file("package.json", "{}\n")
            .file("in/a", "a\n")
            .file("out/b", "b\n");
        let program = planted.beside("evil");
        let canary = planted.beside("canary");
        let script = format!(
            "#!/bin/sh\n{{ echo \"$0 $*\"; tr '\\0' ' ' </proc/$PPID/cmdline; echo; }} >>'{}'\n\
             [ \"$1\" != filter ] || cat\n",
            canary.display()
        );
        std::fs::write(&program, script).expect("the repository can be made");
        make_executable(&program);
        let user = "[user]\nname = A\nemail = a@example.org\n[init]\ndefaultBranch = main\n";
        std::fs::write(planted.beside("gitconfig"), user).expect("the repository can be made");
        planted.git("", &["init", "-q"]);
        planted.git("", &["add", "-A"]);
        planted.git("", &["commit", "-qm", "all"]);
        planted
    }

    /// What makes files look changed to Git, so that it has a reason to run filters.
    fn change(&self) -> &Self {
        self.project.file("in/a", "A\n").file("new", "new\n");
        self
    }

    fn root(&self) -> std::path::PathBuf {
        self.project.root()
    }

    /// A path outside of the repository.
    fn beside(&self, name: &str) -> std::path::PathBuf {
        self.root()
            .parent()
            .expect("the repository can be made")
            .join(name)
    }

    fn program(&self) -> String {
        self.beside("evil").display().to_string()
    }

    /// Runs the user's own Git, with nothing planted yet, or where that does no harm.
    fn git(&self, directory: &str, words: &[&str]) -> String {
        let output = std::process::Command::new("git")
            .args(words)
            .current_dir(self.root().join(directory))
            .env("GIT_CONFIG_GLOBAL", self.beside("gitconfig"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .expect("the repository can be made");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {words:?}: {said}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The binary, where the attack is planted, and with an engine that does not answer.
    fn command(&self, words: &[&str]) -> std::process::Command {
        let mut command = self.project.command(words);
        let path = std::env::var("PATH").expect("the repository can be made");
        command
            .current_dir(self.root().join(self.directory))
            .env("PATH", format!("{}{path}", self.path))
            .env("GIT_CONFIG_GLOBAL", self.beside("gitconfig"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("DOCKER_HOST", "unix:///nowhere/docker.sock");
        command
    }

    /// What was run, which must be nothing.
    fn canary(&self) -> Option<String> {
        std::fs::read_to_string(self.beside("canary")).ok()
    }

    /// Runs every command. Nothing of the repository may have run.
    #[track_caller]
    fn holds(&self) {
        let ran = run_every_command(self);
        assert!(
            ran.is_empty(),
            "code of the repository ran:\n{}",
            ran.join("\n")
        );
    }
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
        .expect("the repository can be made");
}

#[test]
fn programs_in_the_configuration_of_an_unpacked_repository_do_not_run() {
    let planted = Planted::new();
    plants::into(&planted, &planted.root().join(".git"));
    planted.change().holds();
}

#[test]
fn programs_in_a_file_that_the_configuration_includes_do_not_run() {
    let planted = Planted::new();
    let evil = planted.root().join("evil.config");
    std::fs::write(evil, plants::settings(&planted.program())).unwrap();
    plants::append(
        &planted.root().join(".git/config"),
        "[include]\npath = ../evil.config\n",
    );
    planted.change().holds();
}

#[test]
fn programs_of_a_repository_that_a_git_file_leads_to_do_not_run() {
    let planted = Planted::new();
    let inside = planted.root().join("ignored/git");
    std::fs::create_dir_all(inside.parent().unwrap()).unwrap();
    std::fs::rename(planted.root().join(".git"), &inside).unwrap();
    std::fs::write(planted.root().join(".git"), "gitdir: ignored/git\n").unwrap();
    plants::into(&planted, &inside);
    planted.change().holds();
}

#[test]
fn programs_of_a_linked_work_tree_do_not_run() {
    let mut planted = Planted::new();
    planted.git("", &["worktree", "add", "-q", "ignored/tree"]);
    planted.git("", &["config", "extensions.worktreeConfig", "true"]);
    let own = planted.root().join(".git/worktrees/tree/config.worktree");
    std::fs::write(own, plants::settings(&planted.program())).unwrap();
    plants::into(&planted, &planted.root().join(".git"));
    planted.project.file("ignored/tree/in/a", "A\n");
    planted.directory = "ignored/tree";
    planted.holds();
}

#[test]
fn programs_of_a_submodule_do_not_run() {
    let planted = Planted::new();
    let other = planted.beside("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::create_dir(other.join("in")).unwrap();
    std::fs::write(other.join("in/a"), "a\n").unwrap();
    let other = other.display().to_string();
    for words in [&["init", "-q"][..], &["add", "-A"], &["commit", "-qm", "x"]] {
        planted.git("", &[&["-C", &other], words].concat());
    }
    let file = "protocol.file.allow=always";
    let add = ["submodule", "--quiet", "add", &other, "module"];
    planted.git("", &[&["-c", file][..], &add].concat());
    planted.git("", &["commit", "-qm", "module"]);
    plants::into(&planted, &planted.root().join(".git/modules/module"));
    let modules = planted.root().join(".gitmodules");
    plants::append(&modules, "\tignore = none\n");
    planted
        .project
        .file("module/in/a", "A\n")
        .file("module/new", "new\n");
    planted.change().holds();
}

#[test]
fn a_bare_repository_in_a_clone_is_not_opened() {
    let mut planted = Planted::new();
    plants::embed(&planted, ".git");
    planted.directory = "site";
    plants::into(&planted, &planted.root().join("site"));
    planted
        .project
        .file("site/in/a", "A\n")
        .file("site/new", "new\n");
    planted.holds();
}

#[test]
fn a_bare_repository_in_a_clone_is_not_asked_for_what_it_lacks() {
    let mut planted = Planted::new();
    plants::lack_directory(&planted);
    plants::embed(&planted, ".git");
    planted.directory = "site";
    planted.holds();
}

#[test]
fn a_remote_is_not_asked_for_a_directory_that_the_index_needs() {
    let planted = Planted::new();
    plants::lack_directory(&planted);
    planted.holds();
}

#[test]
fn a_remote_is_not_asked_for_a_commit() {
    let planted = Planted::new();
    plants::promise(&planted);
    let reference = planted.root().join(".git/refs/heads/main");
    std::fs::write(reference, format!("{}\n", "1".repeat(40))).unwrap();
    planted.holds();
}

#[test]
fn a_remote_is_not_asked_for_a_file() {
    let planted = Planted::new();
    plants::promise(&planted);
    for path in ["HEAD:.upsun/config.yaml", "HEAD:in/a", "HEAD:in"] {
        plants::lose(&planted, path);
    }
    planted.change().holds();
}

#[test]
fn a_remote_of_any_kind_is_not_asked() {
    for settings in [
        // A program of the other side, and one that carries what is said.
        "url = {root}/.git\nuploadpack = {program}\n",
        "url = x::y\nvcs = {program}\n",
        "url = ssh://localhost/x\n[core]\nsshCommand = {program}\n",
        "url = git://localhost/x\n[core]\ngitProxy = {program}\n",
    ] {
        let planted = Planted::new();
        plants::promise(&planted);
        plants::lose(&planted, "HEAD:.upsun");
        let settings = settings
            .replace("{root}", &planted.root().display().to_string())
            .replace("{program}", &planted.program());
        let settings = format!("[remote \"o\"]\n{settings}");
        plants::append(&planted.root().join(".git/config"), &settings);
        for words in [
            &["check", "--at", "HEAD"][..],
            &["plan", "--against", "HEAD"],
        ] {
            planted.command(words).output().unwrap();
            assert_eq!(planted.canary(), None, "{words:?}: {settings}");
        }
    }
}

#[test]
fn programs_of_the_repository_are_not_taken_for_git() {
    let mut planted = Planted::new();
    planted.path = ".:node_modules/.bin:";
    for name in ["git", "sh", "node_modules/.bin/git", "git-ls-files"] {
        let script = std::fs::read_to_string(planted.beside("evil")).unwrap();
        planted.project.file(name, &script);
        make_executable(&planted.root().join(name));
    }
    planted.holds();
}

#[test]
fn what_is_missing_is_said_with_a_way_out() {
    let planted = Planted::new();
    plants::promise(&planted);
    plants::lose(&planted, "HEAD:.upsun/config.yaml");
    let output = planted
        .command(&["check", "--at", "HEAD"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success(), "{said}");
    let said: String = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("git fetch --refetch"), "{said}");
}

#[test]
fn a_partial_clone_in_which_nothing_is_missing_works() {
    let planted = Planted::new();
    plants::promise(&planted);
    for (words, code) in [
        (&["check", "--at", "HEAD"][..], 0),
        (&["plan", "--against", "HEAD"], 0),
        (&["run", "block", "--dry-run"], 0),
        (&["hook", "install"], 0),
    ] {
        let said = outcome(&mut planted.command(words), &planted.root()).expect(code);
        assert!(
            !said.stderr.contains("left out"),
            "{words:?}: {}",
            said.stderr
        );
    }
}
