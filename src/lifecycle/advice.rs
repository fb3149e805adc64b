//! Looks in a container for an explanation after a command failed there: which of the printed paths are really
//! read-only, and where a command is that could not be started.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::Sandbox;
use crate::engine::Engine;
use crate::engine::spec::ExecSpec;
use crate::event::{self, Advice, Outcome};
use crate::known_cause;
use crate::mount_advice::messages::{self, Candidate, Complaint, Reading};
use crate::mount_advice::place::{self, Located};
use crate::mount_advice::{self, Around, UnderMount};
use crate::not_started;
use crate::source::Tree;

/// How long the container may take to answer. Without an answer the advice is shorter.
const LIMIT: Duration = Duration::from_secs(3);

/// How many files and how many directories of the repository are examined.
const NOTED: usize = 200;

#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// All files of the repository.
    pub tree: &'a Tree,
    /// The path of the app's root in the repository.
    pub root: &'a str,
}

/// A command that ended in a container of an app.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    pub container: &'a str,
    /// The mounts of the app, relative to its root.
    pub mounts: &'a [String],
    /// The files of the app that Git would deploy; `None` if they are not known.
    pub source: Option<Source<'a>>,
    pub script: &'a str,
    pub exit_code: i64,
    /// The end of its output.
    pub output: &'a str,
}

impl Source<'_> {
    fn path(&self, path: &str) -> String {
        if self.root.is_empty() {
            path.to_owned()
        } else {
            format!("{}/{path}", self.root)
        }
    }

    /// Whether a path, relative to the app's root, is a file that Git would deploy.
    pub fn is_tracked(&self, path: &str) -> bool {
        self.tree.has(&self.path(path))
    }

    /// The paths in `directory` that Git would deploy, at most `most` of them.
    pub(super) fn under(&self, directory: &str, most: usize) -> UnderMount {
        let mut under = UnderMount {
            files: self.tree.files_below(&self.path(directory)),
            ..UnderMount::default()
        };
        let mut waiting = VecDeque::from([directory.to_owned()]);
        while let Some(directory) = waiting.pop_front() {
            for child in self.tree.children(&self.path(&directory)) {
                let path = format!("{directory}/{}", String::from_utf8_lossy(child.name));
                let is_directory = child.mode == "40000";
                let some = if is_directory {
                    &mut under.some_directories
                } else {
                    &mut under.some_files
                };
                if some.len() < most {
                    some.push(path.clone());
                    waiting.extend(is_directory.then_some(path));
                }
            }
        }
        under
    }
}

impl<E: Engine> Sandbox<'_, E> {
    /// What helps after the command ended. If the container does not answer, the advice comes from the output alone.
    pub(crate) async fn advise(&self, ended: &Ended<'_>) -> Advice {
        let not_started = match not_started::read(ended.exit_code, ended.output) {
            None => None,
            Some(named) => {
                let words = named.iter().map(|named| named.command.clone());
                let looked = match &named {
                    Some(named) if !named.command.is_empty() => {
                        self.looked_up(ended.container, not_started::LOOK, words)
                            .await
                    }
                    _ => None,
                };
                Some(not_started::judge(
                    ended.exit_code,
                    named.as_ref(),
                    looked.as_deref(),
                ))
            }
        };
        Advice {
            read_only: self.refused_write(ended).await,
            not_started,
            known: (ended.exit_code != 0)
                .then(|| known_cause::read(ended.script, ended.output))
                .flatten(),
        }
    }

    /// Looks for advice, and sends it as an event if there is any.
    pub(crate) async fn tell_advice(&self, title: &str, subject: &str, ended: &Ended<'_>) {
        let advice = self.advise(ended).await;
        if advice != Advice::default() {
            self.emit(event::Notice::Advice {
                container: title.to_owned(),
                subject: subject.to_owned(),
                result: if ended.exit_code == 0 {
                    Outcome::Success
                } else {
                    Outcome::Failure
                },
                read_only: advice.read_only,
                not_started: advice.not_started,
                known: advice.known,
            })
            .await;
        }
    }

    async fn refused_write(&self, ended: &Ended<'_>) -> Option<crate::event::ReadOnlyWrite> {
        let mut reading = messages::read(ended.output);
        if ended.exit_code == 0 {
            // A script that succeeded may have looked for a file that is missing on purpose.
            let is_refused = |candidate: &Candidate| candidate.complaint != Complaint::Missing;
            reading.candidates.retain(is_refused);
        }
        let found = self.places(ended.container, &reading, ended.script).await;
        let is_tracked = |path: &str| {
            // If the files that Git would deploy are not known, show every path.
            ended.source.is_none_or(|source| source.is_tracked(path))
        };
        let is_missing =
            |(candidate, _): &(Candidate, Located)| candidate.complaint == Complaint::Missing;
        let built = if found.iter().any(is_missing) {
            self.under_mounts(ended.container).await
        } else {
            BTreeMap::new()
        };
        let under = |mount: &str| {
            // The note of a build includes the files from Git. Without such a note, Git is the only source.
            let of_source = || Some(ended.source?.under(mount, NOTED));
            built
                .get(mount)
                .cloned()
                .or_else(of_source)
                .unwrap_or_default()
        };
        let around = Around {
            mounts: ended.mounts,
            is_tracked: &is_tracked,
            under: &under,
        };
        mount_advice::of(&reading, &found, &around)
    }

    /// Which of the paths in an output exist in the container.
    pub(super) async fn found(
        &self,
        container: &str,
        script: &str,
        output: &str,
    ) -> Vec<(Candidate, Located)> {
        self.places(container, &messages::read(output), script)
            .await
    }

    async fn places(
        &self,
        container: &str,
        reading: &Reading,
        script: &str,
    ) -> Vec<(Candidate, Located)> {
        let questions = place::questions(&reading.candidates, script);
        if questions.is_empty() {
            return Vec::new();
        }
        let paths = questions.iter().map(|question| question.looked_up.clone());
        let printed = self.looked_up(container, place::LOOK, paths).await;
        place::parse(&questions, &printed.unwrap_or_default())
    }

    /// The output of a short script of `upsun-local`; `None` if the script takes too long.
    pub(super) async fn looked_up(
        &self,
        container: &str,
        script: &str,
        words: impl Iterator<Item = String>,
    ) -> Option<String> {
        let mut command = ["/bin/dash", "-c", script, "upsun-local"]
            .map(str::to_owned)
            .to_vec();
        command.extend(words);
        let spec = ExecSpec {
            command,
            working_dir: Some("/app".to_owned()),
            ..ExecSpec::default()
        };
        tokio::select! {
            printed = tokio::time::timeout(LIMIT, self.capture(container, &spec)) => {
                let (code, printed, _) = printed.ok()?.ok()?;
                (code == 0).then_some(printed)
            }
            () = self.shutdown.reached(crate::shutdown::Urgency::Cancel) => None,
        }
    }
}
