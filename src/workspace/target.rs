//! The app, worker or container that a command is about.

use super::{Error, Target, Workspace};
use crate::config::Config;
use crate::config::app::{App, Worker};
use crate::engine::Engine;
use crate::engine::spec::Container;
use crate::labels::Kind;
use crate::suggestion::nearest;
use crate::text::container_name;

impl Workspace {
    /// The app and worker that a command is about: the one that is named, or the only one.
    pub fn target(&self, target: &Target) -> Result<(&App, Option<&Worker>), Error> {
        // `status` and `access` call a worker `app--worker`.
        let whole = target.app.as_deref().and_then(|name| {
            let (app, worker) = name.split_once("--")?;
            let is_worker = target.worker.is_none() && !self.config.apps.contains_key(name);
            is_worker.then_some((app, worker))
        });
        let (app_name, worker_name) = match whole {
            Some((app, worker)) => (Some(app), Some(worker)),
            None => (target.app.as_deref(), target.worker.as_deref()),
        };
        let app = if let Some(name) = app_name {
            find_app(&self.config, name)?
        } else {
            let mut apps = self.config.apps.values();
            if let (Some(only), None) = (apps.next(), apps.next()) {
                only
            } else {
                let names: Vec<&str> = self.config.apps.keys().map(String::as_str).collect();
                return Err(
                    Error::request("there are several apps; say which one you mean")
                        .hint(format!("add `--app` with one of: {}", names.join(", "))),
                );
            }
        };
        let Some(name) = worker_name else {
            return Ok((app, None));
        };
        let worker = app
            .workers
            .iter()
            .find(|worker| worker.name == name)
            .ok_or_else(|| {
                let names: Vec<&str> = app
                    .workers
                    .iter()
                    .map(|worker| worker.name.as_str())
                    .collect();
                let failure = Error::request(format!("`{}` has no worker `{name}`", app.name));
                if names.is_empty() {
                    failure
                } else {
                    failure.hint(format!("there are: {}", names.join(", ")))
                }
            })?;
        Ok((app, Some(worker)))
    }

    /// The container of an app or worker, running or not.
    pub async fn find_container(
        &self,
        engine: &impl Engine,
        app: &App,
        worker: Option<&Worker>,
    ) -> Result<Container, Error> {
        let labels = self.project.environment_labels(&self.environment.name);
        let containers = engine.containers(&labels).await?;
        let title = container_name(&app.name, worker.map(|worker| worker.name.as_str()));
        containers
            .into_iter()
            .find(|container| {
                let kind = Kind::of(&container.labels);
                container.labels.get(crate::labels::LABEL_APP) == Some(&app.name)
                    && container.labels.get(crate::labels::LABEL_WORKER)
                        == worker.map(|worker| &worker.name)
                    && matches!(kind, Some(Kind::Web | Kind::Worker))
            })
            .ok_or_else(|| {
                Error::not_up(format!("`{title}` is not up")).hint("`upsun-local up` starts it")
            })
    }
}

/// The app of that name.
pub fn find_app<'a>(config: &'a Config, name: &str) -> Result<&'a App, Error> {
    config.apps.get(name).ok_or_else(|| {
        let names: Vec<&str> = config.apps.keys().map(String::as_str).collect();
        let failure = Error::request(format!("there is no app `{name}`"));
        match nearest(name, names.iter().copied()) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None => failure.hint(format!("there are: {}", names.join(", "))),
        }
    })
}
