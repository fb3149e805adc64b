//! The scratch clone that a source operation works on: HEAD, on the current branch only, without remotes and tags;
//! never the repository itself.
//!
//! Commits travel as packs that `git pack-objects` writes and `git index-pack` reads: neither opens a path that the
//! other side could choose, runs a hook, or asks the other side's configuration for anything.
//!
//! Source: <https://docs.upsun.com/create-apps/source-operations.html#how-source-operations-work>

mod origin;
mod place;
mod process;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use self::origin::is_ancestor;
pub use self::origin::{Applied, Origin};
pub use self::place::{Place, clear, guard, locks};
use self::process::Repository;
use crate::event::Commit;
use crate::shutdown::Shutdown;
use crate::source::Git;

/// What its directory is called, here and in the container.
pub const NAME: &str = "source";

/// Checks all objects; what only looks odd in commits of long ago is let pass.
const STRICT: &str =
    "--strict=missingSpaceBeforeDate=ignore,badTimezone=ignore,zeroPaddedFilemode=ignore";

/// Why there is no scratch clone, or why what was made in it cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `git` cannot be run.
    #[error("{}", no_git(.0))]
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
    #[error("`{0}` is not in a Git repository")]
    NoRepository(PathBuf),
    /// There is one that Git does not trust.
    #[error("Git refuses to use `{0}`, because it belongs to another user")]
    AnothersRepository(PathBuf),
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
    /// What came is no commit with all that belongs to it.
    #[error("the data that it sent are not a complete commit: {0}")]
    NotWhole(String),
    /// The user wants to stop.
    #[error("interrupted")]
    Interrupted,
}

fn no_git(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no `git` command".to_owned(),
        _ => format!("`git` cannot be run: {error}"),
    }
}

/// What an operation did to the branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// The new commits, the oldest first.
    pub commits: Vec<Commit>,
    /// Whether the branch no longer holds the commit that it stood at.
    pub rewritten: bool,
}

/// The scratch clone; gone when it is dropped.
#[derive(Debug)]
pub struct Scratch {
    place: Place,
    repository: Repository,
    /// The branch that is checked out in it.
    branch: String,
    /// The commit that everything began with.
    first: String,
    /// The commit that the branch stands at.
    head: String,
}

impl Scratch {
    /// Clones HEAD of a repository.
    pub async fn of(origin: &Origin, place: Place, shutdown: &Shutdown) -> Result<Scratch, Error> {
        let path = place.directory().join(NAME);
        std::fs::create_dir(&path)?;
        let from = &origin.repository;
        let repository = Repository::new(Git::isolated(), &path, shutdown);
        // Before 2.27 Git knows one format only.
        let format = from.ask(&["rev-parse", "--show-object-format"]).await;
        let format = format!("--object-format={}", format.unwrap_or_default());
        let mut init = vec!["init", "--quiet", "--template="];
        if format.ends_with("sha256") {
            init.push(&format);
        }
        repository.bytes(&init).await?;
        let shallow = from.ask(&["rev-parse", "--git-path", "shallow"]).await?;
        let shallow = from.directory().join(shallow);
        if shallow.exists() {
            std::fs::copy(shallow, path.join(".git/shallow"))?;
        }
        let head = origin.head();
        from.copy(head, None, &repository).await?;
        let branch = origin.branch().to_owned();
        let on_branch = format!("refs/heads/{branch}");
        for words in [
            // Git refuses a commit without a name and an address; the operation may set others.
            &["config", "user.name", "upsun-local"][..],
            &["config", "user.email", "upsun-local@localhost"],
            &["symbolic-ref", "HEAD", &on_branch],
            &["reset", "--quiet", "--hard", head],
        ] {
            repository.bytes(words).await?;
        }
        Ok(Scratch {
            place,
            repository,
            branch,
            first: head.to_owned(),
            head: head.to_owned(),
        })
    }

    /// The directory that it lies in, by [`NAME`].
    pub fn parent(&self) -> &Path {
        self.place.directory()
    }

    /// A file beside it, for a pack that [`Scratch::take`] is to take.
    pub(crate) fn inbox(&self) -> PathBuf {
        self.place.directory().join("pack")
    }

    /// The branch that is checked out in it.
    pub fn branch(&self) -> &str {
        &self.branch
    }

    /// The commit that everything began with.
    pub fn first(&self) -> &str {
        &self.first
    }

    /// The commit that the branch stands at.
    pub fn head(&self) -> &str {
        &self.head
    }

    /// Whether HEAD has submodules, which are empty in it.
    pub(crate) async fn has_submodules(&self) -> Result<bool, Error> {
        let files = self
            .repository
            .bytes(&["ls-files", "--stage", "-z"])
            .await?;
        let mut lines = files.split(|byte| *byte == 0);
        Ok(lines.any(|line| line.starts_with(b"160000 ")))
    }

    /// Moves the branch to a commit that an operation's container has told, with a pack of what is new. Both are
    /// checked: nothing that a container says is believed.
    pub async fn take(&mut self, tip: &str, pack: &Path) -> Result<News, Error> {
        let is_id =
            tip.len() == self.head.len() && tip.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_id {
            return Err(Error::NotWhole(format!(
                "`{tip}` is not the id of a commit"
            )));
        }
        let file = File::open(pack)?;
        let index = ["index-pack", "--stdin", "--fix-thin", STRICT];
        self.repository.fed(&index, Stdio::from(file)).await?;
        let whole = |err| match err {
            Error::Refused { words, .. } => Error::NotWhole(words),
            other => other,
        };
        let commit = format!("{tip}^{{commit}}");
        let found = ["rev-parse", "--verify", &commit];
        if self.repository.ask(&found).await.map_err(whole)? != tip {
            return Err(Error::NotWhole(format!("`{tip}` is not a commit")));
        }
        let without = format!("^{}", self.head);
        let all = ["rev-list", "--objects", "--quiet", tip, &without];
        self.repository.bytes(&all).await.map_err(whole)?;
        self.repository
            .bytes(&["reset", "--quiet", "--hard", tip])
            .await?;
        let before = std::mem::replace(&mut self.head, tip.to_owned());
        Ok(News {
            commits: self.commits(&before, tip).await?,
            rewritten: !is_ancestor(&self.repository, &before, tip).await?,
        })
    }

    async fn commits(&self, from: &str, to: &str) -> Result<Vec<Commit>, Error> {
        let range = format!("{from}..{to}");
        let words = ["log", "--reverse", "--format=%H%x09%s", &range];
        let text = self.repository.ask(&words).await?;
        let commits = text.lines().map(|line| {
            let (id, subject) = line.split_once('\t').unwrap_or((line, ""));
            Commit {
                id: id.to_owned(),
                subject: subject.to_owned(),
            }
        });
        Ok(commits.collect())
    }

    /// Whether any operation made a commit.
    pub fn has_news(&self) -> bool {
        self.first != self.head
    }

    /// All that changed, as a patch that `git apply` takes.
    pub async fn diff(&self) -> Result<Vec<u8>, Error> {
        let words = [
            "diff",
            "--no-color",
            "--binary",
            "--full-index",
            "--no-ext-diff",
            "--no-textconv",
            &self.first,
            &self.head,
        ];
        self.repository.bytes(&words).await
    }
}
