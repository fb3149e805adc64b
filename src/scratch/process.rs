//! Runs `git` in one repository, until it is done or the user wants to stop.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use super::Error;
use crate::shutdown::{Shutdown, Urgency};
use crate::source::Git;

/// How long a `git` may take to end once it is asked to.
const GRACE: Duration = Duration::from_secs(2);

/// A repository and how Git is run in it.
#[derive(Debug, Clone)]
pub(super) struct Repository {
    git: Git,
    directory: PathBuf,
    shutdown: Shutdown,
}

impl Repository {
    pub(super) fn new(git: Git, directory: &Path, shutdown: &Shutdown) -> Repository {
        Repository {
            git,
            directory: directory.to_owned(),
            shutdown: shutdown.clone(),
        }
    }

    /// A repository for commands that may run filters: those of the user, never those of the repository.
    pub(super) fn guarded(&self) -> Result<Repository, Error> {
        let git = self.git.guarded(&self.directory);
        let git = git.map_err(|words| Error::Refused {
            what: "config".to_owned(),
            words,
        })?;
        Ok(Repository {
            git,
            ..self.clone()
        })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// What it says, without the line break at its end.
    pub(super) async fn ask(&self, words: &[&str]) -> Result<String, Error> {
        let text = self.bytes(words).await?;
        let text = String::from_utf8_lossy(&text);
        Ok(text.trim_end_matches('\n').to_owned())
    }

    /// What it says, byte for byte.
    pub(super) async fn bytes(&self, words: &[&str]) -> Result<Vec<u8>, Error> {
        self.fed(words, Stdio::null()).await
    }

    /// Runs a `git` that reads standard input.
    pub(super) async fn fed(&self, words: &[&str], input: Stdio) -> Result<Vec<u8>, Error> {
        let child = self.command(words).stdin(input).spawn()?;
        self.end_of(child, words).await
    }

    /// Runs a `git` that must not be stopped half-way, because it changes the user's repository.
    pub(super) async fn change(&self, words: &[&str]) -> Result<(), Error> {
        if self.shutdown.urgency() > Urgency::None {
            return Err(Error::Interrupted);
        }
        let output = self.command(words).output().await?;
        said(words, output).map(|_| ())
    }

    /// Copies a commit and everything that it leads to into another repository, except what `have` leads to, which
    /// the other repository has. Neither Git process gets the path of the other repository.
    pub(super) async fn copy(
        &self,
        commit: &str,
        have: Option<&str>,
        to: &Repository,
    ) -> Result<(), Error> {
        let words = [
            "pack-objects",
            "--revs",
            "--thin",
            "--stdout",
            "--delta-base-offset",
            "-q",
        ];
        let mut packing = self
            .command(&words)
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .stdin(Stdio::piped())
            .spawn()?;
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        let mut input = packing.stdin.take().ok_or_else(gone)?;
        let pack: Stdio = packing.stdout.take().ok_or_else(gone)?.try_into()?;
        let mut wanted = format!("{commit}\n");
        if let Some(have) = have {
            wanted.push_str(&format!("^{have}\n"));
        }
        input.write_all(wanted.as_bytes()).await?;
        drop(input);
        let indexed = to.fed(&["index-pack", "--stdin", "--fix-thin"], pack);
        let (packed, indexed) = tokio::join!(self.end_of(packing, &words), indexed);
        match packed {
            // This process lost its reader; the error of the other process says why.
            Err(Error::Refused { words, .. }) if words.is_empty() => {}
            other => drop(other?),
        }
        indexed.map(drop)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::from(self.git.command(&self.directory, words));
        // The terminal sends Ctrl-C to all processes in the foreground. A process group of its own keeps Git
        // running until `upsun-local` ends it.
        command
            .stdin(Stdio::null())
            .process_group(0)
            .kill_on_drop(true);
        command
    }

    async fn end_of(&self, child: Child, words: &[&str]) -> Result<Vec<u8>, Error> {
        let group = child.id().and_then(|id| i32::try_from(id).ok());
        let group = group.and_then(Pid::from_raw);
        let ending = child.wait_with_output();
        tokio::pin!(ending);
        tokio::select! {
            biased;
            () = self.shutdown.reached(Urgency::Cancel) => {
                for signal in [Signal::TERM, Signal::KILL] {
                    if let Some(group) = group {
                        let _ = kill_process_group(group, signal);
                    }
                    if tokio::time::timeout(GRACE, &mut ending).await.is_ok() {
                        break;
                    }
                }
                Err(Error::Interrupted)
            }
            output = &mut ending => said(words, output?),
        }
    }
}

fn said(words: &[&str], output: Output) -> Result<Vec<u8>, Error> {
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim();
    Err(Error::Refused {
        what: words.first().copied().unwrap_or_default().to_owned(),
        words: said.strip_prefix("fatal: ").unwrap_or(said).to_owned(),
    })
}
