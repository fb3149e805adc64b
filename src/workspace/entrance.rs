//! The addresses at which an environment answers on this machine, and what has to be up for that.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;

use super::{Error, Variables, Workspace};
use crate::config::app::App;
use crate::image_ref::ImageRef;
use crate::plan::front;
use crate::plan::router::{self, RouterPlan};
use crate::project::Project;
use crate::routes;
use crate::services::ServicePlan;
use crate::settings::Settings;
use crate::web::FRONT_PORT;
use crate::{relationships, services};

/// The router, and what it sends requests to besides the apps.
#[derive(Debug)]
pub struct Router {
    pub plan: RouterPlan,
    /// The services that routes lead to.
    pub services: Vec<ServicePlan>,
}

/// The port of this machine: `UPSUN_LOCAL_PORT`, else the settings', else one that belongs to the environment.
pub fn port(
    settings: &Settings,
    project: &Project,
    environment: &str,
    variables: &Variables,
) -> Result<u16, Error> {
    let Some(text) = variables.get("UPSUN_LOCAL_PORT") else {
        let default = || routes::default_port(&project.key, environment);
        return Ok(settings.port.map_or_else(default, NonZero::get));
    };
    text.parse()
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| Error::request(format!("UPSUN_LOCAL_PORT is not a port: `{text}`")))
}

impl Workspace {
    /// The image of the web server in front of an app, when anything sends requests to it; and whether only this
    /// machine does.
    pub fn front(&self, app: &App) -> Result<(Option<String>, bool), Error> {
        let on_demand = !relationships::is_reached(&app.name, &self.config);
        if on_demand && !routes::is_routed(app, &self.config) {
            return Ok((None, true));
        }
        Ok((Some(self.web_server()?), on_demand))
    }

    fn web_server(&self) -> Result<String, Error> {
        let image = self.settings.images.get(front::IMAGE_NAME);
        let image = ImageRef::new(image.map_or(front::IMAGE, String::as_str))
            .map_err(|err| Error::file(err.to_string()).hint(err.hint()))?;
        Ok(image.as_str().to_owned())
    }

    /// The router, unless there is nothing that it could lead to.
    pub fn router(&self) -> Result<Option<Router>, Error> {
        self.router_to(&BTreeMap::new())
    }

    /// The router that leads to the edited containers of some apps: the names of both.
    pub(crate) fn router_to(
        &self,
        edited: &BTreeMap<String, String>,
    ) -> Result<Option<Router>, Error> {
        let entrance = &self.entrance;
        let upstreams: BTreeSet<&str> = entrance.upstreams().collect();
        if upstreams.is_empty() {
            return Ok(None);
        }
        let routed = upstreams
            .iter()
            .filter(|name| !self.config.apps.contains_key(**name))
            .filter_map(|name| self.config.services.get(*name))
            .map(|service| self.service(service))
            .collect::<Result<Vec<ServicePlan>, Error>>()?;
        let deployed = |name: &str| self.project.name(&[&self.environment.name, name]);
        let container = |name: &str| {
            let edited = edited.get(name).cloned();
            edited.unwrap_or_else(|| deployed(name))
        };
        let address = |name: &str| {
            if self.config.apps.contains_key(name) {
                return Some(format!("{}:{FRONT_PORT}", container(name)));
            }
            let plan = routed.iter().find(|plan| plan.name == name)?;
            let container = plan.container.as_ref()?;
            let port = plan.endpoints.first()?.payload.get("port")?;
            let port = port.as_u64().or_else(|| port.as_str()?.parse().ok())?;
            Some(format!("{}:{port}", container.name))
        };
        let image = self.web_server()?;
        let plan = router::plan(&router::Inputs {
            project: &self.project,
            environment: &self.environment,
            entrance,
            image: &image,
            user: self.user(),
            address: &address,
            of_dev: !edited.is_empty(),
        });
        Ok(Some(Router {
            plan,
            services: routed,
        }))
    }

    fn service(&self, service: &crate::config::Service) -> Result<ServicePlan, Error> {
        let network = self.project.name(&[&self.environment.name]);
        services::plan(&services::Inputs {
            project: &self.project,
            environment: &self.environment.name,
            service: service.into(),
            external: self.settings.external(&service.name),
            images: &self.settings.images,
            network: &network,
            memory: self.resources().memory,
        })
        .map_err(|err| super::connections::failed(&err))
    }
}
