//! Runs an operation in a writable copy of its container, to see where it writes. The copy is thrown away.

use super::{Error, OperationRun, Planned, Report, Result, Sandbox};
use crate::engine::spec::{Container, ContainerSpec, ExecSpec, VolumeMount, VolumeSpec};
use crate::engine::{Engine, Error as EngineError};
use crate::event::{Event, Outcome};
use crate::mount_suggestion::{Files, LIST, Suggestion, suggest};
use crate::plan::ContainerPlan;
use crate::project::{LABEL_BUILD, LABEL_DEPLOY, LABEL_KIND};

/// The kind of everything that is made for a trial.
const KIND: &str = "trial";

/// Where the app is while it is copied.
const FROM: &str = "/from";

/// What the engine itself writes into every container.
const OF_ENGINE: [&str; 6] = [
    "/.dockerenv",
    "/sbin/docker-init",
    "/usr/sbin/docker-init",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/resolv.conf",
];

impl<E: Engine> Sandbox<'_, E> {
    /// Runs an operation where it can write everywhere, and tells which mounts it needs to pass where it cannot. The
    /// mounts that are there are copied with what is on them and stay as they are; services are the app's own.
    pub async fn try_writable(
        &self,
        planned: &Planned<'_>,
        run: &OperationRun<'_>,
        containers: &[Container],
    ) -> Result<(Report, Option<Suggestion>)> {
        let deployed = self
            .ensure_container(planned, run.container, containers)
            .await?;
        self.checkpoint()?;
        let trial = Trial::of(run.container);
        let result = self.in_trial(planned, run, &trial, &deployed).await;
        let removed = self.remove_trial(&trial).await;
        let result = result?;
        removed?;
        Ok(result)
    }

    async fn in_trial(
        &self,
        planned: &Planned<'_>,
        run: &OperationRun<'_>,
        trial: &Trial,
        deployed: &super::Deployed,
    ) -> Result<(Report, Option<Suggestion>)> {
        let title = run.container.title(&planned.plan.app);
        // What a crash left would be taken for what the operation writes.
        self.remove_trial(trial).await?;
        for volume in &trial.volumes {
            self.engine.create_volume(volume).await?;
        }
        let copying = self.create_anew(&trial.copy).await?;
        self.engine.start_container(&copying).await?;
        self.checked(&copying, &format!("cp -a {FROM}/. /app/"))
            .await?;
        let before = self.files(&copying).await?;
        self.engine.remove_container(&copying).await?;
        self.checkpoint()?;

        let id = self.create_anew(&trial.container).await?;
        self.engine.start_container(&id).await?;
        // A hook that could not write may be what the operation needs.
        let hooks = run.container.hooks.iter();
        for hook in hooks.filter(|hook| deployed.failed_hooks.contains(&hook.step)) {
            self.hook(&title, &id, hook.step, &hook.script).await?;
        }
        if let Some(address) = run.listens_at {
            self.wait_until_ready(&id, address).await?;
        }
        self.checkpoint()?;
        let report = self.run_operation_in(&id, planned, run, false).await?;
        if report.outcome == Outcome::Cancelled {
            return Ok((report, None));
        }
        let after = self.files(&id).await?;
        let changed = self.engine.changed_paths(&id).await?;
        let outside = outside(&changed, &trial.container);
        let suggestion = suggest(&before, &after, &run.container.mounts, &outside);
        self.emit(Event::MountsSuggested {
            container: title,
            suggestion: suggestion.clone(),
        })
        .await;
        Ok((report, Some(suggestion)))
    }

    async fn files(&self, container: &str) -> Result<Files> {
        let text = self.checked(container, LIST).await?;
        Ok(Files::parse(&text))
    }

    /// Runs a short script of our own that must not fail.
    async fn checked(&self, container: &str, script: &str) -> Result<String> {
        let spec = ExecSpec {
            command: ["/bin/dash", "-c", script].map(str::to_owned).to_vec(),
            working_dir: Some("/app".to_owned()),
            ..ExecSpec::default()
        };
        let captured = tokio::select! {
            captured = self.capture(container, &spec) => captured?,
            () = self.shutdown.reached(crate::shutdown::Urgency::Cancel) => return Err(Error::Interrupted),
        };
        match captured {
            (0, text, _) => Ok(text),
            (_, _, errors) => Err(EngineError::Other(format!(
                "the app cannot be copied: {}",
                errors.trim()
            ))
            .into()),
        }
    }

    async fn remove_trial(&self, trial: &Trial) -> Result<()> {
        for container in [&trial.copy, &trial.container] {
            self.engine.remove_container(&container.name).await?;
        }
        for volume in &trial.volumes {
            self.engine.remove_volume(&volume.name).await?;
        }
        Ok(())
    }
}

