//! Asks Git which files it would deploy: those it tracks and those it does not ignore, submodules' included.
//!
//! Every Git of this program is started by [`Git::command`], which keeps the repository's own code from running.

mod conversions;
mod directories;
mod door;
mod guard;
mod private;
mod watches;

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use sha1::{Digest, Sha1};

use super::hash::Hash;
use super::listing::{Listing, is_ours, os_path};
use super::snapshot::{Kind, join};
use crate::text::quote;

/// Variables that make Git use another repository than the one it is started in. Git sets them for its hooks, and
/// `upsun-local` may run in one.
const LOCAL: &[&str] = &[
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_LITERAL_PATHSPECS",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_WORK_TREE",
];

/// The `git` command and the variables it runs with.
#[derive(Debug, Clone)]
pub struct Git {
    pub(super) program: OsString,
    pub(super) variables: Vec<(OsString, OsString)>,
    /// Settings that take the place of those of one repository that name programs; `None` until it was asked for them.
    pub overrides: Option<Vec<String>>,
}

/// Why Git does not say.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The repository lies in no work tree, whatever `.git` is above it.
    NotInWorkTree,
    /// The work tree around the repository ignores it, so it is another project's.
    Ignored,
    /// Git is missing or refuses; in words.
    Because(String),
}

impl Git {
    /// The `git` of this process's `PATH`, with this process's variables.
    pub fn of_process() -> Git {
        Git {
            program: "git".into(),
            variables: std::env::vars_os()
                .filter(|(name, _)| !LOCAL.iter().any(|local| name == local))
                .map(|(name, value)| {
                    if name == "PATH" {
                        let value = door::path(&value);
                        (name, value)
                    } else {
                        (name, value)
                    }
                })
                .collect(),
            overrides: None,
        }
    }

    /// The Git of the repository that the variables of this process name; `None` if they name none.
    pub fn of_variables() -> Option<Git> {
        std::env::var_os("GIT_DIR").filter(|value| !value.is_empty())?;
        let mut git = Git::of_process();
        let local = LOCAL
            .iter()
            .filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?)));
        git.variables.extend(local.map(|(name, value)| {
            // These paths are relative to the working directory of the process.
            let is_path = name == "GIT_DIR" || name == "GIT_WORK_TREE" || name == "GIT_COMMON_DIR";
            match std::path::absolute(&value) {
                Ok(path) if is_path => (name, path.into_os_string()),
                _ => (name, value),
            }
        }));
        Some(git)
    }

    /// Git for a scratch repository: the configuration of the user, of the machine and of variables does not count
    /// there.
    pub(crate) fn isolated() -> Git {
        let mut git = Git::of_process();
        git.variables.retain(|(name, _)| {
            name == "GIT_EXEC_PATH"
                || !(name == "HOME"
                    || name == "XDG_CONFIG_HOME"
                    || name.as_bytes().starts_with(b"GIT_"))
        });
        let own = [
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_ATTR_NOSYSTEM", "1"),
        ];
        let own = own.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        git.variables.extend(own);
        // The only settings that count are those that this program writes there.
        git.overrides = Some(Vec::new());
        git
    }

    /// Changes when variables change that may change what Git says.
    pub(super) fn fingerprint(&self) -> Hash {
        let mut relevant: Vec<_> = self
            .variables
            .iter()
            .filter(|(name, _)| {
                name == "HOME" || name == "XDG_CONFIG_HOME" || name.as_bytes().starts_with(b"GIT_")
            })
            .collect();
        relevant.sort();
        let mut hasher = Sha1::new();
        for (name, value) in relevant {
            for text in [name, value] {
                hasher.update((text.len() as u64).to_le_bytes());
                hasher.update(text.as_bytes());
            }
        }
        hasher.finalize().into()
    }

    fn variable(&self, wanted: &str) -> Option<&OsStr> {
        self.variables
            .iter()
            .find(|(name, value)| name == wanted && !value.is_empty())
            .map(|(_, value)| value.as_os_str())
    }

    fn start(&self, directory: &Path, arguments: &[&str]) -> std::io::Result<Child> {
        self.command(directory, arguments).spawn()
    }

    /// Another program for a directory, which makes `git` use the same repository.
    pub fn beside(&self, program: impl AsRef<OsStr>, directory: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(directory);
        command
    }

    /// A `git` that runs in a directory, with pipes to it. None of the repository's code runs with it, and nothing is
    /// fetched. A command that may run filters, or other programs that a setting names, needs [`Git::guarded`].
    pub fn command(&self, directory: &Path, arguments: &[&str]) -> Command {
        debug_assert!(
            self.overrides.is_some() || door::runs_no_program(arguments),
            "{arguments:?} may run what the repository names"
        );
        let no_hooks = match arguments.first() {
            Some(&"rev-parse") => &[],
            _ => door::NO_HOOKS,
        };
        let mut command = self.beside(&self.program, directory);
        command
            .envs(door::VARIABLES.iter().copied())
            // This program parses the output.
            .env("LC_ALL", "C")
            .args(door::OPTIONS)
            .args(no_hooks)
            .args(self.overrides.iter().flatten())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// The overrides for a shell script: a function that replaces `git` in it.
    pub fn shell_function(overrides: &[String]) -> String {
        let variables = door::VARIABLES
            .iter()
            .map(|(name, value)| format!("{name}={}", quote(value)));
        let options = door::OPTIONS.iter().chain(door::NO_HOOKS).copied();
        let options = options
            .chain(overrides.iter().map(String::as_str))
            .map(quote);
        let words: Vec<String> = variables
            .chain(["command git".to_owned()])
            .chain(options)
            .collect();
        format!("git() {{ {} \"$@\"; }}", words.join(" "))
    }
}

