//! The runtimes and services that Upsun has, and which of their versions it supports. What else is known of them is in
//! [`crate::runtimes`] and [`crate::services`].

use crate::runtimes::{RUNTIMES, RuntimeType};
use crate::services::{self, ServiceType};

/// A runtime or a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Available {
    /// The name before the colon.
    pub name: &'static str,
    /// Whether it stands under `services`.
    pub is_service: bool,
    /// The versions that are supported, newest first.
    pub supported: &'static [&'static str],
    /// The versions that still work and will go away.
    pub deprecated: &'static [&'static str],
}

impl From<&RuntimeType> for Available {
    fn from(runtime: &RuntimeType) -> Available {
        Available {
            name: runtime.name,
            is_service: false,
            supported: runtime.supported,
            deprecated: runtime.deprecated,
        }
    }
}

impl From<&ServiceType> for Available {
    fn from(service: &ServiceType) -> Available {
        Available {
            name: service.name,
            is_service: true,
            supported: service.supported,
            deprecated: service.deprecated,
        }
    }
}

/// Every service, or every runtime, by name.
pub fn all(are_services: bool) -> Vec<Available> {
    if are_services {
        return services::all().into_iter().map(Available::from).collect();
    }
    let mut all: Vec<Available> = runtimes().collect();
    all.sort_by_key(|runtime| runtime.name);
    all
}

/// The runtime or service of that name.
pub fn find(name: &str) -> Option<Available> {
    let runtime = runtimes().find(|runtime| runtime.name == name);
    runtime.or_else(|| services::find(name).map(Available::from))
}

/// The runtimes that an app can have as its `type`.
fn runtimes() -> impl Iterator<Item = Available> {
    let can_be_type = |runtime: &&RuntimeType| !runtime.supported.is_empty();
    RUNTIMES.iter().filter(can_be_type).map(Available::from)
}
