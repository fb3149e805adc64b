//! Repositories in temporary directories, compared with what Git itself makes of them.

mod caching;
mod conversions;
mod ids;
mod manifest;
mod odd;
mod packing;
mod rules;

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::git::Git;
use super::{Tree, scan_with};

/// A repository with a home directory and a cache of its own.
struct Repo {
    folder: tempfile::TempDir,
    git: Git,
}

impl Repo {
    /// An empty directory outside Git.
    fn bare() -> Repo {
        let folder = tempfile::tempdir().unwrap();
        for name in ["home", "cache", "repo"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let config = "[user]\nname = A\nemail = a@example.org\n[init]\ndefaultBranch = main\n\
                      [protocol \"file\"]\nallow = always\n";
        fs::write(folder.path().join("home/.gitconfig"), config).unwrap();
        let git = Git {
            program: "git".into(),
            variables: vec![
                ("PATH".into(), std::env::var_os("PATH").unwrap()),
                ("HOME".into(), folder.path().join("home").into()),
                ("GIT_CONFIG_NOSYSTEM".into(), "1".into()),
            ],
            overrides: None,
        };
        Repo { folder, git }
    }

    /// An empty Git repository.
    fn new() -> Repo {
        let repo = Repo::bare();
        repo.git(["init", "-q"]);
        repo
    }

    fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.place("repo").join(name)
    }

    fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> &Repo {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    fn chmod(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn link(&self, target: impl AsRef<Path>, name: impl AsRef<Path>) {
        std::os::unix::fs::symlink(target, self.path(name)).unwrap();
    }

    fn command(&self, directory: &Path) -> Command {
        let mut command = Command::new("git");
        command
            .env_clear()
            .envs(self.git.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(directory);
        command
    }

    fn git<const N: usize>(&self, arguments: [&str; N]) -> String {
        self.git_in("", &arguments)
    }

    fn git_in(&self, directory: &str, arguments: &[&str]) -> String {
        run(self.command(&self.path(directory)).args(arguments))
    }

    /// The id of the tree that Git would commit now, without touching the real index.
    fn git_tree(&self) -> String {
        let index = self.place("index");
        let _ = fs::remove_file(&index);
        let real = self.path(".git/index");
        if real.exists() {
            fs::copy(&real, &index).unwrap();
            // Git does not believe what is younger than its index.
            let modified = fs::metadata(real).unwrap().modified().unwrap();
            let copy = fs::File::options().write(true).open(&index).unwrap();
            copy.set_modified(modified).unwrap();
        }
        let git = |arguments: &[&str]| {
            let mut command = self.command(&self.path(""));
            run(command.env("GIT_INDEX_FILE", &index).args(arguments))
        };
        git(&["add", "-A"]);
        git(&["write-tree"])
    }

    fn scan(&self) -> Tree {
        scan_with(&self.path(""), &self.place("cache"), &self.git).unwrap()
    }

    fn id(&self) -> String {
        id(&self.scan())
    }

    /// What a scan without a cache says, which every scan must say.
    fn fresh(&self) -> String {
        let empty = tempfile::tempdir().unwrap();
        id(&scan_with(&self.path(""), empty.path(), &self.git).unwrap())
    }

    /// Scans with and without cache and asks Git; all must agree.
    #[track_caller]
    fn agree(&self) -> String {
        let git = self.git_tree();
        assert_eq!(self.fresh(), git, "a scan without cache");
        assert_eq!(self.id(), git, "a scan with cache");
        git
    }

    fn cache_file(&self) -> PathBuf {
        super::cache::file(&self.place("cache"), &self.path(""))
    }

    /// Takes another Git, and forgets what the one before said.
    fn use_git(&mut self, program: &str) {
        let _ = fs::remove_file(self.cache_file());
        self.git.program = program.into();
    }

    /// From now on each start of Git is counted.
    fn count_git(&mut self) {
        let script = self.place("git-counting");
        let calls = self.place("calls");
        let text = format!(
            "#!/bin/sh\necho x >> '{}'\nexec git \"$@\"\n",
            calls.display()
        );
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        self.git.program = script.into();
    }

    /// How often Git was started since the last question.
    fn calls(&self) -> usize {
        let calls = fs::read_to_string(self.place("calls")).unwrap_or_default();
        let _ = fs::remove_file(self.place("calls"));
        calls.lines().count()
    }

    fn skipped(&self) -> Vec<(String, String)> {
        self.scan()
            .skipped()
            .iter()
            .map(|skipped| {
                let path = skipped.path.to_string_lossy().into_owned();
                (path, skipped.reason.clone())
            })
            .collect()
    }
}

/// The id of the whole, or Git's of nothing.
fn id(tree: &Tree) -> String {
    tree.id("").map_or_else(
        || "4b825dc642cb6eb9a060e54bf8d69288fbee4904".to_owned(),
        |id| id.to_string(),
    )
}

#[track_caller]
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Waits until what was written is old enough to be believed later.
fn settle() {
    std::thread::sleep(Duration::from_millis(60));
}

/// All paths of the tree.
fn paths(tree: &Tree) -> BTreeSet<OsString> {
    use std::os::unix::ffi::OsStrExt;
    let mut all = BTreeSet::new();
    for directory in &tree.snapshot.directories {
        for entry in &tree.snapshot.entries[directory.entries.clone()] {
            if entry.kind.is_there() {
                let path = tree.snapshot.entry_path(directory, entry);
                all.insert(OsStr::from_bytes(&path).to_owned());
            }
        }
    }
    all
}

fn names(tree: &Tree) -> Vec<String> {
    let all = paths(tree).into_iter();
    all.map(|path| path.to_string_lossy().into_owned())
        .collect()
}
