//! The scratch clone that a source operation works on: HEAD, on the current branch only, without remotes and tags;
//! never the repository itself.
//!
//! Source: <https://docs.upsun.com/create-apps/source-operations.html#how-source-operations-work>

use std::io;
use std::path::{Path, PathBuf};

use crate::source::Git;

/// What its directory is called, here and in the container.
pub const NAME: &str = "source";

/// The branch of a scratch clone when the repository is on none.
const DETACHED: &str = "detached";

/// Why there is no scratch clone, or why what was made in it cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `git` cannot be run.
    #[error("git cannot be run: {0}")]
    Io(#[from] io::Error),
    /// Git refuses something.
    #[error("git {what}: {words}")]
    Refused {
        /// What it was to do.
        what: String,
        /// What it said.
        words: String,
    },
    /// There is no repository.
    #[error("`{0}` is in no Git repository")]
    NoRepository(PathBuf),
    /// There is no commit.
    #[error("the repository has no commit yet")]
    NoCommit,
    /// The repository begins above.
    #[error("the Git repository begins at `{top}`, not at `{root}`")]
    Below {
        /// The repository's top.
        top: PathBuf,
        /// Upsun's root.
        root: PathBuf,
    },
}

/// A commit that an operation made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The first digits of its id.
    pub id: String,
    /// The first line of its message.
    pub subject: String,
}

/// What an operation did to the branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// The new commits, the oldest first.
    pub commits: Vec<Commit>,
    /// Whether the branch no longer holds the commit that it stood at.
    pub rewritten: bool,
}

/// What became of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// The checked-out branch went forward.
    FastForward {
        /// That branch.
        branch: String,
    },
    /// A branch holds the commits, and nothing else changed.
    Branch {
        /// That branch.
        branch: String,
        /// Why the checked-out one was left alone.
        because: &'static str,
    },
}

/// The scratch clone; gone when it is dropped.
#[derive(Debug)]
pub struct Scratch {
    directory: tempfile::TempDir,
    git: Git,
    root: PathBuf,
    /// The branch that is checked out in it.
    branch: String,
    /// Whether the repository is on that branch.
    is_detached: bool,
    /// The commit that everything began with.
    first: String,
    /// The commit that the branch stands at.
    head: String,
}

