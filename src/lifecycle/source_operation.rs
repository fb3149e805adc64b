//! Runs a source operation of one app in a container outside every environment. `upsun-local` sends a scratch clone
//! to the container, and fetches the new commits as a pack. No directory of this machine is mounted.
//!
//! An operation may run anything, so its result is not trusted. All processes are ended before `upsun-local` asks for
//! the commits with a Git that the operation cannot change, and the answer is only written to a file of
//! `upsun-local`.

use crate::labels::Kind;
use crate::text;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use super::execute::{Command, End, undeceived};
use super::mounts::{Holes, append_tree};
use super::output::Tail;
use super::{Error, Mark, Planned, Report, Result, Sandbox, archive};
use crate::engine::spec::{ContainerSpec, ExecSpec};
use crate::engine::{Engine, Exec};
use crate::event::{self, Event, Outcome, Text};
use crate::known_cause;
use crate::labels::LABEL_RUN;
use crate::not_started;
use crate::output::Output;
use crate::plan::User;
use crate::scratch;
use crate::shutdown::Urgency;

/// The value of `PLATFORM_SOURCE_DIR`. **Assumption**: Upsun does not document the path.
pub const SOURCE_DIRECTORY: &str = "/source";

const LEFT: &str = include_str!("scripts/left.sh");

/// Writes the objects that a commit has and another commit lacks. `git bundle` would write the same with a header.
const PACK: &str = "cd /source || exit 3
printf '%s\\n^%s\\n' \"$1\" \"$2\" |
git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c protocol.allow=never \
pack-objects --revs --thin --stdout --delta-base-offset -q";

/// The maximum size of a pack, in bytes.
const MOST: u64 = 2 * 1024 * 1024 * 1024;

/// The maximum size of the description of the result, and of the errors, in bytes.
const MOST_WORDS: usize = 64 * 1024;

#[derive(Debug)]
pub struct SourceRun<'a> {
    pub name: &'a str,
    pub command: &'a str,
    /// The role under which the operation runs.
    pub role: &'a str,
    /// The user who runs the operation, if one is named.
    pub user: Option<&'a str>,
    /// The directory that contains the scratch clone.
    pub parent: &'a Path,
    /// The branch of the scratch clone.
    pub branch: &'a str,
    /// The commit of the branch.
    pub head: &'a str,
    /// The file that receives the pack of the new commits.
    pub inbox: &'a Path,
    /// Variables in addition to those of the build.
    pub variables: &'a BTreeMap<String, String>,
    /// How long the operation may run.
    pub timeout: Option<Duration>,
    /// Whether standard output has another use: the output of the operation then goes to standard error.
    pub is_stdout_taken: bool,
    /// Marks the processes of the operation. No other run has the same id.
    pub id: &'a str,
}

/// The result of a source operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceReport {
    pub report: Report,
    /// What the operation made, if it succeeded.
    pub made: Option<Made>,
}

/// What an operation made, as reported by the container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Made {
    /// The commit of the branch. If it is a new commit, the objects that it needs are in the inbox.
    pub tip: String,
    /// The changes that are lost.
    pub left: Vec<Left>,
}

/// A change that an operation left and that is deleted with its clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// Files that differ from the commit: how many, and some of them.
    Files(usize, Vec<String>),
    /// The number of commits that are on no branch.
    Detached(usize),
    Branch(String),
    Tag(String),
    /// A merge or a similar action that is not finished.
    Unfinished(String),
}

impl<E: Engine> Sandbox<'_, E> {
    /// Removes the containers of runs that have ended, which is all containers without one of these ids.
    pub(crate) async fn remove_abandoned_sources(&self, alive: &BTreeSet<String>) -> Result<()> {
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

    /// Runs a source operation. `container` is the name for its container, which is removed in any case.
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
        // The container is started twice. Before the second start, the operation may have changed the programs in
        // `PATH`, so use an absolute path.
        container.command = ["/bin/sleep", "100000"].map(str::to_owned).to_vec();
        let network = &planned.plan.build.network;
        self.ensure_network(network).await?;
        let id = self.create_on(network, &container).await?;
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
            synced: false,
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

    /// Runs the script. Returns how it ended, and the end of its output.
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

    /// Runs `act` unless the user wants to stop.
    async fn unless_cancelled<T>(&self, act: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.shutdown.reached(Urgency::Cancel) => Err(Error::Interrupted),
            result = act => result,
        }
    }

    /// Copies the scratch clone into the container, where it belongs to the app's user.
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

    /// Asks the container for the result of the operation, and fetches the commits.
    async fn collect(&self, app: &str, run: &SourceRun<'_>, id: &str) -> Result<Made> {
        let refused = |why: String| Error::SourceOperation {
            app: app.to_owned(),
            operation: run.name.to_owned(),
            why,
        };
        // Some processes of the operation may have hidden themselves. A stop of the container ends them, too.
        self.engine.stop_container(id).await?;
        self.engine.start_container(id).await?;
        let mut words = Vec::new();
        let mut reading = self.read(id, &clean(LEFT, &[run.branch])).await?;
        while let Some(bytes) = reading.next().await? {
            let room = MOST_WORDS.saturating_sub(words.len());
            words.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        let (code, errors) = self.end_of(reading).await?;
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
        let pack = clean(PACK, &[&made.tip, run.head]);
        let mut reading = self.read(id, &pack).await?;
        while let Some(bytes) = reading.next().await? {
            room = room.checked_sub(bytes.len() as u64).ok_or_else(|| {
                refused("made commits of more than 2 GiB, which is too much".to_owned())
            })?;
            file.write_all(&bytes).await.map_err(failed)?;
        }
        let (code, errors) = self.end_of(reading).await?;
        file.flush().await.map_err(failed)?;
        if code != 0 {
            let why = format!("made commits that Git cannot send: {}", errors.trim());
            return Err(refused(why));
        }
        Ok(made)
    }

    /// Starts a command of which the standard output is read.
    async fn read(&self, container: &str, spec: &ExecSpec) -> Result<Reading> {
        Ok(Reading {
            exec: self.engine.exec(container, spec).await?,
            errors: Vec::new(),
        })
    }

    /// The exit code of a command that was read to its end, and the beginning of its error output.
    async fn end_of(&self, reading: Reading) -> Result<(i64, String)> {
        let code = self.ended(reading.exec.exit).await?;
        Ok((code, String::from_utf8_lossy(&reading.errors).into_owned()))
    }
}

/// A command of which the standard output is read.
struct Reading {
    exec: Exec,
    /// The beginning of the error output.
    errors: Vec<u8>,
}

impl Reading {
    /// More of the standard output; `None` once it has ended.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        while let Some(piece) = self.exec.output.next().await {
            match piece? {
                Output::Stdout(bytes) => return Ok(Some(bytes)),
                Output::Stderr(bytes) => {
                    let room = MOST_WORDS.saturating_sub(self.errors.len());
                    self.errors
                        .extend_from_slice(&bytes[..bytes.len().min(room)]);
                }
            }
        }
        Ok(None)
    }
}

/// A script of `upsun-local` without the variables of the container, which uses programs of the image only: an
/// operation can write neither to those programs nor to their directories.
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
        // `env` itself would load the libraries that these variables name.
        variables: undeceived(),
        working_dir: Some("/".to_owned()),
        ..ExecSpec::default()
    }
}

pub(super) fn is_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Reads what the script prints about the result.
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
