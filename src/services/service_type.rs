//! What is known of a type of service.
//!
//! Source of versions and endpoints: the tables on <https://docs.upsun.com/add-services.html>.

use super::draft::Draft;
use super::{Error, Inputs, TYPES};

/// A type of service. Types that share a file take over from each other what is the same.
#[derive(Debug, Clone, Copy)]
pub struct ServiceType {
    /// The name before the colon.
    pub name: &'static str,
    /// The versions that Upsun supports, newest first.
    pub supported: &'static [&'static str],
    /// The versions that still work on Upsun and will go away.
    pub deprecated: &'static [&'static str],
    /// The endpoint that a relationship gets when it names none; empty where there is none.
    pub endpoint: &'static str,
    /// The endpoints that a relationship may name besides that one.
    pub endpoints: Endpoints,
    /// Whether the endpoints are those that the service's configuration names, if it names any.
    pub configures_endpoints: bool,
    /// The official image, with `{}` for the version and `{suite}` for Debian's release; none where each version has its own in `exact`.
    ///
    /// The tags were checked against the published list of docker-library (`official-images`) and, for others,
    /// against their projects' own pages. Versions that docker-library no longer builds keep their tags on
    /// Docker Hub.
    pub(super) image: Option<&'static str>,
    /// Versions with other tags, and their images: not every project publishes tags by major or minor version alone.
    pub(super) exact: &'static [(&'static str, &'static str)],
    /// The commands that talk to the service, and come with its own image: of the right version, therefore. Upsun's
    /// containers have those of the pages that call them "from your app container", and the CLI's `db:dump` and
    /// `sql` need the others. The first half names a family, whose commands have the same names.
    pub(super) clients: Option<(&'static str, &'static [&'static str])>,
    /// The scheme of its URLs, and the port that is meant by a URL without one, unless that is HTTP's.
    pub(super) usual_port: Option<(&'static str, u16)>,
    /// Whether it holds what somebody would miss: caches and services that only answer do not.
    pub keeps_data: bool,
    /// The type that this is another name of, and whose data it can have.
    pub same_as: Option<&'static str>,
    /// Draws up what stands for a service of the type.
    pub(super) draft: fn(&Inputs<'_>) -> Result<Draft, Error>,
}

/// Endpoints that a relationship may name besides the default one. Some types have more than their pages say: there,
/// only what certainly belongs to another type is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoints {
    /// These and no others.
    Only(&'static [&'static str]),
    /// All but the default endpoints of other types, of which only these can be meant: `http` for a service that
    /// speaks HTTP.
    Unlike(&'static [&'static str]),
    /// All.
    Any,
}

impl ServiceType {
    /// Whether a relationship may name this endpoint, as far as the configuration does not say which there are.
    pub(crate) fn may_have(&self, endpoint: &str) -> bool {
        let is_default = |known: &ServiceType| known.endpoint == endpoint;
        is_default(self)
            || match self.endpoints {
                Endpoints::Only(names) => names.contains(&endpoint),
                Endpoints::Unlike(names) => {
                    names.contains(&endpoint) || !TYPES.iter().copied().flatten().any(is_default)
                }
                Endpoints::Any => true,
            }
    }
}

/// Every type of service, by name.
pub fn all() -> Vec<&'static ServiceType> {
    let mut all: Vec<_> = TYPES.iter().copied().flatten().collect();
    all.sort_by_key(|known| known.name);
    all
}

/// The type of that name: `postgresql`.
pub fn find(name: &str) -> Option<&'static ServiceType> {
    let mut all = TYPES.iter().copied().flatten();
    all.find(|known| known.name == name)
}

/// The port that is meant by a URL of that scheme.
pub(super) fn usual_port(scheme: &str) -> Option<u16> {
    let mut ports = TYPES
        .iter()
        .copied()
        .flatten()
        .filter_map(|known| known.usual_port);
    ports.find(|(of, _)| *of == scheme).map(|(_, port)| port)
}
