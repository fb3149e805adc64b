//! The image that an app's containers are made from: which official image, and what is put on top of it so
//! that it looks like Upsun's.
//!
//! Everything here is computed: a [`Recipe`] is plain data that an engine builds. Whether an image is there
//! already, is pulled or built, is not decided here.

pub mod certificates;
mod notice;
mod packages;
pub mod proxy;
pub mod runtime;
mod stack;
mod writer;

use std::collections::BTreeMap;

use indexmap::IndexMap;

pub use self::certificates::{Certificates, certificate_variables, find_ca_bundle};
pub use self::notice::{Notice, notice};
pub use self::proxy::Proxy;
pub use self::runtime::official;
use crate::config::app::App;
use crate::engine::spec::ImagePlan;
use crate::image_ref::NotAReference;
use crate::labels::Labels;
use crate::runtimes::RUNTIMES;
use crate::services::Clients;
use crate::settings::User;
use crate::suggestion::{nearest, quoted_list};

/// The script that is the main process of every app's container.
pub(crate) const SUPERVISE: &str = "/usr/local/lib/upsun-local/supervise.sh";

/// The label that says which runtime a derived image is for.
pub(crate) const RUNTIME_LABEL: &str = "local.upsun.runtime";

/// Everything besides the app that decides what its image holds.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    /// `images` of the settings. `composer` is one more key: an image to take Composer from.
    pub overrides: &'a IndexMap<String, String>,
    /// Certificates to trust, if any.
    pub certificates: Option<&'a Certificates>,
    /// The proxy to build through. It leaves no trace in the image, and no part in its tag.
    pub proxy: &'a Proxy,
    /// The ids of the user `web`.
    pub user: User,
    /// The command-line clients of the services that the app reaches, one entry for each name.
    pub clients: &'a [Clients],
}

/// How a derived image is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// `upsun-local/<runtime>:<hash of everything that the image depends on>`.
    pub tag: String,
    /// The same for what a build can notice: a client of a service is no reason to build an app again, since a build
    /// reaches no service.
    pub build_tag: String,
    /// What is in it.
    pub plan: ImagePlan,
    /// Its labels; not in the plan, so that a new version of this program reuses the image.
    pub labels: Labels,
    /// Variables for the build: the proxy. They are not in the plan, since they leave no trace in the image.
    pub build_variables: BTreeMap<String, String>,
    /// What is known beforehand not to be as on Upsun.
    pub warnings: Vec<String>,
}

/// Why there is no image for an app.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A runtime that neither the table nor the settings know.
    #[error("no image is known for the runtime `{0}`")]
    UnknownRuntime(String),
    /// A version that can be no part of a tag.
    #[error("`{version}` cannot be a version of `{runtime}`")]
    Version {
        /// The runtime.
        runtime: String,
        /// The version as written.
        version: String,
    },
    /// A text in `images` of the settings that is no reference to an image.
    #[error(transparent)]
    Reference(#[from] NotAReference),
}

impl Error {
    /// How to mend it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::UnknownRuntime(name) => {
                let known = || RUNTIMES.iter().map(|known| known.name);
                let near = nearest(name, known())
                    .map(|near| format!("did you mean `{near}`? "))
                    .unwrap_or_default();
                Some(format!(
                    "{near}known runtimes: {}; any other needs an image under `images` in .upsun-local.yaml",
                    quoted_list(known())
                ))
            }
            Error::Version { .. } => None,
            Error::Reference(reference) => Some(reference.hint().to_owned()),
        }
    }
}

/// Says how an app's image is made.
pub(crate) fn recipe(app: &App, setup: &Setup<'_>) -> Result<Recipe, Error> {
    writer::recipe(app, setup)
}

#[cfg(test)]
pub(crate) mod tests;
