//! The runtimes and services that Upsun has, and which of their versions it supports. What is known of services is in
//! [`crate::services`].
//!
//! Source: the table on <https://docs.upsun.com/create-apps/app-reference/single-runtime-image.html>. An entry is one
//! line: a new version goes in front.

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

const fn runtime(
    name: &'static str,
    supported: &'static [&'static str],
    deprecated: &'static [&'static str],
) -> Available {
    Available {
        name,
        is_service: false,
        supported,
        deprecated,
    }
}

/// The runtimes, by name.
const RUNTIMES: &[Available] = &[
    runtime("dotnet", &["10.0", "8.0"], &[]),
    runtime("elixir", &["1.20"], &["1.19", "1.18"]),
    runtime("golang", &["1.26", "1.25"], &[]),
    runtime("java", &["25", "21", "17"], &[]),
    runtime("nodejs", &["26", "24"], &["22"]),
    runtime("php", &["8.5", "8.4"], &["8.3", "8.2"]),
    runtime("python", &["3.14", "3.13"], &["3.12", "3.11", "3.10"]),
    runtime("ruby", &["4.0", "3.4", "3.3"], &[]),
    runtime("rust", &["1"], &[]),
];

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
        services::all().into_iter().map(Available::from).collect()
    } else {
        RUNTIMES.to_vec()
    }
}

/// The runtime or service of that name.
pub fn find(name: &str) -> Option<Available> {
    let runtime = RUNTIMES.iter().find(|runtime| runtime.name == name);
    runtime
        .copied()
        .or_else(|| services::find(name).map(Available::from))
}