/// What is made for one trial.
struct Trial {
    volumes: Vec<VolumeSpec>,
    /// Has the app and its mounts below [`FROM`], and the copy where the app is.
    copy: ContainerSpec,
    /// Where the operation runs.
    container: ContainerSpec,
}

impl Trial {
    fn of(plan: &ContainerPlan) -> Trial {
        let mut labels = plan.container.labels.clone();
        labels.insert(LABEL_KIND.to_owned(), KIND.to_owned());
        // It is nobody's current container, and no build's user.
        labels.remove(LABEL_DEPLOY);
        labels.remove(LABEL_BUILD);
        let own = |part: &str| VolumeSpec {
            name: format!("{}-{KIND}-{part}", plan.container.name),
            labels: labels.clone(),
            directory_of: None,
            memory: None,
        };
        let app = own("app");
        let is_of_app = |target: &str| target == "/app" || target.starts_with("/app/");
        let mut volumes = vec![app.clone()];
        let mut mounted = vec![VolumeMount {
            volume: app.name.clone(),
            target: "/app".to_owned(),
            read_only: false,
        }];
        let mut from = mounted.clone();
        for mount in &plan.container.volumes {
            if let Some(rest) = mount
                .target
                .strip_prefix("/app")
                .filter(|_| is_of_app(&mount.target))
            {
                from.push(VolumeMount {
                    target: format!("{FROM}{rest}"),
                    read_only: true,
                    ..mount.clone()
                });
            } else if let Some(socket) = plan
                .socket
                .as_ref()
                .filter(|socket| socket.name == mount.volume)
            {
                // The app's own listens on that one.
                let own = VolumeSpec {
                    memory: socket.memory.clone(),
                    ..own("socket")
                };
                mounted.push(VolumeMount {
                    volume: own.name.clone(),
                    ..mount.clone()
                });
                volumes.push(own);
            } else {
                mounted.push(mount.clone());
            }
        }
        let mut container = ContainerSpec {
            name: format!("{}-{KIND}", plan.container.name),
            labels,
            volumes: mounted,
            read_only: false,
            ports: Vec::new(),
            ..plan.container.clone()
        };
        // Others reach the app by these.
        if let Some(network) = &mut container.network {
            network.aliases.clear();
        }
        let copy = ContainerSpec {
            name: format!("{}-{KIND}-copy", plan.container.name),
            command: ["sleep", "100000"].map(str::to_owned).to_vec(),
            volumes: from,
            network: None,
            network_of: None,
            ..container.clone()
        };
        Trial {
            volumes,
            copy,
            container,
        }
    }
}

/// What was written outside the app, and not by the engine.
fn outside(changed: &[String], spec: &ContainerSpec) -> Vec<String> {
    let targets: Vec<&str> = spec
        .volumes
        .iter()
        .map(|mount| mount.target.as_str())
        .chain(spec.tmpfs.iter().map(|tmpfs| tmpfs.target.as_str()))
        .chain(OF_ENGINE)
        .collect();
    let is_below = |path: &str, directory: &str| {
        path.strip_prefix(directory)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    let holds = |path: &String| changed.iter().any(|other| is_below(other, path));
    changed
        .iter()
        .filter(|path| {
            let path = path.as_str();
            // Mount points are made when a container starts.
            !targets
                .iter()
                .any(|target| path == *target || is_below(path, target) || is_below(target, path))
        })
        // A directory is changed because of what is in it.
        .filter(|path| !holds(path))
        .cloned()
        .collect()
}
