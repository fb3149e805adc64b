//! Runs an operation in a writable copy of its container, to see where it writes. Then runs it in a copy where only
//! its mounts and the suggested ones can be written, to see whether it passes. Both copies are deleted.

mod check;
mod copies;
mod lists;

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future;

use self::check::Checking;
use self::copies::{Copies, Method, ONE_FILE_SYSTEM, outside};
use self::lists::{Lists, Written};
use super::copy_on_write::{is_overlay, not_copied};
use super::operation::Done;
use super::{Deployed, Error, OperationRun, Planned, Report, Result, Sandbox};
use crate::engine::spec::{Container, ExecSpec, Volume};
use crate::engine::{Engine, Error as EngineError};
use crate::event::{self, MountCheck, Outcome};
use crate::event::{NewMount, Suggestion};
use crate::labels::{Kind, Labels};
use crate::mount_advice::messages::Complaint;
use crate::mount_suggestion::configured;
use crate::mount_suggestion::{Known, suggest};
use crate::plan::ContainerPlan;

/// The end of the name of a volume that stands for a directory of another volume.
const DIRECTORY: &str = "-directory";

/// Whether that volume of a trial shows the files of other volumes, and must be removed before them.
pub(super) fn shows_others(name: &str) -> bool {
    name.ends_with(DIRECTORY) || is_overlay(name)
}

/// After this time a message says that copying takes a while.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many files the engine removes as fast as it starts a container.
const SMALL: usize = 2000;

/// The containers of a copy.
struct Filled {
    /// The container that filled the copy's volumes, which goes on until the copy is removed.
    copying: String,
    /// The container in which the operation runs, not yet started.
    container: String,
    /// Whether the copy is on the file system of the build, where it lies over the build.
    is_one_file_system: bool,
}

/// An operation that ran where it could write everywhere.
struct Ran {
    done: Done,
    /// `None` if it was cancelled.
    written: Option<Written>,
}

/// What a trial needs from the configuration.
pub struct Trying<'a> {
    /// The existing mounts.
    pub known: &'a Known<'a>,
    /// Whether the user wants to keep the mounts: then it is a failure if the operation does not pass with them.
    pub must_pass: bool,
    /// The plan of the container with more mounts.
    pub with_mounts: &'a (dyn Fn(&[NewMount]) -> Option<ContainerPlan> + Sync),
}

/// The result of a trial.
#[derive(Debug)]
pub struct Tried {
    /// How the operation ended where it could write everywhere, or [`Outcome::Cancelled`] if the user cancelled any
    /// part of the trial.
    pub report: Report,
    /// The mounts that the operation needs. Empty if the trial was cancelled.
    pub suggestion: Suggestion,
    /// The result with these mounts, where the operation could write nowhere else. `None` if the operation failed
    /// before, or wrote nothing.
    pub check: Option<MountCheck>,
}