/// Whether Git ignores a file directly in `root`, so that it did not come with the repository.
pub(super) fn is_private(git: &Git, root: &Path, name: &str) -> bool {
    private::is_private(git, root, name)
}

/// What Git said, or why not.
fn answer(child: std::io::Result<Child>) -> Result<Vec<u8>, Refusal> {
    let failed = |err: std::io::Error| {
        Refusal::Because(if err.kind() == std::io::ErrorKind::NotFound {
            "there is no `git` command".to_owned()
        } else {
            err.to_string()
        })
    };
    let output = child.and_then(Child::wait_with_output).map_err(failed)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let words = String::from_utf8_lossy(&output.stderr);
    if words.contains("not a git repository (or any") {
        return Err(Refusal::NotInWorkTree);
    }
    let line = words.lines().next().unwrap_or_default();
    Err(Refusal::Because(
        line.strip_prefix("fatal: ").unwrap_or(line).to_owned(),
    ))
}

/// Lists the repository at `root`. What was learnt before a refusal stays in `listing`.
pub(super) fn list(git: &Git, root: &Path, listing: &mut Listing) -> Result<(), Refusal> {
    repository(git, root, b"", listing)?;
    if listing.files.is_empty() {
        // Git lists nothing in an ignored directory, and does not say why.
        let ignored = directories::ignored(git, root, &[b".".to_vec()]).unwrap_or_default();
        if !ignored.is_empty() {
            return Err(Refusal::Ignored);
        }
    }
    Ok(())
}

/// What `ls-files` says of one repository; paths are relative to where it ran.
#[derive(Default)]
pub(super) struct Said {
    pub(super) files: Vec<Vec<u8>>,
    /// What the index says of each of the files.
    known: Vec<Known>,
    pub(super) submodules: Vec<Vec<u8>>,
    pub(super) nested: Vec<Vec<u8>>,
    /// Files that a sparse checkout may have left out.
    pub(super) sparse: Vec<Vec<u8>>,
    /// What would not be where it says, and is left out.
    outside: Vec<Vec<u8>>,
}

/// What the index says of a file.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// `None` where it does not have the file.
    kind: Option<Kind>,
    /// Whether the index marks the file as unchanged (`assume-unchanged` or `skip-worktree`).
    is_pinned: bool,
}

pub(super) fn parse(output: &[u8]) -> Said {
    let mut said = Said::default();
    for line in output.split(|byte| *byte == 0) {
        let (Some(tag), Some(rest)) = (line.first(), line.get(2..)) else {
            continue;
        };
        if *tag == b'?' {
            if let Some(path) = rest.strip_suffix(b"/") {
                if is_inside(path) {
                    said.nested.push(path.to_vec());
                }
            } else if is_inside(rest) {
                said.files.push(rest.to_vec());
                said.known.push(Known::default());
            }
            continue;
        }
        // `<mode> <hash> <stage>`, a tab, the path.
        let Some(tab) = rest.iter().position(|byte| *byte == b'\t') else {
            continue;
        };
        let path = rest[tab + 1..].to_vec();
        if !is_inside(&path) {
            said.outside.push(path);
            continue;
        }
        if rest.starts_with(b"160000 ") {
            said.submodules.push(path);
            continue;
        }
        if tag.eq_ignore_ascii_case(&b'S') {
            said.sparse.push(path.clone());
        }
        said.files.push(path);
        said.known.push(Known {
            kind: Some(match &rest[..tab.min(6)] {
                b"100755" => Kind::Executable,
                b"120000" => Kind::Link,
                _ => Kind::File,
            }),
            is_pinned: *tag == b'S' || tag.is_ascii_lowercase(),
        });
    }
    // A conflict lists a path up to three times.
    said.submodules.dedup();
    said
}

