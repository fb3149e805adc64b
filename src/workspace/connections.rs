//! The services behind an app's relationships, planned, and the content of `PLATFORM_RELATIONSHIPS`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Error, Workspace};
use crate::config::Service;
use crate::config::app::{App, Relationship, Worker};
use crate::engine::Engine;
use crate::engine::spec::Container;
use crate::images::Recipe;
use crate::labels::Kind;
use crate::labels::LABEL_SERVICE;
use crate::plan::{AppPlan, Connections};
use crate::relationships::{self, Surroundings};
use crate::services::{self, Clients, ServicePlan};
use crate::source::Tree;
use crate::suggestion::nearest;
use crate::user_variables::UserVariables;

/// The services that an app and its workers reach, by name.
pub(super) type Services = BTreeMap<String, ServicePlan>;

impl Workspace {
    /// Plans the services that an app and its workers reach.
    pub fn services(&self, app: &App) -> Result<Services, Error> {
        let network = self.project.name(&[&self.environment.name]);
        let wanted = relationships::wanted(app, &self.config);
        wanted
            .into_iter()
            .filter_map(|name| Some((self.config.services.get(&name)?, name)))
            .map(|(service, name)| {
                let plan = services::plan(&self.service_inputs(service, &name, &network))?;
                Ok((name, plan))
            })
            .collect::<Result<_, services::Error>>()
            .map_err(|err| failed(&err))
    }

    fn service_inputs<'a>(
        &'a self,
        service: &'a Service,
        name: &str,
        network: &'a str,
    ) -> services::Inputs<'a> {
        services::Inputs {
            project: &self.project,
            environment: &self.environment.name,
            service: service.into(),
            external: self.settings.external(name),
            images: &self.settings.images,
            network,
            memory: self.resources().memory,
        }
    }

    /// The command-line clients that an app's containers have: those of the services that it has relationships to.
    pub fn clients(&self, app: &App) -> Vec<Clients> {
        // Two services of one kind share a name for their client; the first one's wins.
        let mut by_name = BTreeMap::new();
        for name in relationships::wanted(app, &self.config) {
            let service = self.config.services.get(&name);
            let inputs = service.map(|service| self.service_inputs(service, &name, ""));
            if let Some(clients) = inputs.as_ref().and_then(services::clients) {
                by_name.entry(clients.name).or_insert(clients);
            }
        }
        by_name.into_values().collect()
    }

    /// `PLATFORM_RELATIONSHIPS` of an app's web container or of a worker.
    pub fn payloads(
        &self,
        app: &App,
        worker: Option<&Worker>,
        services: &Services,
    ) -> Result<Value, Error> {
        let around = self.surroundings(services);
        relationships::payloads(relationships_of(app, worker), &around)
            .map_err(|err| Error::configuration(err.to_string()).hinted(err.hint()))
    }

    /// What each container of an app reaches: the web container, then the workers.
    pub fn connections(&self, app: &App, services: &Services) -> Vec<Connections> {
        let around = self.surroundings(services);
        std::iter::once(None)
            .chain(app.workers.iter().map(Some))
            .map(|worker| {
                let reached = relationships_of(app, worker);
                Connections {
                    services: reached
                        .iter()
                        .map(|relationship| relationship.service.clone())
                        .filter(|service| services.contains_key(service))
                        .collect(),
                    links: relationships::links(reached, &around),
                }
            })
            .collect()
    }

    /// The plans of the apps that a container reaches, each after those that it reaches itself.
    pub fn reached(
        &self,
        app: &App,
        worker: Option<&str>,
        tree: &Tree,
    ) -> Result<Vec<(AppPlan, Recipe)>, Error> {
        let worker = worker.and_then(|name| app.workers.iter().find(|worker| worker.name == name));
        relationships::reached(relationships_of(app, worker), &self.config)
            .into_iter()
            .map(|app| self.plan(app, tree, &UserVariables::new()))
            .collect()
    }

    /// The container of a service, running or not.
    pub async fn find_service(&self, engine: &impl Engine, name: &str) -> Result<Container, Error> {
        let is_mail = self.is_mail(name);
        if !self.config.services.contains_key(name) && !is_mail {
            let known = self.config.services.keys().map(String::as_str);
            let failure = Error::request(format!("there is no service `{name}`"));
            return Err(match nearest(name, known) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure,
            });
        }
        let labels = self.project.environment_labels(&self.environment.name);
        let containers = engine.containers(&labels).await?;
        containers
            .into_iter()
            .find(|found| {
                let label = |label: &str| found.labels.get(label).map(String::as_str);
                if is_mail {
                    Kind::of(&found.labels) == Some(Kind::Mail)
                } else {
                    label(LABEL_SERVICE) == Some(name)
                }
            })
            .ok_or_else(|| {
                Error::not_up(format!("`{name}` is not up"))
                    .hint("`upsun-local up` starts the services that apps reach")
            })
    }

    fn surroundings<'a>(&'a self, services: &'a Services) -> Surroundings<'a> {
        Surroundings {
            project: &self.project,
            environment: &self.environment.name,
            services,
            apps: &self.config.apps,
        }
    }
}

fn relationships_of<'a>(app: &'a App, worker: Option<&'a Worker>) -> &'a [Relationship] {
    worker.map_or(&app.relationships, |worker| &worker.relationships)
}

/// What a service that cannot be planned means.
pub(super) fn failed(err: &services::Error) -> Error {
    let error = match err {
        services::Error::External { .. } | services::Error::Image(_) => {
            Error::file(err.to_string())
        }
        _ => Error::configuration(err.to_string()),
    };
    error.hinted(err.hint())
}