impl<E: Engine> Sandbox<'_, E> {
    /// Runs an operation where it can write everywhere, and reports which mounts it needs to pass where it cannot.
    /// The existing mounts are copied with their content and stay unchanged; the copy uses the services of the app
    /// itself.
    pub(crate) async fn try_writable(
        &self,
        planned: &Planned<'_>,
        run: &OperationRun<'_>,
        containers: &[Container],
        trying: &Trying<'_>,
    ) -> Result<Tried> {
        let deployed = self
            .ensure_container(planned, run.container, containers)
            .await?;
        self.checkpoint()?;
        let (labels, _) = self.trial_containers().await?;
        let earlier = self.engine.volumes(&labels).await?;
        let mut is_small = false;
        let result = self
            .in_trial(planned, run, &deployed, trying, &mut is_small)
            .await;
        let removed = self.remove_trials_but(is_small.then_some(&earlier)).await;
        let result = result?;
        removed?;
        Ok(result)
    }

    /// Sets `is_small` if the copies hold few files.
    async fn in_trial(
        &self,
        planned: &Planned<'_>,
        run: &OperationRun<'_>,
        deployed: &Deployed,
        trying: &Trying<'_>,
        is_small: &mut bool,
    ) -> Result<Tried> {
        let title = run.container.title(&planned.plan.app);
        let ran = self.run_writable(planned, run, deployed).await?;
        let Ran { done, written } = ran;
        let mut tried = Tried {
            report: Report {
                outcome: done.outcome,
                exit_code: done.exit_code,
                hooks_failed: false,
            },
            suggestion: Suggestion::default(),
            check: None,
        };
        let Some(written) = written else {
            return Ok(tried);
        };
        *is_small = written.is_small;
        let listings = written.listings();
        tried.suggestion = suggest(&listings, trying.known, &written.outside);
        if done.outcome == Outcome::Success && tried.suggestion.wrote {
            let suggestion = &mut tried.suggestion;
            let checking = Checking {
                planned,
                run,
                deployed,
                trying,
                listings: &listings,
                method: written.method,
            };
            tried.check = self.check_mounts(&checking, suggestion).await?;
        }
        let check = tried.check.as_ref();
        if check.is_some_and(|check| check.result == Outcome::Cancelled) {
            tried.report.outcome = Outcome::Cancelled;
            return Ok(tried);
        }
        self.emit(event::Mounts::Suggested {
            container: title,
            suggestion: tried.suggestion.clone(),
            result: tried.report.outcome,
            services: run.container.services.clone(),
            check: tried.check.clone(),
            must_pass: trying.must_pass,
        })
        .await;
        Ok(tried)
    }

    /// Runs the operation in a copy where it can write everywhere, and looks at what is different then.
    async fn run_writable(
        &self,
        planned: &Planned<'_>,
        run: &OperationRun<'_>,
        deployed: &Deployed,
    ) -> Result<Ran> {
        let title = run.container.title(&planned.plan.app);
        let (copies, filled) = self
            .copy_app(&title, Method::Overlay, &|method| {
                Copies::writable(run.container, method)
            })
            .await?;
        let lists = Lists {
            filled: &filled,
            user: &copies.container.user,
            method: copies.method,
        };
        let built = self.seen(&lists).await?;
        self.checkpoint()?;
        let running = async {
            self.start_trial(planned, run, deployed, &filled.container)
                .await?;
            let begun = self.seen(&lists).await?;
            let done = self
                .run_with_directories(&filled.container, planned, run)
                .await?;
            Ok::<_, Error>((begun, done))
        };
        // An operation that is cancelled goes on to its end, whatever becomes of the list.
        let (ran, lower) = tokio::join!(running, self.lower(&lists));
        let (begun, done) = ran?;
        if done.outcome == Outcome::Cancelled {
            return Ok(Ran {
                done,
                written: None,
            });
        }
        let lower = lower?;
        // The engine takes longer than the lists.
        let compared = async {
            let ended = self.seen(&lists).await?;
            Ok::<_, Error>(Written::of([built, begun, ended], &lower, copies.method))
        };
        let (written, changed) = tokio::try_join!(compared, async {
            Ok(self.engine.changed_paths(&filled.container).await?)
        })?;
        Ok(Ran {
            done,
            written: Some(Written {
                outside: outside(&changed, &copies.container),
                ..written
            }),
        })
    }

    /// Starts the app where it can write everywhere.
    async fn start_trial(
        &self,
        planned: &Planned<'_>,
        run: &OperationRun<'_>,
        deployed: &Deployed,
        id: &str,
    ) -> Result<()> {
        self.engine.start_container(id).await?;
        // The operation may need the files of a hook that could not write.
        let hooks = run.container.hooks.iter();
        for hook in hooks.filter(|hook| deployed.failed_hooks.contains(&hook.step)) {
            self.hook(planned, run.container, id, hook).await?;
        }
        if let Some(address) = run.listens_at {
            let title = run.container.title(&planned.plan.app);
            self.wait_until_up(id, &title, Some(address)).await?;
        }
        self.checkpoint()
    }

    /// Runs the operation where it can write everywhere. If it fails, runs it again with directories that may have
    /// been missing.
    async fn run_with_directories(
        &self,
        id: &str,
        planned: &Planned<'_>,
        run: &OperationRun<'_>,
    ) -> Result<Done> {
        let mut done = self.run_operation_in(id, planned, run).await?;
        // The operation may only need a directory that a mount would have provided, whether its output names the
        // directory or not.
        for is_named in [true, false] {
            if done.outcome != Outcome::Failure {
                break;
            }
            let made = if is_named {
                self.make_missing(id, run, &done.output).await
            } else {
                self.make_configured(id).await
            };
            if made.is_empty() {
                continue;
            }
            done = self.run_operation_in(id, planned, run).await?;
            if done.outcome == Outcome::Failure || !is_named {
                self.remove_made(id, &made).await;
            }
        }
        Ok(done)
    }

    /// Makes copies, by the given method if the engine can, and the containers that use them. Meanwhile, the
    /// containers of an earlier copy are removed.
    async fn copy_app(
        &self,
        title: &str,
        method: Method,
        copies: &(dyn Fn(Method) -> Copies + Sync),
    ) -> Result<(Copies, Filled)> {
        let (_, earlier) = self.trial_containers().await?;
        let copied = async {
            if method == Method::Overlay {
                let layered = copies(Method::Overlay);
                match self.fill(title, &layered).await {
                    Ok(filled) => return Ok((layered, filled)),
                    Err(Error::Engine(because @ EngineError::Other(_))) => {
                        tracing::debug!(%because, "the app is copied: the engine cannot lay volumes over each other");
                    }
                    Err(err) => return Err(err),
                }
            }
            let whole = copies(Method::Copy);
            let filled = self.fill(title, &whole).await?;
            Ok((whole, filled))
        };
        let (copied, removed) = tokio::join!(copied, self.remove_each(&earlier));
        removed?;
        copied
    }

    /// Makes the volumes and the containers, and fills the volumes.
    async fn fill(&self, title: &str, copies: &Copies) -> Result<Filled> {
        for volume in &copies.volumes {
            self.engine.create_volume(volume).await?;
        }
        let filled = async {
            let id = self.create_anew(&copies.copying).await?;
            self.engine.start_container(&id).await?;
            let said = self.copy_files(&id, title, copies).await?;
            Ok::<_, Error>((id, said.contains(ONE_FILE_SYSTEM)))
        };
        // An engine looks for the directories of volumes when it makes a container with them.
        let ((copying, is_one_file_system), container) = if copies.directories.is_empty() {
            // Both go on to their end: what is under way in the engine would be made after its removal.
            let (filled, container) = tokio::join!(filled, self.create_anew(&copies.container));
            (filled?, container?)
        } else {
            let filled = filled.await?;
            for directory in &copies.directories {
                self.engine.create_volume(directory).await?;
            }
            (filled, self.create_anew(&copies.container).await?)
        };
        self.checkpoint()?;
        Ok(Filled {
            copying,
            container,
            is_one_file_system,
        })
    }

    /// Runs the script of the copies. Returns its output.
    async fn copy_files(&self, id: &str, title: &str, copies: &Copies) -> Result<String> {
        let copying = self.ours(id, &copies.copying.user, "/app", &copies.script);
        tokio::pin!(copying);
        let (code, said, errors) = tokio::select! {
            copied = &mut copying => copied?,
            () = tokio::time::sleep(PATIENCE) => {
                self.emit(event::Mounts::Copying { container: title.to_owned() }).await;
                copying.await?
            }
        };
        let is_refused = |line: &str| {
            line.contains("Permission denied") || line.contains("Operation not permitted")
        };
        match errors.trim() {
            _ if code == 0 => Ok(said),
            errors if !errors.is_empty() && errors.lines().all(is_refused) => {
                let count = errors.lines().count();
                let first = errors.lines().next().unwrap_or_default();
                let message = format!("not all of {title} could be copied ({count}): {first}");
                let hint = "the operation is tried without that";
                self.events.warn(message, Some(hint.to_owned())).await;
                Ok(said)
            }
            errors => Err(not_copied("the app cannot be copied", errors).into()),
        }
    }

    /// Makes the directories below the app that an operation looked for in vain. Returns the directories that were
    /// made.
    async fn make_missing(&self, id: &str, run: &OperationRun<'_>, output: &str) -> Vec<String> {
        let found = self.found(id, &run.operation.start, output).await;
        let wanted: BTreeSet<String> = found
            .iter()
            .filter(|(candidate, _)| candidate.complaint == Complaint::Missing)
            .filter_map(|(candidate, found)| found.missing_directory(candidate.what))
            .collect();
        self.make(id, wanted.into_iter()).await
    }

    /// Makes the missing directories that the app's own configuration names. Returns the directories that were made.
    async fn make_configured(&self, id: &str) -> Vec<String> {
        let printed = self.looked_up(id, configured::LOOK, std::iter::empty());
        let printed = printed.await.unwrap_or_default();
        let all = configured::directories(&printed);
        self.make(id, all.into_iter()).await
    }

    /// Makes directories. Returns those that did not exist, with their new parents.
    async fn make(&self, id: &str, wanted: impl Iterator<Item = String>) -> Vec<String> {
        const MAKE: &str = "for path; do
            missing=$path
            while [ ! -e \"$missing\" ]; do printf '%s\\0' \"$missing\"; missing=${missing%/*}; done
            mkdir -p -- \"$path\"
        done 2>/dev/null; :";
        let made = self.looked_up(id, MAKE, wanted).await.unwrap_or_default();
        let made = made.split('\0').filter(|path| !path.is_empty());
        made.map(str::to_owned).collect()
    }

    /// Removes such directories again if they are empty: they did not help.
    async fn remove_made(&self, id: &str, made: &[String]) {
        const REMOVE: &str = "printf '%s\\0' \"$@\" | LC_ALL=C sort -rz | xargs -0r rmdir --ignore-fail-on-non-empty -- 2>/dev/null; :";
        self.looked_up(id, REMOVE, made.iter().cloned()).await;
    }

    /// Runs a short script of `upsun-local`.
    async fn ours(
        &self,
        container: &str,
        user: &str,
        directory: &str,
        script: &str,
    ) -> Result<(i64, String, String)> {
        let spec = ExecSpec {
            command: ["/bin/dash", "-c", script].map(str::to_owned).to_vec(),
            user: Some(user.to_owned()),
            working_dir: Some(directory.to_owned()),
            ..ExecSpec::default()
        };
        tokio::select! {
            captured = self.capture(container, &spec) => captured,
            () = self.shutdown.reached(crate::shutdown::Urgency::Cancel) => Err(Error::Interrupted),
        }
    }

    /// Removes all objects of trials in this environment, also those of a killed `upsun-local`. The caller must hold
    /// the lock of the environment.
    pub(super) async fn remove_trials(&self) -> Result<()> {
        self.remove_trials_but(None).await
    }

    /// If all volumes but those in `large` hold few files, the engine removes them at once: a sweeper would take longer
    /// to start.
    async fn remove_trials_but(&self, large: Option<&Vec<Volume>>) -> Result<()> {
        let (labels, containers) = self.trial_containers().await?;
        self.remove_each(&containers).await?;
        let volumes = self.engine.volumes(&labels).await?;
        let (showing, copies): (Vec<_>, Vec<_>) = volumes
            .iter()
            .partition(|volume| shows_others(&volume.name));
        self.remove_each_volume(&showing).await?;
        let mut copies = self.not_swept(copies).await;
        if let Some(large) = large {
            let is_large =
                |volume: &&Volume| large.iter().any(|earlier| earlier.name == volume.name);
            let (left, small): (Vec<_>, Vec<_>) = copies.into_iter().partition(is_large);
            self.remove_each_volume(&small).await?;
            copies = left;
        }
        let copies = copies.into_iter();
        let copies = copies.map(|volume| volume.name.clone()).collect();
        self.discard(None, copies).await;
        Ok(())
    }

    /// The labels of the objects of trials, and their containers.
    async fn trial_containers(&self) -> Result<(Labels, Vec<Container>)> {
        let mut labels = self.project.environment_labels(&self.environment.name);
        labels.extend([Kind::Trial.label()]);
        let containers = self.engine.containers(&labels).await?;
        Ok((labels, containers))
    }

    async fn remove_each_volume(&self, volumes: &[&Volume]) -> Result<()> {
        let removals = volumes
            .iter()
            .map(|volume| self.engine.remove_volume(&volume.name));
        future::try_join_all(removals).await?;
        Ok(())
    }

    async fn remove_each(&self, containers: &[Container]) -> Result<()> {
        let removals = containers
            .iter()
            .map(|container| self.engine.remove_container(&container.id));
        future::try_join_all(removals).await?;
        Ok(())
    }
}
