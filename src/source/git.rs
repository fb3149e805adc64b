//! Asks Git which files it would deploy: those it tracks and those it does not ignore, submodules' included.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use sha1::{Digest, Sha1};

use super::Skipped;
use super::examine::{odd, unreadable};
use super::hash::Hash;
use super::listing::{Listing, is_ours, os_path};
use super::snapshot::join;

/// What would make Git look at another repository than the one it is started in: a hook that runs
/// us sets them.
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
pub(super) struct Git {
    pub program: OsString,
    pub variables: Vec<(OsString, OsString)>,
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
    pub(super) fn of_process() -> Git {
        Git {
            program: "git".into(),
            variables: std::env::vars_os()
                .filter(|(name, _)| !LOCAL.iter().any(|local| name == local))
                .collect(),
        }
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
        Command::new(&self.program)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            // We only look, and we read its words.
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("LC_ALL", "C")
            .current_dir(directory)
            // A monitor would be started and stay.
            .args(["-c", "core.fsmonitor=false"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
    }
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
        let ignored = ignored(git, root, &[b".".to_vec()]).unwrap_or_default();
        if !ignored.is_empty() {
            return Err(Refusal::Ignored);
        }
    }
    Ok(())
}

/// What `ls-files` says of one repository; paths are relative to where it ran.
#[derive(Default)]
struct Said {
    files: Vec<Vec<u8>>,
    submodules: Vec<Vec<u8>>,
    nested: Vec<Vec<u8>>,
    /// Files that a sparse checkout may have left out.
    sparse: Vec<Vec<u8>>,
}

fn parse(output: &[u8]) -> Said {
    let mut said = Said::default();
    for line in output.split(|byte| *byte == 0) {
        let (Some(tag), Some(rest)) = (line.first(), line.get(2..)) else {
            continue;
        };
        if *tag == b'?' {
            match rest.strip_suffix(b"/") {
                Some(path) => said.nested.push(path.to_vec()),
                None => said.files.push(rest.to_vec()),
            }
            continue;
        }
        // `<mode> <hash> <stage>`, a tab, the path.
        let Some(tab) = rest.iter().position(|byte| *byte == b'\t') else {
            continue;
        };
        let path = rest[tab + 1..].to_vec();
        if rest.starts_with(b"160000 ") {
            said.submodules.push(path);
            continue;
        }
        if *tag == b'S' {
            said.sparse.push(path.clone());
        }
        said.files.push(path);
    }
    // A conflict lists a path up to three times.
    said.submodules.dedup();
    said
}

fn repository(git: &Git, root: &Path, prefix: &[u8], listing: &mut Listing) -> Result<(), Refusal> {
    let place = root.join(os_path(prefix));
    // The three run side by side.
    let files = git.start(
        &place,
        &[
            "ls-files",
            "-z",
            "-t",
            "--stage",
            "--cached",
            "--others",
            "--exclude-standard",
        ],
    );
    let places = git.start(
        &place,
        &[
            "rev-parse",
            "--git-path",
            "index",
            "--git-path",
            "info/exclude",
            "--show-toplevel",
        ],
    );
    let config = git.start(&place, &["config", "--list", "--show-origin", "-z"]);
    let (files, places, config) = (answer(files), answer(places), answer(config));
    let said = parse(&files?);
    watch(git, &place, places.ok(), config.ok(), listing);

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
                "it is a Git repository of its own and no submodule, so Git deploys nothing of it",
            );
        }
        closed.insert(path);
    }
    directories(git, &place, prefix, &said.files, &closed, listing);
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
        let reason = format!("a sparse checkout leaves it out of the work tree{others}");
        listing.skip(&join(prefix, first), &reason);
    }
}

/// Finds all directories that Git does not ignore: a new file in one of them would change the listing.
fn directories(
    git: &Git,
    place: &Path,
    prefix: &[u8],
    files: &[Vec<u8>],
    closed: &HashSet<Vec<u8>>,
    listing: &mut Listing,
) {
    let mut holding: HashSet<&[u8]> = HashSet::new();
    for path in files.iter().chain(closed) {
        let mut path = path.as_slice();
        while !path.is_empty() {
            path = super::snapshot::split(path).0;
            if !holding.insert(path) {
                break;
            }
        }
    }
    let mut pending = vec![Vec::new()];
    while !pending.is_empty() {
        // Directories and odd files that only Git can say more of.
        let mut unsure: Vec<(Vec<u8>, std::fs::FileType)> = Vec::new();
        while let Some(directory) = pending.pop() {
            let full = join(prefix, &directory);
            let found = match std::fs::read_dir(place.join(os_path(&directory))) {
                Ok(found) => found,
                Err(err) => {
                    listing.is_reusable = false;
                    listing.skip(&full, &unreadable(&err));
                    continue;
                }
            };
            for entry in found.flatten() {
                let name = entry.file_name();
                let path = join(&directory, name.as_bytes());
                let Ok(kind) = entry.file_type() else {
                    continue;
                };
                if name == ".git" || is_ours(&join(prefix, &path)) {
                    continue;
                }
                if kind.is_dir() {
                    if closed.contains(&path) {
                        listing.directories.push(join(prefix, &path));
                    } else if holding.contains(path.as_slice()) {
                        pending.push(path);
                    } else {
                        unsure.push((path, kind));
                    }
                } else if name == ".gitignore" {
                    listing.watches.push(entry.path());
                } else if !kind.is_file() && !kind.is_symlink() {
                    unsure.push((path, kind));
                }
            }
            listing.directories.push(full);
        }
        if unsure.is_empty() {
            break;
        }
        let paths: Vec<Vec<u8>> = unsure.iter().map(|(path, _)| path.clone()).collect();
        let Ok(ignored) = ignored(git, place, &paths) else {
            listing.is_reusable = false;
            break;
        };
        let tracked: HashSet<&[u8]> = files.iter().map(Vec::as_slice).collect();
        for (path, kind) in unsure {
            if kind.is_dir() {
                if !ignored.contains(&path) {
                    pending.push(path);
                }
            } else if !ignored.contains(&path) && !tracked.contains(path.as_slice()) {
                listing.skip(&join(prefix, &path), odd(kind_of(kind)));
            }
        }
    }
}