/// Whether a path stays in its repository and outside `.git`. Git checks this for a path that is added to an index,
/// but not for one that is in it: an index may come from a stranger.
fn is_inside(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/')
        .all(|part| !matches!(part, b"" | b"." | b"..") && !part.eq_ignore_ascii_case(b".git"))
}

/// Asks for the files.
const FILES: [&str; 7] = [
    "ls-files",
    "-z",
    // `-v` prints flags of marked files in lower case.
    "-v",
    "--stage",
    "--cached",
    "--others",
    "--exclude-standard",
];

/// Asks where that is which decides about them.
const PLACES: [&str; 6] = [
    "rev-parse",
    "--git-path",
    "index",
    "--git-path",
    "info/exclude",
    "--show-toplevel",
];

fn repository(git: &Git, root: &Path, prefix: &[u8], listing: &mut Listing) -> Result<(), Refusal> {
    let place = root.join(os_path(prefix));
    // The three run side by side.
    let files = git.start(&place, &FILES);
    let places = git.start(&place, &PLACES);
    let config = guard::ask(git, &place);
    let (files, places, config) = (answer(files), answer(places), answer(config).ok());
    let said = parse(&files?);
    let settings = conversions::Settings::of(config.as_deref().unwrap_or_default());
    let guard = guard::of_settings(config.as_deref().unwrap_or_default())?;
    let has_attributes = watches::find(git, &place, places.ok(), config, listing);

    for path in &said.outside {
        listing.skip(
            &join(prefix, path),
            "its path leads out of the repository, so that Git would not check it out",
        );
    }
    let deciding = conversions::Deciding {
        git,
        place: &place,
        settings,
        blocked: &guard.filters,
        has_attributes,
    };
    conversions::find(&deciding, prefix, &said, listing);
    report_sparse(&place, prefix, &said.sparse, listing);
    let mut closed: HashSet<Vec<u8>> = HashSet::new();
    let mut inner = Vec::new();
    for path in said.submodules {
        let full = join(prefix, &path);
        let directory = place.join(os_path(&path));
        let is_directory = directory
            .symlink_metadata()
            .is_ok_and(|found| found.is_dir());
        if !is_directory || is_ours(&full) {
            continue;
        }
        // Without it, Git would list the repository around.
        if directory.join(".git").symlink_metadata().is_ok() {
            inner.push(full);
        } else {
            listing.skip(
                &full,
                "the submodule is not checked out; `git submodule update --init` does that",
            );
        }
        closed.insert(path);
    }
    for path in said.nested {
        let full = join(prefix, &path);
        if !is_ours(&full) {
            listing.skip(
                &full,
                "it is a separate Git repository and not a submodule, so Git deploys nothing of it",
            );
        }
        closed.insert(path);
    }
    directories::find(git, &place, prefix, &said.files, &closed, listing);
    for path in said.files {
        let full = join(prefix, &path);
        if !is_ours(&full) {
            listing.files.push(full);
        }
    }
    for submodule in inner {
        repository(git, root, &submodule, listing)?;
    }
    Ok(())
}

/// How the reason begins that files of a sparse checkout are left out for.
pub(super) const SPARSE: &str = "a sparse checkout leaves it out of the work tree";

fn report_sparse(place: &Path, prefix: &[u8], sparse: &[Vec<u8>], listing: &mut Listing) {
    let mut missing = sparse
        .iter()
        .filter(|path| place.join(os_path(path)).symlink_metadata().is_err());
    if let Some(first) = missing.next() {
        let others = match missing.count() {
            0 => String::new(),
            1 => ", with one other file".to_owned(),
            others => format!(", with {others} other files"),
        };
        let reason = format!("{SPARSE}{others}");
        listing.skip(&join(prefix, first), &reason);
    }
}
