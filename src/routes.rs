//! The routes of an environment, resolved to the addresses at which they answer on this machine. Pure.
//!
//! There is one local entrance, `http://<host>:<port>`, and every route is a host and a path there:
//! `{default}` and `{all}` stand for `<project>.localhost`, whatever is before them for a name below that.
//! Browsers and curl take names below `localhost` to this machine by themselves.
//!
//! Source: <https://docs.upsun.com/define-routes.html>. **Assumptions**, where that is silent or cannot be so here:
//! `https` routes answer by `http`, and a redirect from one to the other is dropped; where no route has a
//! placeholder, the host of the first upstream is the default domain, as it would be in a preview environment;
//! any other host stands in front of the default one; routes of services of other types than apps lead to
//! their first endpoint.

mod place;
mod redirect;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use self::place::{Place, Places};
pub use self::redirect::{PathRedirect, Target};
use crate::config::Config;
use crate::config::app::App;
use crate::event::Address;
use crate::project;

/// The first of the ports from which an environment's is chosen, and how many there are. Linux takes those for
/// outgoing connections from 32768 on, so nothing else is likely to have one of these.
const PORTS: (u16, u16) = (20_000, 10_000);

/// The local entrance of an environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Entrance {
    /// The port on 127.0.0.1.
    pub port: u16,
    /// The host of `{default}`.
    pub host: String,
    /// The routes, in the order in which they are written.
    pub routes: Vec<Route>,
    /// Each app that has a web server, with a host of its own unless a route has that already.
    pub apps: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// The pattern in the configuration.
    pub original_url: String,
    /// The host, without the port; may begin with `*.`.
    pub host: String,
    /// The path, with a slash at both ends.
    pub path: String,
    /// What is there.
    pub kind: Kind,
    /// Whether it is the environment's primary route.
    pub primary: bool,
    /// `id`.
    pub id: Option<String>,
    /// `attributes`.
    pub attributes: Map<String, Value>,
    /// `redirects.paths`.
    pub redirects: Vec<PathRedirect>,
    /// `ssi.enabled`.
    pub ssi: bool,
}

/// What is at a route.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// The app, or service, of that name.
    Upstream(String),
    /// Another address.
    Redirect(Target),
    /// A server elsewhere.
    Proxy(String),
}

impl Route {
    /// The address at which it answers.
    pub fn url(&self, port: u16) -> String {
        format!("http://{}:{port}{}", self.host, self.path)
    }
}

/// The port of an environment unless the settings name one: always the same, and hardly ever another's.
pub(crate) fn default_port(key: &str, environment: &str) -> u16 {
    let hash = project::hash(format!("{key}\0{environment}").as_bytes());
    let number = u64::from_str_radix(&hash[..12], 16).unwrap_or_default();
    PORTS.0 + u16::try_from(number % u64::from(PORTS.1)).unwrap_or_default()
}

/// Whether requests can reach an app at all.
pub(crate) fn has_web(app: &App) -> bool {
    app.raw.get("web").is_some_and(|web| !web.is_null()) || app.image.primary() == Some("php")
}

/// Whether requests from this machine are sent to an app.
pub fn is_routed(app: &App, config: &Config) -> bool {
    let leads_there = |route: &Value| {
        let upstream = route.get("upstream").and_then(Value::as_str);
        upstream.and_then(|upstream| upstream.split(':').next()) == Some(&app.name)
    };
    has_web(app) || config.routes.values().any(leads_there)
}

/// Resolves the routes of a configuration for the project of that name.
pub fn resolve(config: &Config, project: &str, port: u16) -> Entrance {
    let mut label = project::plain(project, 63);
    if label.is_empty() {
        "project".clone_into(&mut label);
    }
    let host = format!("{label}.localhost");
    let mut entrance = Entrance {
        port,
        host,
        routes: Vec::new(),
        apps: Vec::new(),
    };
    let written = written(config);
    let places = Places::of(&written, &entrance.host, port);
    for (pattern, route) in &*written {
        entrance.add(pattern, route, &places);
    }
    if !entrance.routes.iter().any(|route| route.primary) {
        let first = |route: &&mut Route| matches!(route.kind, Kind::Upstream(_));
        if let Some(route) = entrance.routes.iter_mut().find(first) {
            route.primary = true;
        }
    }
    for app in config.apps.values().filter(|app| has_web(app)) {
        let host = format!("{}.{}", project::plain(&app.name, 63), entrance.host);
        if !entrance.routes.iter().any(|route| route.host == host) {
            entrance.apps.push((app.name.clone(), host));
        }
    }
    entrance
}

