//! Containers and services that are started, and where they answer.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::seconds;

/// Containers and services that are started, and where they answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "snake_case")]
pub enum Deploy {
    /// The routes answer.
    #[serde(rename = "routes-ready")]
    RoutesReady {
        /// The addresses.
        routes: Vec<Address>,
    },
    /// A service is being started.
    #[serde(rename = "service-started")]
    ServiceStarted {
        /// Its name.
        service: String,
        /// Its type, such as `postgresql:18`.
        kind: String,
    },
    /// A service answers.
    #[serde(rename = "service-finished")]
    ServiceFinished {
        /// Its name.
        service: String,
        /// How long it took, in seconds.
        #[serde(with = "seconds")]
        duration: Duration,
    },
    /// The mail that apps send is shown.
    #[serde(rename = "mail-shown")]
    MailShown {
        /// Where.
        url: String,
    },
    /// A container is being started.
    #[serde(rename = "deploy-started")]
    Started {
        /// The app, or `app--worker`.
        container: String,
    },
    /// A container runs and its hooks are through.
    #[serde(rename = "deploy-finished")]
    Finished {
        /// The app, or `app--worker`.
        container: String,
        /// How long it took, in seconds.
        #[serde(with = "seconds")]
        duration: Duration,
    },
}

/// An address of this machine and what is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The address.
    pub url: String,
    /// The app or service that answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Whether no route leads there: it is the app itself that answers.
    pub direct: bool,
    /// Where it redirects to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirects_to: Option<String>,
}

impl Address {
    /// Of a route that leads to an app or a service.
    pub fn of_route(url: String, service: &str) -> Self {
        Address {
            url,
            service: Some(service.to_owned()),
            direct: false,
            redirects_to: None,
        }
    }

    /// Of an app itself.
    pub fn of_app(url: String, app: &str) -> Self {
        Address {
            direct: true,
            ..Address::of_route(url, app)
        }
    }

    /// Of a route that redirects to another address.
    pub fn of_redirect(url: String, to: &str) -> Self {
        Address {
            url,
            service: None,
            direct: false,
            redirects_to: Some(to.to_owned()),
        }
    }
}
