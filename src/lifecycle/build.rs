//! Builds an app into a volume that is never written to again.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::execute::{Command, End, KILLED};
use super::finished::Finished;
use super::mounts::{COMPLAINTS, keep};
use super::output::Tail;
use super::prune::Surplus;
use super::{Ended, Error, Mark, Planned, Result, Sandbox, archive, decisions};
use crate::engine::spec::{ContainerSpec, Volume, VolumeSpec};
use crate::engine::{Engine, Error as EngineError, ExitCode};
use crate::event::{self, Event, Step, Text};
use crate::known_cause;
use crate::lock::Lock;
use crate::made_anew::MadeAnew;
use crate::not_started;
use crate::output::Output;
use crate::plan::{BuildPlan, NetworkPlan};
use crate::source;

/// Upsun ends a build after an hour.
/// Source: <https://docs.upsun.com/create-apps/hooks/hooks-comparison.html>
const BUILD_LIMIT: Duration = Duration::from_secs(3600);

/// How long a short command of `upsun-local` may take once the user wants to stop.
const HURRY: Duration = Duration::from_secs(10);

/// The longest output of a command of `upsun-local`, in bytes: enough for a list of more than a million files.
const LONGEST_ANSWER: usize = 256 << 20;

/// The path of the source in the container, for an archive that is unpacked in `/`.
const BELOW: &str = "app/";

