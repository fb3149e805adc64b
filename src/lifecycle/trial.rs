//! Runs an operation in a writable copy of its container, to see where it writes, and once more in a copy where only
//! its mounts and those that it needs can be written, to see whether it passes. Both are thrown away.

mod check;
mod copies;

use std::collections::BTreeSet;
use std::time::Duration;

use self::copies::{Copies, outside};
use super::operation::Done;
use super::{Deployed, Error, OperationRun, Planned, Report, Result, Sandbox};
use crate::engine::spec::{Container, ExecSpec};
use crate::engine::{Engine, Error as EngineError};
use crate::event::{self, MountCheck, Outcome};
use crate::event::{NewMount, Suggestion};
use crate::labels::Kind;
use crate::mount_advice::messages::Complaint;
use crate::mount_suggestion::configured;
use crate::mount_suggestion::{Files, Known, LIST, Listings, suggest};
use crate::plan::ContainerPlan;

/// What the name of a volume ends with that stands for a directory of another one.
pub(super) const DIRECTORY: &str = "-directory";

/// After so long, copying is worth a word.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a trial has to know of the configuration.
pub struct Trying<'a> {
    /// The mounts that are there.
    pub known: &'a Known<'a>,
    /// Whether the mounts are wanted for good, so that it is a failure when the operation does not pass with them.
    pub must_pass: bool,
    /// The container as it would be with more mounts.
    pub with_mounts: &'a (dyn Fn(&[NewMount]) -> Option<ContainerPlan> + Sync),
}

/// How a trial went.
#[derive(Debug)]
pub struct Tried {
    /// How the operation ended where it could write everywhere, or [`Outcome::Cancelled`] whenever that was.
    pub report: Report,
    /// The mounts that it needs. None when it was cancelled.
    pub suggestion: Suggestion,
    /// How it went with them where it could write nowhere else. None when it had failed before, or wrote nothing.
    pub check: Option<MountCheck>,
}

