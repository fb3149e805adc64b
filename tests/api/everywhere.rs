//! `serve --all` with a Docker Engine, and Upsun's command as its client: the labels of the engine's objects say which
//! repositories there are.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::TestProject;
use crate::upsun;

const CONFIG: &str = "
applications:
  app:
    type: nodejs:24
    build: { flavor: none }
    mounts: { /data: { source: storage } }
    operations:
      greet: { role: viewer, commands: { start: echo hello from NAME } }
";

/// A second repository of the same user, with what it has on the engine.
struct Second<'a> {
    project: &'a TestProject,
    root: PathBuf,
}

impl<'a> Second<'a> {
    fn new(project: &'a TestProject) -> Self {
        let root = project.root().parent().unwrap().join("second");
        std::fs::create_dir_all(root.join(".upsun")).unwrap();
        let config = CONFIG.replace("NAME", "second");
        std::fs::write(root.join(".upsun/config.yaml"), config).unwrap();
        let settings = format!("project: {}\n", project.id);
        std::fs::write(root.join(".upsun-local.yaml"), settings).unwrap();
        Second { project, root }
    }

    fn run(&self, arguments: &[&str]) -> crate::support::Outcome {
        let root = ["-C", self.root.to_str().unwrap()];
        self.project.run(&[&root, arguments].concat())
    }
}

impl Drop for Second<'_> {
    fn drop(&mut self) {
        let cleaned = self.run(&["clean", "--yes", "--quiet"]);
        assert!(
            cleaned.code == 0 || std::thread::panicking(),
            "{}",
            cleaned.stderr
        );
    }
}

/// Runs a script in a shell that `serve --all --print-env` leads.
fn in_a_shell(project: &TestProject, directory: &Path, script: &str) -> String {
    let own = env!("CARGO_BIN_EXE_upsun-local");
    let script =
        format!("source <({own} serve --all --print-env 2>/dev/null)\npid=$!\n{script}\nkill $pid");
    let mut command = Command::new("bash");
    for (name, value) in project.command(&[]).get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(directory.to_owned()).chain(std::env::split_paths(&path));
    let output = command
        .args(["-c", &script])
        .stdin(std::process::Stdio::null())
        // Outside of any repository.
        .current_dir(project.root().parent().unwrap())
        .env("PATH", std::env::join_paths(path).unwrap())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn upsuns_command_finds_every_repository_with_a_sandbox() {
    let Some(directory) = upsun::directory() else {
        return;
    };
    let project = TestProject::on_engine(&CONFIG.replace("NAME", "first"));
    let second = Second::new(&project);
    project.run(&["run", "greet"]).expect(0);
    second.run(&["run", "greet"]).expect(0);
    let listed = in_a_shell(
        &project,
        &directory,
        "upsun project:list --columns id,title --format plain --no-header",
    );
    let mut ids: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.split('\t').next())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids.len(), 2, "{listed}");
    // Two checkouts of one project: the first has its id, the second one of its own.
    assert_eq!(ids[0], project.id.replace('-', "_"));
    let script: String = ids
        .iter()
        .map(|id| {
            format!(
                "upsun operation:run greet -p {id} -e local --yes\n\
                 upsun ssh -p {id} -e local -A app 'echo in $PLATFORM_PROJECT $(hostname)'\n\
                 upsun activity:list -p {id} -e local --columns state,result --format plain --no-header\n"
            )
        })
        .collect();
    let ran = in_a_shell(&project, &directory, &script);
    for name in ["first", "second"] {
        assert_eq!(
            ran.matches(&format!("hello from {name}")).count(),
            1,
            "{ran}"
        );
    }
    let in_container = format!("in {} app.0", project.id);
    assert_eq!(ran.matches(&in_container).count(), 2, "{ran}");
    assert_eq!(ran.matches("complete\tsuccess").count(), 4, "{ran}");
    // A repository that is gone is shown with what it left on the engine, and the other one works.
    let hidden = project.root().parent().unwrap().join("hidden");
    std::fs::rename(&second.root, &hidden).unwrap();
    let script = format!(
        "upsun project:list --columns id,title --format plain --no-header\n\
         upsun operation:run greet -p {} -e local --yes",
        ids[0]
    );
    let ran = in_a_shell(&project, &directory, &script);
    std::fs::rename(&hidden, &second.root).unwrap();
    assert!(ran.contains("second (cannot be read"), "{ran}");
    assert!(ran.contains("hello from first"), "{ran}");
}
