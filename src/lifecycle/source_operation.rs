//! Runs a source operation of one app: in a container outside every environment, on a scratch clone that is sent
//! there and whose new commits come back as a pack. Nothing of this machine is mounted.
//!
//! An operation may run anything, so nothing of what it leaves is trusted: everything that runs is ended before its
//! commits are asked for, by a Git that is not its own, and what that says only ever becomes a file of ours.

use crate::labels::Kind;
use crate::text;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use super::execute::{Command, End, undeceived};
use super::mounts::{Holes, append_tree};
use super::output::Tail;
use super::{Error, Mark, Planned, Report, Result, Sandbox, archive};
use crate::engine::Engine;
use crate::engine::spec::{ContainerSpec, ExecSpec};
use crate::event::{self, Event, Outcome, Text};
use crate::known_cause;
use crate::labels::LABEL_RUN;
use crate::not_started;
use crate::output::Output;
use crate::plan::User;
use crate::scratch;
use crate::shutdown::Urgency;

/// `PLATFORM_SOURCE_DIR`. **Assumption**: Upsun does not say where it is.
pub const SOURCE_DIRECTORY: &str = "/source";

const LEFT: &str = include_str!("scripts/left.sh");

/// Writes what is new on a commit, for those who have another one. `git bundle` would do the same with a header.
const PACK: &str = "cd /source || exit 3
printf '%s\\n^%s\\n' \"$1\" \"$2\" |
git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c protocol.allow=never \
pack-objects --revs --thin --stdout --delta-base-offset -q";

/// How much a pack may be, in bytes.
const MOST: u64 = 2 * 1024 * 1024 * 1024;

/// How much may be said of what is left, and of errors.
const MOST_WORDS: usize = 64 * 1024;

/// A source operation of one app.
#[derive(Debug)]
pub struct SourceRun<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its script.
    pub command: &'a str,
    /// The role under which it runs.
    pub role: &'a str,
    /// The user who runs it, where one is named.
    pub user: Option<&'a str>,
    /// The directory that the scratch clone lies in.
    pub parent: &'a Path,
    /// The branch in it.
    pub branch: &'a str,
    /// The commit that the branch stands at.
    pub head: &'a str,
    /// Where the pack of its commits goes, a file.
    pub inbox: &'a Path,
    /// Variables on top of the build's.
    pub variables: &'a BTreeMap<String, String>,
    /// How long it may run.
    pub timeout: Option<Duration>,
    /// Whether standard output is for something else: what it prints goes to standard error then.
    pub is_stdout_taken: bool,
    /// Marks its processes; unlike any other run's.
    pub id: &'a str,
}

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceReport {
    /// How the script ended.
    pub report: Report,
    /// What it made, where it succeeded.
    pub made: Option<Made>,
}

/// What an operation left, by its own account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Made {
    /// The commit that the branch stands at. Where it is another one than before, what it needs is in the inbox.
    pub tip: String,
    /// What does not come back.
    pub left: Vec<Left>,
}

/// Something that an operation left and that is gone with its clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// Files that differ from what is committed: how many, and some of them.
    Files(usize, Vec<String>),
    /// So many commits on no branch.
    Detached(usize),
    /// Commits on another branch.
    Branch(String),
    /// A tag.
    Tag(String),
    /// A merge or the like that is not finished.
    Unfinished(String),
}