/// The routes as they are written. Without any, the only app is at `https://{default}/`.
fn written(config: &Config) -> Cow<'_, IndexMap<String, Value>> {
    let mut apps = config.apps.values().filter(|app| has_web(app));
    match (apps.next(), apps.next()) {
        (Some(app), None) if config.routes.is_empty() => {
            let route = json!({ "type": "upstream", "upstream": format!("{}:http", app.name) });
            Cow::Owned(IndexMap::from([("https://{default}/".to_owned(), route)]))
        }
        _ => Cow::Borrowed(&config.routes),
    }
}

impl Entrance {
    fn add(&mut self, pattern: &str, route: &Value, places: &Places) {
        let Some(place) = places.resolve(pattern) else {
            return;
        };
        let text = |key: &str| route.get(key).and_then(Value::as_str);
        let kind = match text("type") {
            Some("redirect") => {
                let target = Target::of_route(route, places);
                // From `http` to `https`, which are one here.
                if target.to.trim_end_matches('/') == place.url.trim_end_matches('/') {
                    return;
                }
                Kind::Redirect(target)
            }
            Some("proxy") => Kind::Proxy(text("to").unwrap_or_default().to_owned()),
            _ => {
                let upstream = text("upstream").unwrap_or_default();
                Kind::Upstream(upstream.split(':').next().unwrap_or_default().to_owned())
            }
        };
        let resolved = Route {
            original_url: pattern.to_owned(),
            host: place.host.clone(),
            path: place.path.clone(),
            kind,
            primary: route.get("primary").and_then(Value::as_bool) == Some(true),
            id: text("id").map(str::to_owned),
            attributes: route
                .get("attributes")
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default(),
            redirects: redirect::paths(route, places),
            ssi: route.pointer("/ssi/enabled").and_then(Value::as_bool) == Some(true),
        };
        let same = |other: &&mut Route| other.host == place.host && other.path == place.path;
        match self.routes.iter_mut().find(same) {
            Some(other) if Place::goes_before(pattern, &other.original_url) => *other = resolved,
            Some(_) => {}
            None => self.routes.push(resolved),
        }
    }

    /// The primary route.
    pub fn primary(&self) -> Option<&Route> {
        self.routes.iter().find(|route| route.primary)
    }

    /// The names of the apps and services that requests are sent to.
    pub(crate) fn upstreams(&self) -> impl Iterator<Item = &str> {
        let of_routes = self.routes.iter().filter_map(|route| match &route.kind {
            Kind::Upstream(name) => Some(name.as_str()),
            _ => None,
        });
        of_routes.chain(self.apps.iter().map(|(app, _)| app.as_str()))
    }

    /// The hosts that are known by name: all but those that begin with `*`.
    pub fn hosts(&self) -> Vec<String> {
        let of_routes = self.routes.iter().map(|route| &route.host);
        let hosts: BTreeSet<&String> = of_routes
            .chain(self.apps.iter().map(|(_, host)| host))
            .filter(|host| !host.starts_with('*'))
            .collect();
        hosts.into_iter().cloned().collect()
    }

    /// Where to look: the addresses of routes that lead to something here, then those of redirects, then those at which
    /// apps answer without any route.
    pub fn addresses(&self) -> Vec<Address> {
        let upstreams = self.routes.iter().filter_map(|route| match &route.kind {
            Kind::Upstream(name) => Some(Address::of_route(route.url(self.port), name)),
            _ => None,
        });
        let redirects = self.routes.iter().filter_map(|route| match &route.kind {
            Kind::Redirect(target) => Some(Address::of_redirect(route.url(self.port), &target.to)),
            _ => None,
        });
        let apps = self.apps.iter().map(|(app, host)| {
            let url = format!("http://{host}:{}/", self.port);
            Address::of_app(url, app)
        });
        // A second address of the only app tells nothing new.
        let is_plain = match self.apps.as_slice() {
            [(app, _)] => self
                .routes
                .iter()
                .any(|route| matches!(&route.kind, Kind::Upstream(name) if name == app)),
            _ => false,
        };
        upstreams
            .chain(redirects)
            .chain(apps.filter(|_| !is_plain))
            .collect()
    }

    /// `PLATFORM_ROUTES`: an object by address. `redirects` are left out of it, as on Upsun.
    pub fn payload(&self) -> Value {
        let routes = self.routes.iter().map(|route| {
            let mut entry = json!({
                "primary": route.primary,
                "id": route.id,
                "attributes": route.attributes,
                "original_url": route.original_url,
            });
            let (kind, key, value) = match &route.kind {
                Kind::Upstream(name) => ("upstream", "upstream", name),
                Kind::Redirect(target) => ("redirect", "to", &target.to),
                Kind::Proxy(to) => ("proxy", "to", to),
            };
            entry["type"] = kind.into();
            entry[key] = value.as_str().into();
            (route.url(self.port), entry)
        });
        Value::Object(routes.collect())
    }
}