impl Scratch {
    /// Clones HEAD of the repository whose top is `root`, an absolute path.
    pub fn of(root: &Path) -> Result<Scratch, Error> {
        let git = Git::of_process();
        let ask = |words: &[&str]| run(&git, root, words);
        let Ok(top) = ask(&["rev-parse", "--show-toplevel"]) else {
            return Err(Error::NoRepository(root.to_owned()));
        };
        if std::fs::canonicalize(&top).ok() != std::fs::canonicalize(root).ok() {
            return Err(Error::Below {
                top: PathBuf::from(top),
                root: root.to_owned(),
            });
        }
        let Ok(first) = ask(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]) else {
            return Err(Error::NoCommit);
        };
        let own = ask(&["symbolic-ref", "--quiet", "--short", "HEAD"]);
        let is_detached = own.is_err();
        let branch = own.unwrap_or_else(|_| DETACHED.to_owned());
        let directory = tempfile::Builder::new()
            .prefix("upsun-local-source-")
            .tempdir()?;
        let scratch = Scratch {
            git,
            root: root.to_owned(),
            branch,
            is_detached,
            head: first.clone(),
            first,
            directory,
        };
        let path = scratch.path();
        std::fs::create_dir(&path)?;
        scratch.run(&["init", "--quiet"])?;
        let from = scratch.root.to_string_lossy().into_owned();
        scratch.run(&[
            "fetch",
            "--quiet",
            "--no-tags",
            "--update-shallow",
            &from,
            "HEAD",
        ])?;
        scratch.run(&["checkout", "--quiet", "-B", &scratch.branch, "FETCH_HEAD"])?;
        // Whoever commits has a name; the operation may set another.
        scratch.run(&["config", "user.name", "upsun-local"])?;
        scratch.run(&["config", "user.email", "upsun-local@localhost"])?;
        let _ = std::fs::remove_file(path.join(".git/FETCH_HEAD"));
        Ok(scratch)
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join(NAME)
    }

    /// The directory that it lies in.
    pub fn parent(&self) -> &Path {
        self.directory.path()
    }

    /// A place beside it for what is to be fetched into it.
    pub fn inbox(&self) -> PathBuf {
        self.directory.path().join("inbox")
    }

    /// The branch that is checked out in it.
    pub fn branch(&self) -> &str {
        &self.branch
    }

    /// The commit that the branch stands at.
    pub fn head(&self) -> &str {
        &self.head
    }

    /// Whether the repository's own files differ from HEAD, so that the operation does not see all of them.
    pub fn is_dirty(&self) -> bool {
        run(&self.git, &self.root, &["status", "--porcelain"]).is_ok_and(|text| !text.is_empty())
    }

    /// Takes over the branch from a bundle, which an operation's container has made.
    pub fn take(&mut self, bundle: &Path) -> Result<News, Error> {
        let before = self.head.clone();
        let bundle = bundle.to_string_lossy().into_owned();
        let branch = format!("refs/heads/{}", self.branch);
        self.run(&["fetch", "--quiet", "--no-tags", &bundle, &branch])?;
        self.run(&["reset", "--quiet", "--hard", "FETCH_HEAD"])?;
        self.head = self.run(&["rev-parse", "HEAD"])?;
        Ok(News {
            commits: self.commits(&before, &self.head)?,
            rewritten: !self.is_ancestor(&before, &self.head),
        })
    }

    fn commits(&self, from: &str, to: &str) -> Result<Vec<Commit>, Error> {
        let range = format!("{from}..{to}");
        let text = self.run(&["log", "--reverse", "--format=%h%x09%s", &range])?;
        let commits = text.lines().map(|line| {
            let (id, subject) = line.split_once('\t').unwrap_or((line, ""));
            Commit {
                id: id.to_owned(),
                subject: subject.to_owned(),
            }
        });
        Ok(commits.collect())
    }

    fn is_ancestor(&self, one: &str, other: &str) -> bool {
        self.run(&["merge-base", "--is-ancestor", one, other])
            .is_ok()
    }

    /// Whether any operation made a commit.
    pub fn has_news(&self) -> bool {
        self.first != self.head
    }

    /// All that changed, as Git shows it.
    pub fn diff(&self) -> Result<String, Error> {
        self.run(&["diff", "--no-color", &self.first, &self.head])
            .map(|text| if text.is_empty() { text } else { text + "\n" })
    }

    /// Brings the commits into the repository, as a branch of that name. The checked-out branch goes forward to them
    /// when that loses nothing: no history is rewritten, and no file differs from HEAD.
    pub fn apply(&self, name: &str) -> Result<Applied, Error> {
        let from = self.path().to_string_lossy().into_owned();
        let into = format!("+refs/heads/{}:refs/heads/{name}", self.branch);
        run(
            &self.git,
            &self.root,
            &["fetch", "--quiet", "--no-tags", &from, &into],
        )?;
        let current = run(&self.git, &self.root, &["rev-parse", "HEAD"])?;
        let because = if self.is_detached {
            "no branch is checked out"
        } else if !self.is_ancestor(&current, &self.head) {
            "it does not lead there without losing commits"
        } else if self.is_dirty() {
            "there are changes that are not committed"
        } else {
            run(
                &self.git,
                &self.root,
                &["merge", "--quiet", "--ff-only", &self.head],
            )?;
            run(&self.git, &self.root, &["branch", "--quiet", "-D", name])?;
            return Ok(Applied::FastForward {
                branch: self.branch.clone(),
            });
        };
        Ok(Applied::Branch {
            branch: name.to_owned(),
            because,
        })
    }

    fn run(&self, words: &[&str]) -> Result<String, Error> {
        run(&self.git, &self.path(), words)
    }
}

/// What a `git` command says, without the line break at its end.
fn run(git: &Git, directory: &Path, words: &[&str]) -> Result<String, Error> {
    let output = git
        .command(directory, words)
        .stdin(std::process::Stdio::null())
        .output()?;
    if output.status.success() {
        let text = String::from_utf8_lossy(&output.stdout);
        return Ok(text.trim_end_matches('\n').to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::Refused {
        what: words.first().copied().unwrap_or_default().to_owned(),
        words: said.trim().to_owned(),
    })
}
