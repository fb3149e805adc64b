//! The repository that a source operation is tried on: its commit and branch, and how commits are brought into it.

use std::path::{Path, PathBuf};

use super::process::Repository;
use super::{Error, Scratch};
use crate::shutdown::Shutdown;
use crate::source::Git;

/// The branch of a scratch clone when the repository is on none.
const DETACHED: &str = "detached";

/// Largest number to add to the name of a branch that exists already.
const MOST_BRANCHES: usize = 1000;

/// The user's repository, as it is when an operation begins.
#[derive(Debug)]
pub struct Origin {
    pub(super) repository: Repository,
    /// The branch that is checked out; `None` for a detached HEAD.
    pub(super) branch: Option<String>,
    /// The commit of HEAD.
    pub(super) head: String,
}

/// What became of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// The checked-out branch went forward.
    FastForward { branch: String },
    /// A branch holds the commits, and nothing else changed.
    Branch {
        branch: String,
        /// Why the checked-out one was left alone.
        because: String,
    },
}

impl Origin {
    /// Looks at the repository whose top is `root`, an absolute path.
    pub async fn open(root: &Path, shutdown: &Shutdown) -> Result<Origin, Error> {
        let repository = Repository::new(Git::of_process(), root, shutdown);
        let top = repository
            .ask(&["rev-parse", "--show-toplevel"])
            .await
            .map_err(|err| match err {
                Error::Refused { words, .. } if words.starts_with("not a git repository") => {
                    Error::NoRepository(root.to_owned())
                }
                Error::Refused { words, .. } if words.contains("dubious ownership") => {
                    Error::AnothersRepository(root.to_owned())
                }
                other => other,
            })?;
        if std::fs::canonicalize(&top).ok() != std::fs::canonicalize(root).ok() {
            return Err(Error::Below {
                top: PathBuf::from(top),
                root: root.to_owned(),
            });
        }
        let head = repository
            .ask(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])
            .await
            .map_err(|err| match err {
                Error::Refused { words, .. } if words.is_empty() => Error::NoCommit,
                other => other,
            })?;
        let mut origin = Origin {
            repository,
            branch: None,
            head,
        };
        origin.branch = origin.current_branch().await?;
        Ok(origin)
    }

    /// What the branch is called in the clone.
    pub fn branch(&self) -> &str {
        self.branch.as_deref().unwrap_or(DETACHED)
    }

    /// The commit of HEAD.
    pub fn head(&self) -> &str {
        &self.head
    }

    /// Whether its files differ from HEAD, so that an operation does not see all of them.
    pub(crate) async fn is_dirty(&self) -> Result<bool, Error> {
        // A submodule is asked which commit it is at, not for its files: a Git of its own would do that.
        let asked = ["status", "--porcelain", "--ignore-submodules=dirty"];
        let status = self.repository.guarded()?.bytes(&asked).await?;
        Ok(!status.is_empty())
    }

    async fn current_branch(&self) -> Result<Option<String>, Error> {
        let asked = ["symbolic-ref", "--quiet", "HEAD"];
        match self.repository.ask(&asked).await {
            Ok(name) => Ok(name.strip_prefix("refs/heads/").map(str::to_owned)),
            Err(Error::Refused { words, .. }) if words.is_empty() => Ok(None),
            Err(err) => Err(err),
        }
    }

    /// Brings the commits of the clone here. The checked-out branch goes forward to them when that loses nothing: it
    /// is the one that the clone was made of, no history is rewritten, no file differs from HEAD, and no ignored file
    /// is in the way. Otherwise they become a branch of that name, or of one like it: no commit of another branch is
    /// lost.
    pub async fn apply(&self, scratch: &Scratch, name: &str) -> Result<Applied, Error> {
        let tip = scratch.head();
        scratch
            .repository
            .copy(tip, Some(scratch.first()), &self.repository)
            .await?;
        let mut because = self.obstacle(scratch).await?;
        if because.is_none() {
            because = self.go_forward(tip).await?;
        }
        let Some(because) = because else {
            return Ok(Applied::FastForward {
                branch: self.branch().to_owned(),
            });
        };
        let branch = self.put_on_branch(tip, name).await?;
        Ok(Applied::Branch { branch, because })
    }

    /// Moves the checked-out branch with its files, or says why Git does not.
    async fn go_forward(&self, tip: &str) -> Result<Option<String>, Error> {
        let merge = [
            "merge",
            "--quiet",
            "--ff-only",
            "--no-overwrite-ignore",
            tip,
        ];
        match self.repository.guarded()?.change(&merge).await {
            Ok(()) => Ok(None),
            Err(Error::Refused { words, .. }) if words.contains("would be overwritten") => Ok(
                Some("files that Git ignores or does not know are in the way".to_owned()),
            ),
            Err(Error::Refused { words, .. }) => {
                let line = words.lines().next().unwrap_or_default();
                Ok(Some(format!("Git refuses to move it: {line}")))
            }
            Err(err) => Err(err),
        }
    }

    /// Why the checked-out branch cannot go forward.
    async fn obstacle(&self, scratch: &Scratch) -> Result<Option<String>, Error> {
        let Some(branch) = &self.branch else {
            return Ok(Some("no branch was checked out".to_owned()));
        };
        // The user may have changed the repository while the operation ran.
        if self.current_branch().await?.as_ref() != Some(branch) {
            return Ok(Some("another branch is checked out now".to_owned()));
        }
        let current = self.repository.ask(&["rev-parse", "HEAD"]).await?;
        if !self.leads_to(&current, scratch.head()).await? {
            return Ok(Some(if current == self.head {
                "moving it would lose commits".to_owned()
            } else {
                "it has moved since".to_owned()
            }));
        }
        match self.is_dirty().await {
            Ok(false) => Ok(None),
            Ok(true) => Ok(Some("there are changes that are not committed".to_owned())),
            Err(Error::Refused { words, .. }) => {
                let line = words.lines().next().unwrap_or_default();
                Ok(Some(format!(
                    "Git cannot say whether its files are changed: {line}"
                )))
            }
            Err(err) => Err(err),
        }
    }

    async fn has_branch(&self, name: &str) -> Result<bool, Error> {
        let reference = format!("refs/heads/{name}");
        let words = ["for-each-ref", "--format=%(refname)", &reference];
        let found = self.repository.ask(&words).await?;
        Ok(found.lines().any(|line| line == reference))
    }

    async fn leads_to(&self, one: &str, other: &str) -> Result<bool, Error> {
        is_ancestor(&self.repository, one, other).await
    }

    /// Makes a branch, or moves one forward that no work tree has checked out and that loses no commits.
    async fn put_on_branch(&self, tip: &str, name: &str) -> Result<String, Error> {
        // Git cannot have both `a` and `a/b`.
        let flat = name.replace('/', "-");
        let name = match name.split_once('/') {
            Some((above, _)) if self.has_branch(above).await? => flat.as_str(),
            _ => name,
        };
        for number in 1..MOST_BRANCHES {
            let branch = match number {
                1 => name.to_owned(),
                _ => format!("{name}-{number}"),
            };
            let reference = format!("refs/heads/{branch}");
            let format = "--format=%(refname) %(objectname) %(worktreepath)";
            let found = self
                .repository
                .ask(&["for-each-ref", format, &reference])
                .await?;
            // A name asks for all that begin with it and a slash, too.
            let found = found
                .lines()
                .find_map(|line| line.strip_prefix(reference.as_str())?.strip_prefix(' '));
            let before = match found.map(|line| line.split_once(' ').unwrap_or((line, ""))) {
                None => "0".repeat(tip.len()),
                Some((commit, "")) if self.leads_to(commit, tip).await? => commit.to_owned(),
                Some(_) => continue,
            };
            let update = [
                "update-ref",
                "-m",
                "upsun-local source-operation run",
                &reference,
                tip,
                &before,
            ];
            self.repository.change(&update).await?;
            return Ok(branch);
        }
        Err(Error::Refused {
            what: "branch".to_owned(),
            words: format!("there are {MOST_BRANCHES} branches like `{name}` already"),
        })
    }
}

/// Whether one commit is the other, or one that it goes back to.
pub(super) async fn is_ancestor(
    repository: &Repository,
    one: &str,
    other: &str,
) -> Result<bool, Error> {
    match repository
        .bytes(&["merge-base", "--is-ancestor", one, other])
        .await
    {
        Ok(_) => Ok(true),
        Err(Error::Refused { words, .. }) if words.is_empty() => Ok(false),
        Err(err) => Err(err),
    }
}