impl<E: Engine> Sandbox<'_, E> {
    /// Builds the app unless its build exists. `volumes` are the volumes of the project. Returns what is then no
    /// longer needed, if there may be anything.
    pub(crate) async fn ensure_build(
        &self,
        planned: &Planned<'_>,
        volumes: &[Volume],
    ) -> Result<Option<Surplus>> {
        let plan = planned.plan;
        let build = &plan.build;
        if planned.is_built && !planned.rebuild {
            return Ok(None);
        }
        if !planned.rebuild && is_built(build, volumes) {
            self.emit(event::Build::Reused {
                app: plan.app.clone(),
                build: build.id.clone(),
            })
            .await;
            return Ok(None);
        }
        // Environments share builds, so two of them may want the same one at the same time.
        let lock = self.lock_build(&plan.app).await?;
        let volumes = self.engine.volumes(&self.project.labels()).await?;
        if !planned.rebuild && is_built(build, &volumes) {
            self.emit(event::Build::Reused {
                app: plan.app.clone(),
                build: build.id.clone(),
            })
            .await;
            return Ok(None);
        }
        let because = decisions::of_build(build, &volumes, planned.rebuild);
        tracing::debug!(app = plan.app, build = build.id, because, "a build is made");
        let users = if planned.rebuild {
            self.lock_users(&plan.app, build).await?
        } else {
            Vec::new()
        };
        self.ensure_image(planned.image, planned.pull).await?;
        let result = self.build(planned).await;
        // Remove the container in any case. An unfinished build is removed with it.
        let (removed, helper_removed) = tokio::join!(
            self.remove_named(&build.container.name),
            self.remove_helper(planned)
        );
        let mark = match result {
            Ok(mark) => mark,
            Err(err) => {
                let _ = self.engine.remove_volume(&build.volume.name).await;
                return Err(err);
            }
        };
        removed?;
        helper_removed?;
        self.engine.create_volume(&mark).await?;
        if let Some(made) = &build.made_anew {
            MadeAnew::of(&self.project.state_dir).remember(&made.base, &made.token);
        }
        users.into_iter().for_each(Lock::release);
        Ok(Some(Surplus::new(volumes, lock)))
    }

    /// Waits until no other process builds the app.
    pub(super) async fn lock_build(&self, app: &str) -> Result<Lock> {
        let (path, what) = (self.project.build_lock(app), format!("build of {app}"));
        Ok(Lock::take(&path, &what, self.events, self.shutdown).await?)
    }

    /// Builds an app, and returns the mark of the finished build.
    async fn build(&self, planned: &Planned<'_>) -> Result<VolumeSpec> {
        let began = Instant::now();
        let made = self.make_build(planned, began).await;
        if let Err(error) = &made {
            self.emit(event::Build::Failed {
                app: planned.plan.app.clone(),
                build: planned.plan.build.id.clone(),
                result: match error {
                    Error::Interrupted => event::Outcome::Cancelled,
                    Error::BuildTimeout { .. } => event::Outcome::Timeout,
                    _ => event::Outcome::Failure,
                },
                duration: began.elapsed(),
            })
            .await;
        }
        made
    }

    async fn make_build(&self, planned: &Planned<'_>, began: Instant) -> Result<VolumeSpec> {
        let plan = planned.plan;
        let build = &plan.build;
        let (files, bytes) = planned.tree.size(&plan.source_root);
        self.emit(event::Build::Started {
            app: plan.app.clone(),
            build: build.id.clone(),
            files,
            bytes,
        })
        .await;

        self.clear_build(&plan.app, build).await?;
        self.engine.create_volume(&build.volume).await?;
        self.engine.create_volume(&build.cache).await?;
        if let Some(packages) = &build.packages {
            self.engine.create_volume(packages).await?;
        }
        self.checkpoint()?;
        if !build.steps.is_empty() {
            self.ensure_network(&build.network).await?;
        }
        let container = self.create_on(&build.network, &build.container).await?;
        self.upload_source(planned, &container).await?;
        let mut finished = Finished::of_source(planned);
        if !build.steps.is_empty() {
            self.checkpoint()?;
            self.start_on(&build.network, &container).await?;
            let unsaved = self.restore_caches(planned, &container).await?;
            let deadline = Instant::now() + BUILD_LIMIT;
            for step in &build.steps {
                self.checkpoint()?;
                let left = deadline.saturating_duration_since(Instant::now());
                self.build_step(planned, &container, step.step, &step.script, left)
                    .await?;
            }
            self.save_caches(&plan.app, &container, &unsaved).await?;
            finished = self.make_mount_points(planned, &container).await?;
        }
        self.emit(event::Build::Finished {
            app: plan.app.clone(),
            build: build.id.clone(),
            duration: began.elapsed(),
        })
        .await;
        Ok(finished.noted_on(&build.mark))
    }

    /// Creates a container on the network of builds, which the `down` of another environment may just have removed.
    /// Some engines refuse to create a container on a network that does not exist.
    pub(super) async fn create_on(
        &self,
        network: &NetworkPlan,
        spec: &ContainerSpec,
    ) -> Result<String> {
        match self.create_anew(spec).await {
            Err(EngineError::NotFound(_)) if spec.network.is_some() => {
                self.ensure_network(network).await?;
                Ok(self.create_anew(spec).await?)
            }
            other => Ok(other?),
        }
    }

    /// Starts a container on the network of builds, which the `down` of another environment may just have removed.
    pub(super) async fn start_on(&self, network: &NetworkPlan, id: &str) -> Result<()> {
        match self.engine.start_container(id).await {
            Err(EngineError::NotFound(_)) => {
                self.ensure_network(network).await?;
                Ok(self.engine.start_container(id).await?)
            }
            other => Ok(other?),
        }
    }

    async fn upload_source(&self, planned: &Planned<'_>, container: &str) -> Result<()> {
        let plan = planned.plan;
        let (root, user) = (plan.source_root.clone(), plan.build.user);
        let tree = Arc::clone(planned.tree);
        // Mount points are part of the build. Make them before the source is unpacked, so that the source's own
        // directories replace them. If there is a build hook, make them after the hook, which must not see them.
        let mut missing: Vec<String> = Vec::new();
        for point in &plan.build.mount_points {
            let whole = join(&root, point);
            if tree.files_below(&whole) > 0 {
                self.warn_overlap(&plan.app, point).await;
            } else if plan.build.steps.is_empty() {
                missing.push(point.clone());
            }
        }
        if self.engine.other_machine().is_some() && self.send_changes(planned, &missing).await? {
            return Ok(());
        }
        let failure = Arc::new(std::sync::Mutex::new(None));
        let kept = Arc::clone(&failure);
        let stream = archive::stream(move |out| {
            out.write_all(&archive::leading_directories(
                BELOW,
                missing.iter().map(String::as_str),
                user.uid,
                user.gid,
            )?)?;
            tree.write_tar_below(BELOW, &root, user.uid, user.gid, 0, out)
                .map_err(|err| {
                    let message = err.to_string();
                    if let Ok(mut slot) = kept.lock() {
                        *slot = Some(err);
                    }
                    std::io::Error::other(message)
                })
        });
        let uploaded = tokio::select! {
            // Engines refuse links that lead out of the directory in which they unpack. The source may have such
            // links, and no link can lead out of `/`.
            uploaded = self.engine.upload(container, "/", stream) => uploaded,
            () = self.shutdown.reached(crate::shutdown::Urgency::Cancel) => return Err(Error::Interrupted),
        };
        match (
            failure.lock().ok().and_then(|mut slot| slot.take()),
            uploaded,
        ) {
            // If the engine stopped reading the archive, the error of the engine says why.
            (None | Some(source::Error::Archive(_)), Err(err)) => Err(err.into()),
            (Some(err), _) => Err(err.into()),
            (None, Ok(())) => Ok(()),
        }
    }

    async fn build_step(
        &self,
        planned: &Planned<'_>,
        container: &str,
        step: Step,
        script: &str,
        limit: Duration,
    ) -> Result<()> {
        let app = &planned.plan.app;
        let began = Instant::now();
        self.emit(event::Script::Started {
            app: app.clone(),
            step,
        })
        .await;
        let command = Command {
            container,
            title: app,
            what: step.key(),
            script,
            mark: Mark::of_run(),
            variables: &std::collections::BTreeMap::new(),
            stop: None,
            timeout: Some(limit),
            grace: Duration::from_secs(2),
        };
        let event = |output: Output| {
            Event::Script(event::Script::Output {
                app: app.clone(),
                step,
                output: Text(output),
            })
        };
        let mut tail = Tail::default();
        let end = self
            .execute(&command, event, |piece| tail.push(piece.bytes()))
            .await?;
        let exit_code = match end {
            End::Exited(code) => code,
            End::Cancelled | End::Left => return Err(Error::Interrupted),
            End::TimedOut => {
                return Err(Error::BuildTimeout {
                    app: app.clone(),
                    step,
                    limit: BUILD_LIMIT,
                });
            }
        };
        self.emit(event::Script::Finished {
            app: app.clone(),
            step,
            exit_code,
            duration: began.elapsed(),
        })
        .await;
        if exit_code == 0 {
            Ok(())
        } else {
            self.explain_failed_step(planned, container, step, script, exit_code, &tail)
                .await;
            Err(Error::Build {
                app: app.clone(),
                step,
                exit_code,
            })
        }
    }

    /// Sends what may have made a step fail.
    async fn explain_failed_step(
        &self,
        planned: &Planned<'_>,
        container: &str,
        step: Step,
        script: &str,
        exit_code: i64,
        tail: &Tail,
    ) {
        let app = &planned.plan.app;
        if exit_code != KILLED {
            // The kernel may also have killed a process of a package manager, which then ends with its own exit code.
            self.explain_kill(container, app).await;
        }
        if tail.speaks_of_a_service() {
            let message = format!(
                "the build of `{app}` asked for a service, and there are none during a build, as on Upsun"
            );
            let hint = "move that command to `hooks.deploy`, where relationships answer";
            self.events.warn(message, Some(hint.to_owned())).await;
        }
        if let Some(packages) = &planned.plan.build.packages
            && tail.speaks_of_kept_packages()
        {
            let message = format!(
                "the build of `{app}` could not use the packages that earlier builds downloaded"
            );
            let hint = format!(
                "`upsun-local up --no-cache` builds without them; delete the volume `{}` to download them again",
                packages.name
            );
            self.events.warn(message, Some(hint)).await;
        }
        // Every file of the app can be written during a build, so look only for missing commands and known causes.
        let output = tail.text();
        if not_started::read(exit_code, "").is_some()
            || known_cause::read(script, &output).is_some()
        {
            let ended = Ended {
                container,
                mounts: &[],
                source: Some(planned.source()),
                script,
                exit_code,
                output: &output,
            };
            let subject = format!("`{}`", step.key());
            self.tell_advice(app, &subject, &ended).await;
        }
    }

    /// Makes the mount points that the build did not make, and warns about mount points that contain files.
    async fn make_mount_points(&self, planned: &Planned<'_>, container: &str) -> Result<Finished> {
        let plan = planned.plan;
        let finished = self.finish(planned, container).await?;
        let is_told =
            |point: &String| planned.tree.files_below(&join(&plan.source_root, point)) > 0;
        for point in finished.overlapping().filter(|point| !is_told(point)) {
            self.warn_overlap(&plan.app, point).await;
        }
        Ok(finished)
    }

    async fn warn_overlap(&self, app: &str, point: &str) {
        self.events
            .warn(
                format!("`{app}`: The mount '/{point}' has a path that overlaps with a non-empty folder"),
                Some("what the build put there is hidden at run time; move it, or mount somewhere else".to_owned()),
            )
            .await;
    }

    /// Runs a short command of `upsun-local`. Returns its exit code, and the beginnings of its output and its errors.
    pub(super) async fn capture(
        &self,
        container: &str,
        spec: &crate::engine::spec::ExecSpec,
    ) -> Result<(i64, String, String)> {
        use futures_util::StreamExt;
        let mut exec = self.engine.exec(container, spec).await?;
        let (mut out, mut errors) = (Vec::new(), Vec::new());
        let mut hurried = std::pin::pin!(self.hurried());
        loop {
            let piece = tokio::select! {
                biased;
                piece = exec.output.next() => piece,
                // An engine that sends nothing further must not keep a user waiting who wants to stop.
                () = &mut hurried => return Err(Error::Interrupted),
            };
            match piece {
                Some(Ok(Output::Stdout(bytes))) if out.len() + bytes.len() > LONGEST_ANSWER => {
                    let size = crate::text::bytes(LONGEST_ANSWER as u64);
                    let message = format!("a command in the container printed more than {size}");
                    return Err(EngineError::Other(message).into());
                }
                Some(Ok(Output::Stdout(bytes))) => out.extend_from_slice(&bytes),
                Some(Ok(Output::Stderr(bytes))) => keep(&mut errors, &bytes, COMPLAINTS),
                Some(Err(err)) => return Err(err.into()),
                None => break,
            }
        }
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok((self.ended(exec.exit).await?, text(out), text(errors)))
    }

    /// Waits until the user wants to stop, and some time longer.
    async fn hurried(&self) {
        self.shutdown
            .reached(crate::shutdown::Urgency::Cancel)
            .await;
        tokio::time::sleep(HURRY).await;
    }

    /// The exit code of a command whose output has ended; the engine may learn the code a little later. If the
    /// container ended too, the command counts as killed.
    pub async fn ended(&self, exit: ExitCode) -> Result<i64> {
        tokio::select! {
            biased;
            exit = exit => match exit {
                Err(EngineError::ContainerEnded) => Ok(KILLED),
                exit => Ok(exit?),
            },
            // An engine that never learns the code must not keep a user waiting who wants to stop.
            () = self.hurried() => Err(Error::Interrupted),
        }
    }
}

/// Whether a build is finished: the volume of the build and its mark exist.
pub(super) fn is_built(build: &BuildPlan, volumes: &[Volume]) -> bool {
    let there = |name: &str| volumes.iter().any(|volume| volume.name == name);
    there(&build.volume.name) && there(&build.mark.name)
}

fn join(root: &str, path: &str) -> String {
    if root.is_empty() {
        path.to_owned()
    } else {
        format!("{root}/{path}")
    }
}