impl<E: Engine> Sandbox<'_, E> {
    /// Removes the containers of runs that are no more: all but those with one of these ids.
    pub async fn remove_abandoned_sources(&self, alive: &BTreeSet<String>) -> Result<()> {
        let mut labels = self.project.labels();
        labels.extend([Kind::Source.label()]);
        for container in self.engine.containers(&labels).await? {
            let run = container.labels.get(LABEL_RUN);
            if run.is_some_and(|run| !alive.contains(run)) {
                self.engine.remove_container(&container.id).await?;
            }
        }
        Ok(())
    }

    /// Runs it. `container` is a name for its container, which is removed in any case.
    pub async fn run_source_operation(
        &self,
        planned: &Planned<'_>,
        run: &SourceRun<'_>,
        container: &ContainerSpec,
    ) -> Result<SourceReport> {
        self.ensure_image(planned.image, planned.pull).await?;
        self.checkpoint()?;
        let mut container = container.clone();
        container
            .labels
            .insert(LABEL_RUN.to_owned(), run.id.to_owned());
        // It is started twice, and the second time an operation has had its way with what `PATH` leads to.
        container.command = ["/bin/sleep", "100000"].map(str::to_owned).to_vec();
        self.ensure_network(&planned.plan.build.network).await?;
        let id = self.create_anew(&container).await?;
        let result = self.run_in(planned, run, &id).await;
        let removed = self.engine.remove_container(&id).await;
        let report = result?;
        removed?;
        Ok(report)
    }

    async fn run_in(
        &self,
        planned: &Planned<'_>,
        run: &SourceRun<'_>,
        id: &str,
    ) -> Result<SourceReport> {
        let send = self.send(run.parent, planned.plan.build.user, id);
        self.unless_cancelled(send).await?;
        self.start_on(&planned.plan.build.network, id).await?;
        self.checkpoint()?;
        let app = &planned.plan.app;
        self.emit(event::Run::Started {
            app: app.clone(),
            worker: None,
            operation: run.name.to_owned(),
            role: run.role.to_owned(),
            user: run.user.map(str::to_owned),
            command: run.command.to_owned(),
        })
        .await;
        let began = Instant::now();
        let (end, text) = self.run_script(planned, run, id).await?;
        let duration = began.elapsed();
        let (mut outcome, mut exit_code) = match end {
            End::Exited(0) => (Outcome::Success, 0),
            End::Exited(code) => (Outcome::Failure, code),
            End::TimedOut => (Outcome::Timeout, 124),
            End::Cancelled | End::Left => (Outcome::Cancelled, 130),
        };
        let mut made = Ok(None);
        if outcome == Outcome::Success {
            self.emit(event::Source::CommitsRequested { app: app.clone() })
                .await;
            made = self
                .unless_cancelled(self.collect(app, run, id))
                .await
                .map(Some);
            (outcome, exit_code) = match &made {
                Ok(_) => (outcome, exit_code),
                Err(Error::Interrupted) => (Outcome::Cancelled, 130),
                Err(_) => (Outcome::Failure, 1),
            };
        }
        let named = not_started::read(exit_code, &text);
        let is_failure = outcome == Outcome::Failure;
        self.emit(event::Run::Finished {
            app: app.clone(),
            worker: None,
            operation: run.name.to_owned(),
            role: run.role.to_owned(),
            exit_code,
            result: outcome,
            duration,
            read_only: None,
            not_started: named.map(|named| not_started::judge(exit_code, named.as_ref(), None)),
            known: is_failure
                .then(|| known_cause::read(run.command, &text))
                .flatten(),
        })
        .await;
        Ok(SourceReport {
            report: Report {
                outcome,
                exit_code,
                hooks_failed: false,
            },
            made: made?,
        })
    }

    /// Runs the script, and returns how it ended and the end of what it printed.
    async fn run_script(
        &self,
        planned: &Planned<'_>,
        run: &SourceRun<'_>,
        id: &str,
    ) -> Result<(End, String)> {
        let place = format!("{SOURCE_DIRECTORY}/{}", planned.plan.source_root);
        let place = text::quote(place.trim_end_matches('/'));
        let script = format!("cd {place} || exit 1\n{}", run.command);
        let command = Command {
            container: id,
            title: &planned.plan.app,
            what: run.name,
            script: &script,
            mark: Mark::of_run(),
            variables: run.variables,
            stop: None,
            timeout: run.timeout,
            grace: Duration::from_secs(10),
        };
        let event = |output| {
            Event::Run(event::Run::Output {
                output: Text(match output {
                    Output::Stdout(bytes) if run.is_stdout_taken => Output::Stderr(bytes),
                    output => output,
                }),
            })
        };
        let mut tail = Tail::default();
        let end = self
            .execute(&command, event, |piece| tail.push(piece.bytes()))
            .await?;
        Ok((end, tail.text()))
    }

    /// Does something unless the user wants to stop.
    async fn unless_cancelled<T>(&self, act: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.shutdown.reached(Urgency::Cancel) => Err(Error::Interrupted),
            result = act => result,
        }
    }

    /// Puts the scratch clone into the container, where it belongs to the app's user.
    async fn send(&self, parent: &Path, user: User, id: &str) -> Result<()> {
        let parent = parent.to_owned();
        let stream = archive::stream(move |out| {
            let directories = [scratch::NAME];
            out.write_all(&archive::leading_directories(
                "",
                directories,
                user.uid,
                user.gid,
            )?)?;
            let mut tar = tar::Builder::new(out);
            tar.follow_symlinks(false);
            append_tree(
                &mut tar,
                &parent,
                Path::new(scratch::NAME),
                user,
                Holes::Filled,
            )?;
            tar.finish()
        });
        Ok(self.engine.upload(id, "/", stream).await?)
    }

    /// Asks what the operation left, and fetches its commits.
    async fn collect(&self, app: &str, run: &SourceRun<'_>, id: &str) -> Result<Made> {
        let refused = |why: String| Error::SourceOperation {
            app: app.to_owned(),
            operation: run.name.to_owned(),
            why,
        };
        // Some of its processes may have hidden themselves. None survives this.
        self.engine.stop_container(id).await?;
        self.engine.start_container(id).await?;
        let mut words = Vec::new();
        let (code, errors) = self
            .read(id, &clean(LEFT, &[run.branch]), async |bytes| {
                let room = MOST_WORDS.saturating_sub(words.len());
                words.extend_from_slice(&bytes[..bytes.len().min(room)]);
                Ok(())
            })
            .await?;
        let made = parse(&String::from_utf8_lossy(&words));
        match code {
            0 if is_id(&made.tip) => {}
            3 => {
                let why = format!("left no branch `{}` that Upsun could push", run.branch);
                return Err(refused(why));
            }
            _ => {
                let why = format!("left a clone that Git cannot read: {}", errors.trim());
                return Err(refused(why));
            }
        }
        if made.tip == run.head {
            return Ok(made);
        }
        let failed = |source| Error::File {
            path: run.inbox.to_owned(),
            source,
        };
        let file = tokio::fs::File::create(run.inbox).await;
        let mut file = file.map_err(failed)?;
        let mut room = MOST;
        let (code, errors) = self
            .read(id, &clean(PACK, &[&made.tip, run.head]), async |bytes| {
                room = room.checked_sub(bytes.len() as u64).ok_or_else(|| {
                    refused("made commits of more than 2 GiB, which is too much".to_owned())
                })?;
                file.write_all(&bytes).await.map_err(failed)
            })
            .await?;
        file.flush().await.map_err(failed)?;
        if code != 0 {
            let why = format!("made commits that Git cannot send: {}", errors.trim());
            return Err(refused(why));
        }
        Ok(made)
    }

    /// Runs a command, hands over what it prints, and returns its exit code and the beginning of its errors.
    async fn read(
        &self,
        container: &str,
        spec: &ExecSpec,
        mut take: impl AsyncFnMut(bytes::Bytes) -> Result<()>,
    ) -> Result<(i64, String)> {
        let mut exec = self.engine.exec(container, spec).await?;
        let mut errors = Vec::new();
        while let Some(piece) = exec.output.next().await {
            match piece? {
                Output::Stdout(bytes) => take(bytes).await?,
                Output::Stderr(bytes) => {
                    let room = MOST_WORDS.saturating_sub(errors.len());
                    errors.extend_from_slice(&bytes[..bytes.len().min(room)]);
                }
            }
        }
        let code = self.ended(exec.exit).await?;
        Ok((code, String::from_utf8_lossy(&errors).into_owned()))
    }
}

