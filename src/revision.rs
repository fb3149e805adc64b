//! The repository as it is at a Git revision: the files of its configuration, and what changed since.
//!
//! No work tree is touched and nothing is checked out: one `git cat-file` answers everything.

pub mod base;
mod batch;
mod changes;
mod left_out;
mod pushed;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use self::batch::{Answer, Batch};
pub use self::changes::Comparison;
pub use self::pushed::of_remote;
use crate::config::files::{Files, Kind, MAX_FILE, ReadError};
use crate::source::Git;

/// Why a revision cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory lies in no Git repository.
    #[error("`{root}` is not in a Git repository, so there is nothing to compare it with")]
    NoRepository {
        /// The directory.
        root: PathBuf,
    },
    /// Nothing in the repository has that name.
    #[error("there is no commit `{name}` in this repository")]
    Unknown {
        /// The name as given.
        name: String,
        /// Whether the repository holds a part of its history only.
        is_shallow: bool,
    },
    /// There is nothing in the repository yet.
    #[error("there is no commit in this repository yet, so there is nothing to compare it with")]
    Empty,
    /// Git refuses.
    #[error("Git cannot read this repository: {0}")]
    Refused(String),
    /// The repository uses SHA-256 ids, and the ids of the working tree are SHA-1.
    #[error("this repository has SHA-256 ids, which cannot be compared with the files at hand")]
    Sha256,
    /// The `git` command is not there, or went away.
    #[error("{}", no_git(.0))]
    Process(#[from] io::Error),
}

fn no_git(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no `git` command".to_owned(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => {
            "`git cat-file` ended before it had answered".to_owned()
        }
        _ => format!("`git` cannot be run: {error}"),
    }
}

impl Error {
    /// How to mend it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Error::NoRepository { .. } => {
                "`git init` makes one; in a checkout without `.git`, nothing is known of the past"
                    .to_owned()
            }
            Error::Unknown { name, is_shallow } => {
                let remote = name
                    .split_once('/')
                    .filter(|(_, branch)| !branch.is_empty());
                match (remote, is_shallow) {
                    (_, true) => format!("the clone is shallow: {}", fetch_more(name, remote)),
                    (Some((remote, branch)), false) => {
                        format!("`git fetch {remote} {branch}` may bring it")
                    }
                    (None, false) => {
                        "`git branch --all` and `git tag` list what there is".to_owned()
                    }
                }
            }
            Error::Empty => "make a commit first; without `--against`, `upsun-local plan` says what a first push does".to_owned(),
            Error::Process(error) if error.kind() == io::ErrorKind::NotFound => {
                "install Git, or add it to `PATH`".to_owned()
            }
            Error::Refused(_) | Error::Sha256 | Error::Process(_) => return None,
        })
    }
}

/// How to fetch what a shallow clone lacks. Only branches and tags can be fetched by themselves.
fn fetch_more(name: &str, remote: Option<(&str, &str)>) -> String {
    let generations = match name.split_once(['~', '^']) {
        Some((_, "")) => Some(1),
        Some((_, count)) => count.parse::<u32>().ok(),
        None => None,
    };
    let is_of_here = name.ends_with("HEAD") || name.contains(['~', '^', ':', '@']);
    let is_id = name.len() >= 7 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    match (generations, remote) {
        (Some(count), _) => format!(
            "fetch more with `git fetch --deepen={count}`, or all of it with `git fetch --unshallow`"
        ),
        _ if is_of_here || is_id => "fetch the rest with `git fetch --unshallow`".to_owned(),
        (None, remote) => {
            let (remote, branch) = remote.unwrap_or(("origin", name));
            format!(
                "fetch more with `git fetch --unshallow`, or only this with `git fetch --depth=1 {remote} {branch}`"
            )
        }
    }
}

/// A commit, and a way to read it.
#[derive(Debug)]
pub struct Revision {
    /// The name that it was asked for by.
    pub name: String,
    /// Its id.
    pub commit: String,
    git: Git,
    root: PathBuf,
    /// Where the root lies in the repository: empty, or with a slash at its end.
    prefix: Vec<u8>,
    batch: Rc<RefCell<Batch>>,
    /// Submodules that were looked into, by path; `None` for those that are not checked out.
    submodules: RefCell<HashMap<Vec<u8>, Option<Rc<Revision>>>>,
}

