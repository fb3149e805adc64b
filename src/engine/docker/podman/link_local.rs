//! Link-local addresses, at which clouds hand out credentials, are made unreachable for a container. Podman cannot give
//! a container such an address of its own, as Docker can, so a command in the container sets a route right after the
//! start. Only the network of the container is changed.
//!
//! The command has all capabilities, so nothing of the project may steer it: it is the image's perl, from a root that
//! apps cannot write to, and each variable of the container is empty for it. Where the image has no perl, the addresses
//! stay reachable, which the trial of `doctor` finds.

use std::collections::BTreeMap;

use super::super::DockerEngine;
use super::super::execs::Rights;
use crate::engine::Result;
use crate::engine::spec::ExecSpec;

const SCRIPT: &str = include_str!("link_local.pl");

impl DockerEngine {
    /// Closes link-local addresses to a container that has just been started.
    pub(in super::super) async fn close_link_local(&self, container: &str) {
        let closed = self.set_route(container).await;
        // A container may end at once, and an image may have no perl.
        if let Err(err) = closed {
            tracing::debug!(container, %err, "link-local addresses stay reachable");
        }
    }

    async fn set_route(&self, container: &str) -> Result<()> {
        let around = self.read_around(container).await?;
        if !around.has_own_network() {
            return Ok(());
        }
        let spec = ExecSpec {
            command: ["/usr/bin/perl", "-e", SCRIPT].map(str::to_owned).to_vec(),
            user: Some("0:0".to_owned()),
            working_dir: Some("/".to_owned()),
            variables: emptied(around.variables()),
            ..ExecSpec::default()
        };
        let (code, said) = self.run_to_end(container, &spec, Rights::All).await?;
        if code != 0 {
            tracing::debug!(container, code, said, "link-local addresses stay reachable");
        }
        Ok(())
    }
}

/// These variables without their values.
fn emptied<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<String, String> {
    names.map(|name| (name.to_owned(), String::new())).collect()
}