/// A script of ours with nothing of the container's variables, and with programs of the image only: an operation
/// can write neither those nor the directories that they lie in.
fn clean(script: &str, arguments: &[&str]) -> ExecSpec {
    let mut command = [
        "/usr/bin/env",
        "-i",
        "PATH=/usr/bin:/bin",
        "LC_ALL=C.UTF-8",
        "GIT_CONFIG_NOSYSTEM=1",
        "GIT_NO_LAZY_FETCH=1",
        "GIT_NO_REPLACE_OBJECTS=1",
        "GIT_OPTIONAL_LOCKS=0",
        "/bin/dash",
        "-c",
        script,
        "upsun-local",
    ]
    .map(str::to_owned)
    .to_vec();
    command.extend(arguments.iter().map(|word| (*word).to_owned()));
    ExecSpec {
        command,
        // `env` itself would load what they name.
        variables: undeceived(),
        working_dir: Some("/".to_owned()),
        ..ExecSpec::default()
    }
}

pub(super) fn is_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What the script says of what is left.
pub(super) fn parse(text: &str) -> Made {
    let mut made = Made::default();
    let mut files = Vec::new();
    for line in text.lines() {
        let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.to_owned();
        match what {
            "tip" if made.tip.is_empty() => made.tip = rest,
            "detached" => made
                .left
                .push(Left::Detached(rest.parse().unwrap_or_default())),
            "branch" => made.left.push(Left::Branch(rest)),
            "tag" => made.left.push(Left::Tag(rest)),
            "unfinished" => made.left.push(Left::Unfinished(rest)),
            "file" => files.push(rest),
            "files" if rest != "0" => {
                let count = rest.parse().unwrap_or(files.len());
                made.left
                    .push(Left::Files(count, std::mem::take(&mut files)));
            }
            _ => {}
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_left_is_told() {
        let tip = "1".repeat(40);
        assert_eq!(parse(&format!("tip {tip}\nfiles 0\n")).left, []);
        let text = format!(
            "tip {tip}\ndetached 2\nbranch a b\ntag v1\nunfinished merge\nfile x y\nfile z\nfiles 7\ntip 2\n"
        );
        let made = parse(&text);
        assert_eq!(made.tip, tip);
        assert_eq!(
            made.left,
            [
                Left::Detached(2),
                Left::Branch("a b".to_owned()),
                Left::Tag("v1".to_owned()),
                Left::Unfinished("merge".to_owned()),
                Left::Files(7, vec!["x y".to_owned(), "z".to_owned()]),
            ]
        );
    }

    #[test]
    fn an_id_is_hexadecimal_and_nothing_else() {
        assert!(is_id(&"a".repeat(40)) && is_id(&"0".repeat(64)));
        for text in ["", "--upload-pack=x", &"g".repeat(40), &"a".repeat(41)] {
            assert!(!is_id(text), "{text}");
        }
    }
}