/// An entry of a tree object.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    mode: String,
    name: Vec<u8>,
    id: Vec<u8>,
}

/// The commit of a submodule, where it is checked out, and a path in it.
type Inside = (Option<Rc<Revision>>, Vec<u8>);

/// The mode of a submodule in a tree object.
const SUBMODULE: &str = "160000";

impl Revision {
    /// Opens the commit that `name` stands for (a branch, tag, id, `HEAD~2`, …) of the repository that `root`, an
    /// absolute path, lies in.
    pub fn open(root: &Path, name: &str) -> Result<Revision, Error> {
        match Self::open_with(Git::of_process(), root, name) {
            // `GIT_DIR` alone can name the repository of a work tree without `.git`.
            Err(Error::NoRepository { root }) => match Git::of_variables() {
                Some(git) => Self::open_with(git, &root, name),
                None => Err(Error::NoRepository { root }),
            },
            other => other,
        }
    }

    /// The commit of that name; an error of its own says that a repository has no commit at all.
    pub fn named(root: &Path, name: &str) -> Result<Revision, Error> {
        match Self::open(root, name) {
            Err(Error::Unknown { .. }) if !Self::is_any(root)? => Err(Error::Empty),
            other => other,
        }
    }

    fn open_with(git: Git, root: &Path, name: &str) -> Result<Revision, Error> {
        let unknown = |is_shallow| Error::Unknown {
            name: name.to_owned(),
            is_shallow,
        };
        // Nothing that Git would take for an option or for two names is one.
        if name.is_empty() || name.starts_with('-') || name.contains(['\n', '\0']) {
            return Err(unknown(false));
        }
        // Side by side: the second needs nothing of what the first says.
        let asked = git
            .command(
                root,
                &[
                    "rev-parse",
                    "--show-prefix",
                    "--is-shallow-repository",
                    &format!("{name}^{{commit}}"),
                ],
            )
            .spawn()?;
        let batch = Batch::start(&git, root);
        let output = asked.wait_with_output()?;
        let mut lines = output.stdout.split(|byte| *byte == b'\n');
        let (prefix, is_shallow) = (lines.next().unwrap_or_default(), lines.next());
        let is_shallow = is_shallow == Some(b"true");
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            let line = words.lines().next().unwrap_or_default();
            let line = line.strip_prefix("fatal: ").unwrap_or(line);
            return Err(if line.starts_with("not a git repository") {
                Error::NoRepository {
                    root: root.to_owned(),
                }
            } else if output.stdout.is_empty() {
                Error::Refused(line.to_owned())
            } else {
                unknown(is_shallow)
            });
        }
        let commit = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
        let is_id = commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        // Two names (`a..b`) are two lines.
        if !is_id || lines.any(|line| !line.is_empty()) {
            return Err(unknown(is_shallow));
        }
        Ok(Revision {
            name: name.to_owned(),
            commit,
            root: root.to_owned(),
            prefix: prefix.to_vec(),
            batch: Rc::new(RefCell::new(batch?)),
            submodules: RefCell::default(),
            git,
        })
    }

    /// Whether a repository has any commit at all.
    pub fn is_any(root: &Path) -> Result<bool, Error> {
        let git = Git::of_process();
        let mut command = git.command(root, &["rev-list", "--all", "--max-count=1"]);
        let output = command.output()?;
        // What refuses has something.
        Ok(!output.status.success() || !output.stdout.is_empty())
    }

    /// Whether the index has the file, so that the next commit will have it.
    pub fn is_tracked(&self, path: &str) -> Result<bool, Error> {
        let arguments = ["ls-files", "-z", "--", path];
        let output = self.git.command(&self.root, &arguments).output()?;
        Ok(!output.stdout.is_empty())
    }

    /// The commit that is checked out; none before the first one.
    fn head(&self) -> io::Result<Option<Revision>> {
        let commit = self.batch.borrow_mut().head()?;
        Ok(commit.map(|commit| Revision {
            name: "HEAD".to_owned(),
            commit,
            git: self.git.clone(),
            root: self.root.clone(),
            prefix: self.prefix.clone(),
            batch: Rc::clone(&self.batch),
            submodules: RefCell::default(),
        }))
    }

    /// The first digits of the commit's id.
    pub fn short(&self) -> &str {
        self.commit.get(..7).unwrap_or(&self.commit)
    }

    /// Whether there is anything of Upsun's configuration in it.
    pub fn is_configured(&self) -> Result<bool, Error> {
        let answer = self.ask(b".upsun", 0)?;
        if answer == Answer::Missing {
            self.refuse_lack(b".upsun")?;
        }
        Ok(!matches!(answer, Answer::Missing | Answer::Dangling))
    }

    fn ask(&self, path: &[u8], most: u64) -> io::Result<Answer> {
        let full = [&self.prefix, path].concat();
        let full = full.strip_suffix(b"/").unwrap_or(&full);
        self.batch.borrow_mut().ask(&self.commit, full, most)
    }

    /// The entries of a directory; `None` when it is none.
    fn entries(&self, directory: &[u8]) -> io::Result<Option<Vec<Entry>>> {
        Ok(match self.ask(directory, 0)? {
            Answer::Tree(bytes) => Some(parse(&bytes, self.commit.len() / 2)),
            Answer::Missing => {
                self.refuse_lack(directory)?;
                None
            }
            _ => None,
        })
    }

    /// Refuses a path that Git has nothing of and that the commit has: the object is with a remote, or nowhere.
    fn refuse_lack(&self, path: &[u8]) -> io::Result<()> {
        let full = [&self.prefix, path].concat();
        let full = full.strip_suffix(b"/").unwrap_or(&full);
        let mut batch = self.batch.borrow_mut();
        let mut begin = 0;
        loop {
            let directory = full[..begin].strip_suffix(b"/").unwrap_or_default();
            let entries = match batch.ask(&self.commit, directory, 0)? {
                Answer::Tree(bytes) => parse(&bytes, self.commit.len() / 2),
                Answer::Missing => return Err(self.lacks(directory)),
                _ => return Ok(()),
            };
            if begin >= full.len() {
                return Ok(());
            }
            let rest = &full[begin..];
            let length = rest.iter().position(|byte| *byte == b'/');
            let name = &rest[..length.unwrap_or(rest.len())];
            let found = entries.iter().find(|entry| entry.name == name);
            match (found, length) {
                (Some(entry), _) if entry.mode == SUBMODULE => return Ok(()),
                (Some(_), Some(length)) => begin += length + 1,
                (Some(_), None) => return Err(self.lacks(full)),
                (None, _) => return Ok(()),
            }
        }
    }

    /// Why a path that Git has nothing of cannot be read.
    fn missing(&self, path: &[u8]) -> ReadError {
        match self.refuse_lack(path) {
            Ok(()) => ReadError::Missing,
            Err(err) => ReadError::Other(err),
        }
    }

    fn lacks(&self, path: &[u8]) -> io::Error {
        let path = String::from_utf8_lossy(path);
        let what = match path.as_ref() {
            "" => "its files".to_owned(),
            path => format!("`{path}`"),
        };
        io::Error::other(format!(
            "{what} of `{}` is missing in this repository, and upsun-local does not fetch it; `git fetch --refetch --no-filter` completes a partial clone",
            self.name
        ))
    }

    /// The submodule at or above a path, and the rest of the path below it. Without a work tree of it, nothing is
    /// known of what is in it.
    fn submodule(&self, path: &[u8]) -> io::Result<Option<Inside>> {
        let mut directory: &[u8] = b"";
        let mut begin = 0;
        while begin < path.len() {
            let end = path[begin..]
                .iter()
                .position(|byte| *byte == b'/')
                .map_or(path.len(), |at| begin + at);
            let Some(entries) = self.entries(directory)? else {
                return Ok(None);
            };
            let found = entries.iter().find(|entry| entry.name == path[begin..end]);
            match found {
                Some(entry) if entry.mode == SUBMODULE => {
                    let rest = path.get(end + 1..).unwrap_or_default();
                    return Ok(Some((self.inner(&path[..end], entry), rest.to_vec())));
                }
                Some(_) => {}
                None => return Ok(None),
            }
            directory = &path[..end];
            begin = end + 1;
        }
        Ok(None)
    }

    /// The commit of a submodule.
    fn inner(&self, path: &[u8], entry: &Entry) -> Option<Rc<Revision>> {
        let mut known = self.submodules.borrow_mut();
        let open = || {
            let root = self.root.join(OsStr::from_bytes(path));
            // Without it, Git would take the repository around.
            root.join(".git").symlink_metadata().ok()?;
            let id: String = entry.id.iter().map(|byte| format!("{byte:02x}")).collect();
            Self::open_with(self.git.clone(), &root, &id).ok()
        };
        known
            .entry(path.to_vec())
            .or_insert_with(|| open().map(Rc::new))
            .clone()
    }
}

