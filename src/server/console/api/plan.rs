//! What a push does to what a commit deployed.

use serde_json::{Value, json};

use super::super::super::answer::{Result, json};
use super::super::super::place::blocking;
use super::Asked;
use super::access::base;
use crate::comparison::pushed::Pushed;
use crate::comparison::words;
use crate::engine::Engine;
use crate::failure::Failure;
use crate::reporter::style::Style;
use crate::workspace::Workspace;

impl<E: Engine + 'static> Asked<'_, E> {
    /// `GET plan` with the parameter `against`: a commit, or nothing for what was pushed last. A configuration with
    /// errors cannot be pushed, so it is refused.
    pub(super) async fn plan(&self) -> Result {
        let workspace = self.shared.place.open().await?;
        let against = self.call.parameter("against").unwrap_or_default();
        let against = against.trim().to_owned();
        Ok(json(&blocking(move || shown(&workspace, &against)).await??))
    }
}

/// The document of `plan --format json`, with its words for what cannot be said by one name.
fn shown(workspace: &Workspace, against: &str) -> Result<Value> {
    let base = base(workspace, against)?;
    let tree = workspace.scan()?;
    let pushed = Pushed::of(&base, &workspace.config, &tree).map_err(Failure::from)?;
    let mut shown = pushed.json(&base);
    shown["title"] = json!(base.title());
    let style = Style::default();
    let changes = &pushed.changes;
    for (at, app) in changes.apps.iter().enumerate() {
        let mounts = app.mounts.iter();
        let mounts: Vec<String> = mounts.map(|mount| words::mount(mount, style)).collect();
        let operations = app.operations.iter();
        let operations: Vec<String> = operations
            .map(|operation| words::operation(operation, style))
            .collect();
        shown["apps"][at]["words"] = json!({ "mounts": mounts, "operations": operations });
    }
    for (at, service) in changes.services.iter().enumerate() {
        shown["services"][at]["words"] = json!(words::service(service, style, usize::MAX));
    }
    Ok(shown)
}