impl<E: Engine> Sandbox<'_, E> {
    /// Runs an operation where it can write everywhere, and tells which mounts it needs to pass where it cannot. The
    /// mounts that are there are copied with what is on them and stay as they are; services are the app's own.
    pub async fn try_writable(
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
        let result = self.in_trial(planned, run, &deployed, trying).await;
        let removed = self.remove_trials().await;
        let result = result?;
        removed?;
        Ok(result)
    }

    async fn in_trial(
        &self,
        planned: &Planned<'_>,
        run: &OperationRun<'_>,
        deployed: &Deployed,
        trying: &Trying<'_>,
    ) -> Result<Tried> {
        let title = run.container.title(&planned.plan.app);
        let copies = Copies::writable(run.container);
        let built = self.copy_app(&title, &copies).await?;
        let id = self.create_anew(&copies.container).await?;
        self.engine.start_container(&id).await?;
        // A hook that could not write may be what the operation needs.
        let hooks = run.container.hooks.iter();
        for hook in hooks.filter(|hook| deployed.failed_hooks.contains(&hook.step)) {
            self.hook(planned, run.container, &id, hook).await?;
        }
        if let Some(address) = run.listens_at {
            self.wait_until_up(&id, &title, Some(address)).await?;
        }
        self.checkpoint()?;
        let begun = self.files(&id, &copies.container.user).await?;
        let done = self.run_with_directories(&id, planned, run).await?;
        let mut report = Report {
            outcome: done.outcome,
            exit_code: done.exit_code,
            hooks_failed: false,
        };
        let mut tried = Tried {
            report: report.clone(),
            suggestion: Suggestion::default(),
            check: None,
        };
        if report.outcome == Outcome::Cancelled {
            return Ok(tried);
        }
        let ended = self.files(&id, &copies.container.user).await?;
        let changed = self.engine.changed_paths(&id).await?;
        let outside = outside(&changed, &copies.container);
        let listings = Listings {
            built: &built,
            begun: &begun,
            ended: &ended,
        };
        tried.suggestion = suggest(&listings, trying.known, &outside);
        if report.outcome == Outcome::Success && tried.suggestion.wrote {
            let suggestion = &mut tried.suggestion;
            tried.check = self
                .check_mounts(planned, run, deployed, trying, &listings, suggestion)
                .await?;
        }
        if let Some(check) = &tried.check
            && check.result == Outcome::Cancelled
        {
            report.outcome = Outcome::Cancelled;
            tried.report = report;
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

    /// Runs the operation where it can write everywhere, and once more with directories that it may lack.
    async fn run_with_directories(
        &self,
        id: &str,
        planned: &Planned<'_>,
        run: &OperationRun<'_>,
    ) -> Result<Done> {
        let mut done = self.run_operation_in(id, planned, run).await?;
        // It may only want a directory that a mount would have been, and which it names, or does not.
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

    /// Makes the copies; the files that the app has then.
    async fn copy_app(&self, title: &str, copies: &Copies) -> Result<Files> {
        // What a crash left would be taken for what the operation writes.
        self.remove_trials().await?;
        for volume in &copies.volumes {
            self.engine.create_volume(volume).await?;
        }
        let id = self.create_anew(&copies.copying).await?;
        self.engine.start_container(&id).await?;
        let copying = self.ours(&id, &copies.copying.user, &copies.script);
        tokio::pin!(copying);
        let (code, _, errors) = tokio::select! {
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
            _ if code == 0 => {}
            errors if !errors.is_empty() && errors.lines().all(is_refused) => {
                let count = errors.lines().count();
                let first = errors.lines().next().unwrap_or_default();
                let message = format!("not all of {title} could be copied ({count}): {first}");
                let hint = "the operation is tried without that";
                self.events.warn(message, Some(hint.to_owned())).await;
            }
            errors => {
                let message = format!("the app cannot be copied: {errors}");
                return Err(EngineError::Other(message).into());
            }
        }
        let files = self.files(&id, &copies.container.user).await?;
        self.engine.remove_container(&id).await?;
        for directory in &copies.directories {
            self.engine.create_volume(directory).await?;
        }
        self.checkpoint()?;
        Ok(files)
    }

    /// Makes the directories below the app that an operation looked for in vain; those that were made.
    async fn make_missing(&self, id: &str, run: &OperationRun<'_>, output: &str) -> Vec<String> {
        let found = self.found(id, &run.operation.start, output).await;
        let wanted: BTreeSet<String> = found
            .iter()
            .filter(|(candidate, _)| candidate.complaint == Complaint::Missing)
            .filter_map(|(candidate, found)| found.missing_directory(candidate.what))
            .collect();
        self.make(id, wanted.into_iter()).await
    }

    /// Makes the directories that the app is configured to have and does not have; those that were made.
    async fn make_configured(&self, id: &str) -> Vec<String> {
        let printed = self.looked_up(id, configured::LOOK, std::iter::empty());
        let printed = printed.await.unwrap_or_default();
        let all = configured::directories(&printed);
        self.make(id, all.into_iter()).await
    }

    /// Makes directories; those that were not there, with those around them.
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

    /// Removes such directories again, as far as nothing is in them: they helped nothing.
    async fn remove_made(&self, id: &str, made: &[String]) {
        const REMOVE: &str = "printf '%s\\0' \"$@\" | LC_ALL=C sort -rz | xargs -0r rmdir --ignore-fail-on-non-empty -- 2>/dev/null; :";
        self.looked_up(id, REMOVE, made.iter().cloned()).await;
    }

    /// What a user of a container finds in the app's directory.
    async fn files(&self, container: &str, user: &str) -> Result<Files> {
        let (_, text, _) = self.ours(container, user, LIST).await?;
        Ok(Files::parse(&text))
    }

    /// Runs a short script of our own.
    async fn ours(
        &self,
        container: &str,
        user: &str,
        script: &str,
    ) -> Result<(i64, String, String)> {
        let spec = ExecSpec {
            command: ["/bin/dash", "-c", script].map(str::to_owned).to_vec(),
            user: Some(user.to_owned()),
            working_dir: Some("/app".to_owned()),
            ..ExecSpec::default()
        };
        tokio::select! {
            captured = self.capture(container, &spec) => captured,
            () = self.shutdown.reached(crate::shutdown::Urgency::Cancel) => Err(Error::Interrupted),
        }
    }

    /// Removes all that was made for trials in this environment, also by an upsun-local that was killed. To be called
    /// with the environment's lock.
    pub(super) async fn remove_trials(&self) -> Result<()> {
        let mut labels = self.project.environment_labels(&self.environment.name);
        labels.extend([Kind::Trial.label()]);
        for container in self.engine.containers(&labels).await? {
            self.engine.remove_container(&container.id).await?;
        }
        let mut volumes = self.engine.volumes(&labels).await?;
        volumes.sort_by_key(|volume| !volume.name.ends_with(DIRECTORY));
        for volume in volumes {
            self.engine.remove_volume(&volume.name).await?;
        }
        Ok(())
    }
}