fn kind_of(kind: std::fs::FileType) -> rustix::fs::FileType {
    use std::os::unix::fs::FileTypeExt;
    if kind.is_fifo() {
        rustix::fs::FileType::Fifo
    } else if kind.is_socket() {
        rustix::fs::FileType::Socket
    } else {
        rustix::fs::FileType::Unknown
    }
}

/// Which of the paths Git ignores.
fn ignored(git: &Git, place: &Path, paths: &[Vec<u8>]) -> Result<HashSet<Vec<u8>>, Refusal> {
    let mut child = git
        .start(place, &["check-ignore", "-z", "--stdin"])
        .map_err(|err| Refusal::Because(err.to_string()))?;
    // A name that starts with a colon would mean something else.
    let question: Vec<u8> = paths
        .iter()
        .flat_map(|path| [b"./", path.as_slice(), b"\0"].concat())
        .collect();
    let input = child.stdin.take();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || input.map(|mut input| input.write_all(&question)));
        child.wait_with_output()
    });
    match output {
        // One means that none is ignored.
        Ok(output) if matches!(output.status.code(), Some(0 | 1)) => Ok(output
            .stdout
            .split(|byte| *byte == 0)
            .filter_map(|path| path.strip_prefix(b"./"))
            .map(<[u8]>::to_vec)
            .collect()),
        Ok(output) => Err(Refusal::Because(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )),
        Err(err) => Err(Refusal::Because(err.to_string())),
    }
}

/// Notes the files besides those of the work tree that decide what Git lists.
fn watch(
    git: &Git,
    place: &Path,
    places: Option<Vec<u8>>,
    config: Option<Vec<u8>>,
    listing: &mut Listing,
) {
    let known = places.and_then(|said| {
        let lines: Vec<&[u8]> = said
            .strip_suffix(b"\n")?
            .split(|byte| *byte == b'\n')
            .collect();
        // A path with a line break gives more.
        <[&[u8]; 3]>::try_from(lines)
            .ok()
            .map(|[index, exclude, top]| {
                (
                    place.join(os_path(index)),
                    place.join(os_path(exclude)),
                    PathBuf::from(os_path(top)),
                )
            })
    });
    let (Some((index, exclude, top)), Some(config), Ok(real)) =
        (known, config, place.canonicalize())
    else {
        listing.is_reusable = false;
        return;
    };
    listing.watches.extend([index, exclude]);
    if let Ok(below) = real.strip_prefix(&top) {
        for above in below.ancestors().skip(1) {
            let above = top.join(above);
            listing.watches.push(above.join(".gitignore"));
            // Another repository in between would be asked instead.
            let inner = above.join(".git");
            if above != top {
                listing.watches.push(inner);
            }
        }
    } else {
        listing.is_reusable = false;
    }
    watch_config(git, place, &config, listing);
}

fn watch_config(git: &Git, place: &Path, config: &[u8], listing: &mut Listing) {
    let home = git.variable("HOME").map(PathBuf::from);
    let settings = git
        .variable("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(home.as_ref()?.join(".config")))
        .map(|folder| folder.join("git"));
    let mut files: HashSet<PathBuf> = HashSet::from(["/etc/gitconfig".into()]);
    files.extend(home.map(|home| home.join(".gitconfig")));
    files.extend(settings.as_ref().map(|folder| folder.join("config")));
    let mut own_excludes = false;
    let mut parts = config.split(|byte| *byte == 0);
    while let (Some(origin), Some(setting)) = (parts.next(), parts.next()) {
        if let Some(path) = origin.strip_prefix(b"file:") {
            files.insert(place.join(os_path(path)));
        }
        own_excludes |= setting
            .to_ascii_lowercase()
            .starts_with(b"core.excludesfile");
    }
    listing.watches.extend(files);
    if own_excludes {
        let path = git.start(place, &["config", "-z", "--type=path", "core.excludesFile"]);
        match answer(path) {
            // What a relative path is relative to depends on the command.
            Ok(path) if path.starts_with(b"/") => {
                let path = path.strip_suffix(b"\0").unwrap_or(&path);
                listing.watches.push(PathBuf::from(os_path(path)));
            }
            _ => listing.is_reusable = false,
        }
    } else {
        listing
            .watches
            .extend(settings.map(|folder| folder.join("ignore")));
    }
}

impl Listing {
    /// Leaves something out.
    pub(super) fn skip(&mut self, path: &[u8], reason: &str) {
        self.skipped.push(Skipped {
            path: os_path(path).into(),
            reason: reason.to_owned(),
        });
    }
}
