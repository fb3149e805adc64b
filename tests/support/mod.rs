//! A whole small Upsun project in a temporary directory, and the binary run on it.

#![allow(
    unreachable_pub,
    missing_docs,
    reason = "each test program has this as a module of its own"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A repository that goes, with everything made for it, when it is dropped.
#[derive(Debug)]
pub struct TestProject {
    dir: tempfile::TempDir,
    /// The project's id, unlike that of any other test.
    pub id: String,
    /// What the repository's directory is called.
    folder: String,
    engine: bool,
}

/// What a run of the binary came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// Fails the test unless the code is that one.
    #[allow(dead_code, reason = "only some of the test programs expect one")]
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        self
    }

    /// Code, standard output and standard error, for snapshots.
    #[allow(dead_code, reason = "only some of the test programs compare the whole")]
    pub fn shown(&self) -> String {
        format!(
            "code: {}\n--- stdout\n{}--- stderr\n{}",
            self.code, self.stdout, self.stderr
        )
    }
}

static COUNT: AtomicU32 = AtomicU32::new(0);

impl TestProject {
    /// A project with this `.upsun/config.yaml`.
    pub fn new(config: &str) -> Self {
        Self::in_folder("repository", config)
    }

    /// A project whose repository's directory has this name.
    pub fn in_folder(folder: &str, config: &str) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("upsun-test-")
            .tempdir()
            .expect("a temporary directory");
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let id = format!("test-{}-{number}", std::process::id());
        let project = TestProject {
            dir,
            id,
            folder: folder.to_owned(),
            engine: false,
        };
        project.file(".upsun/config.yaml", config);
        project.file(".upsun-local.yaml", &format!("project: {}\n", project.id));
        project
    }

    /// The same, on the engine: everything made for it is removed at the end.
    #[allow(dead_code, reason = "only some of the test programs use the engine")]
    pub fn on_engine(config: &str) -> Self {
        Self::new(config).with_engine()
    }

    /// Uses the engine: everything made for the project is removed at the end.
    #[allow(dead_code, reason = "only some of the test programs use the engine")]
    pub fn with_engine(mut self) -> Self {
        self.engine = true;
        self
    }

    /// The repository.
    pub fn root(&self) -> PathBuf {
        self.dir.path().join(&self.folder)
    }

    /// Writes a file of the repository.
    pub fn file(&self, path: &str, content: &str) -> &Self {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(path, content).expect("a file");
        self
    }

    /// Writes the user's own settings, which stand outside the repository and may say what leads out of it.
    #[allow(dead_code, reason = "only some of the test programs need them")]
    pub fn user_settings(&self, content: &str) -> &Self {
        let path = self.dir.path().join("config/upsun-local/settings.yaml");
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(path, content).expect("a file");
        self
    }

    /// The binary with these arguments, in the repository, with an environment of its own.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_upsun-local"));
        command
            .args(arguments)
            .current_dir(self.root())
            .stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("UPSUN_LOCAL_") || name == "NO_COLOR" {
                command.env_remove(name);
            }
        }
        command
            .env("XDG_STATE_HOME", self.dir.path().join("state"))
            .env("XDG_CONFIG_HOME", self.dir.path().join("config"));
        command
    }

    /// Runs the binary to its end.
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        outcome(&mut self.command(arguments), &self.root())
    }
}

/// The code that a shell shows: also of a process that a signal ended which a user sends. Other signals are negative.
pub fn code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => code,
        (None, Some(signal @ (1 | 2 | 15))) => 128 + signal,
        (None, signal) => -signal.unwrap_or(1),
    }
}

/// Runs a command to its end; the repository's path is told as `[REPO]`.
pub fn outcome(command: &mut Command, root: &Path) -> Outcome {
    let output = command.output().expect("the binary runs");
    let root = std::fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    let text = |bytes: &[u8]| {
        String::from_utf8_lossy(bytes).replace(&root.display().to_string(), "[REPO]")
    };
    Outcome {
        code: code(output.status),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

impl Drop for TestProject {
    fn drop(&mut self) {
        if self.engine {
            let cleaned = self.run(&["clean", "--yes", "--quiet"]);
            assert!(
                cleaned.code == 0 || std::thread::panicking(),
                "the project was not cleaned up: {}",
                cleaned.stderr
            );
        }
    }
}