/// The entries of a tree object: `<mode> <name>`, a NUL, and the bytes of the id.
fn parse(mut bytes: &[u8], id_length: usize) -> Vec<Entry> {
    let mut entries = Vec::new();
    while let Some(space) = bytes.iter().position(|byte| *byte == b' ') {
        let Some(nul) = bytes.iter().position(|byte| *byte == 0) else {
            break;
        };
        let Some(id) = bytes.get(nul + 1..nul + 1 + id_length) else {
            break;
        };
        entries.push(Entry {
            mode: String::from_utf8_lossy(&bytes[..space]).into_owned(),
            name: bytes[space + 1..nul].to_vec(),
            id: id.to_vec(),
        });
        bytes = &bytes[nul + 1 + id_length..];
    }
    entries
}

impl Files for Revision {
    fn kind(&self, path: &Path) -> Result<Kind, ReadError> {
        let bytes = path.as_os_str().as_bytes();
        match self.ask(bytes, 0).map_err(ReadError::Other)? {
            Answer::Blob(_) | Answer::TooLarge => Ok(Kind::File),
            Answer::Tree(_) => Ok(Kind::Directory),
            Answer::Other => Ok(Kind::Other),
            Answer::Outside => Err(ReadError::Outside),
            Answer::Loop => Err(ReadError::Loop),
            Answer::Dangling => Err(ReadError::Missing),
            Answer::Missing => match self.submodule(bytes).map_err(ReadError::Other)? {
                Some((Some(inner), rest)) => inner.kind(Path::new(OsStr::from_bytes(&rest))),
                // The directory cannot be read, so the index is believed.
                Some((None, _)) => Ok(Kind::Directory),
                None => Err(self.missing(bytes)),
            },
        }
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadError> {
        let bytes = path.as_os_str().as_bytes();
        match self.ask(bytes, MAX_FILE).map_err(ReadError::Other)? {
            Answer::Blob(content) => Ok(content),
            Answer::TooLarge => Err(ReadError::TooLarge),
            Answer::Tree(_) => Err(ReadError::Directory),
            Answer::Other => Err(ReadError::Special),
            Answer::Outside => Err(ReadError::Outside),
            Answer::Loop => Err(ReadError::Loop),
            Answer::Dangling => Err(ReadError::Missing),
            Answer::Missing => match self.submodule(bytes).map_err(ReadError::Other)? {
                Some((_, rest)) if rest.is_empty() => Err(ReadError::Directory),
                Some((Some(inner), rest)) => inner.read(Path::new(OsStr::from_bytes(&rest))),
                Some((None, _)) => Err(ReadError::Missing),
                None => Err(self.missing(bytes)),
            },
        }
    }

    fn names(&self, directory: &Path) -> Result<Vec<OsString>, ReadError> {
        let bytes = directory.as_os_str().as_bytes();
        match self.ask(bytes, 0).map_err(ReadError::Other)? {
            Answer::Tree(content) => Ok(parse(&content, self.commit.len() / 2)
                .into_iter()
                .map(|entry| OsString::from_vec(entry.name))
                .collect()),
            Answer::Missing => match self.submodule(bytes).map_err(ReadError::Other)? {
                Some((Some(inner), rest)) => inner.names(Path::new(OsStr::from_bytes(&rest))),
                Some((None, _)) => Err(ReadError::Missing),
                None => Err(self.missing(bytes)),
            },
            Answer::Dangling => Err(ReadError::Missing),
            Answer::Outside => Err(ReadError::Outside),
            Answer::Loop => Err(ReadError::Loop),
            Answer::Blob(_) | Answer::TooLarge | Answer::Other => Err(ReadError::NoDirectory),
        }
    }

    fn on_disk(&self, _: &Path) -> Option<PathBuf> {
        None
    }
}
