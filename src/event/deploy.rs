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
    RoutesReady { routes: Vec<Address> },
    /// A service is being started.
    #[serde(rename = "service-started")]
    ServiceStarted {
        service: String,
        /// The service's type, such as `postgresql:18`.
        kind: String,
    },
    /// A service answers.
    #[serde(rename = "service-finished")]
    ServiceFinished {
        service: String,
        /// How long the start took, in seconds.
        #[serde(with = "seconds")]
        duration: Duration,
    },
    /// The inbox with the mail of the apps is available.
    #[serde(rename = "mail-shown")]
    MailShown {
        /// The inbox's address.
        url: String,
    },
    /// A container is being started.
    #[serde(rename = "deploy-started")]
    Started {
        /// The app, or `app--worker`.
        container: String,
    },
    /// A container or a service was started, and has to answer before the deploy goes on.
    #[serde(rename = "ready-awaited")]
    ReadyAwaited {
        /// The service, the app, or `app--worker`.
        container: String,
    },
    /// A container runs and its hooks are through.
    #[serde(rename = "deploy-finished")]
    Finished {
        /// The app, or `app--worker`.
        container: String,
        /// How long the start took, in seconds.
        #[serde(with = "seconds")]
        duration: Duration,
    },
}

/// An address of this machine, and the app or service that answers there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    pub url: String,
    /// The app or service that answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Whether the address leads directly to the app, without a route.
    pub direct: bool,
    /// The target of a redirect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirects_to: Option<String>,
}

impl Address {
    /// The address of a route to an app or a service.
    pub(crate) fn of_route(url: String, service: &str) -> Self {
        Address {
            url,
            service: Some(service.to_owned()),
            direct: false,
            redirects_to: None,
        }
    }

    /// The address of an app itself.
    pub(crate) fn of_app(url: String, app: &str) -> Self {
        Address {
            direct: true,
            ..Address::of_route(url, app)
        }
    }

    /// The address of a route that redirects to another address.
    pub(crate) fn of_redirect(url: String, to: &str) -> Self {
        Address {
            url,
            service: None,
            direct: false,
            redirects_to: Some(to.to_owned()),
        }
    }
}
