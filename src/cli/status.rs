//! `status`: what is up.

use clap::Args;
use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use super::workspace::Workspace;
use crate::engine::Engine;
use crate::project::{
    LABEL_APP, LABEL_BUILD, LABEL_ENVIRONMENT, LABEL_KIND, LABEL_SERVICE, LABEL_WORKER,
};
use crate::services::mail;

/// Arguments of `status`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: super::run::Format,
}

/// Prints the containers of all environments of this project.
pub(super) async fn run(context: &Context, arguments: &Arguments) -> Result<u8, Failure> {
    let workspace = Workspace::open_lenient(context)?;
    let engine = context.engine(workspace.settings.engine.as_deref()).await?;
    let mut containers = engine.containers(&workspace.project.labels()).await?;
    containers.retain(|container| {
        container
            .labels
            .get(LABEL_KIND)
            .is_some_and(|kind| ["web", "worker", "service", mail::KIND].contains(&kind.as_str()))
            && (context.global.environment.is_none()
                || container.labels.get(LABEL_ENVIRONMENT) == Some(&workspace.environment.name))
    });
    containers.sort_by(|a, b| a.name.cmp(&b.name));
    let label = |container: &crate::engine::spec::Container, name: &str| {
        container.labels.get(name).cloned().unwrap_or_default()
    };
    let title = |container: &crate::engine::spec::Container| {
        let app = match container.labels.get(LABEL_SERVICE) {
            Some(service) => service.clone(),
            None if label(container, LABEL_KIND) == mail::KIND => mail::KIND.to_owned(),
            None => label(container, LABEL_APP),
        };
        container
            .labels
            .get(LABEL_WORKER)
            .map_or_else(|| app.clone(), |worker| format!("{app}--{worker}"))
    };
    if arguments.format == super::run::Format::Json {
        let list: Vec<_> = containers
            .iter()
            .map(|container| {
                json!({
                    "environment": label(container, LABEL_ENVIRONMENT),
                    "service": title(container),
                    "container": container.name,
                    "running": container.running,
                    "status": container.status,
                    "build": label(container, LABEL_BUILD),
                    "url": workspace.mail_address(container),
                })
            })
            .collect();
        let text = serde_json::to_string_pretty(&list).unwrap_or_default();
        return context.print(&format!("{text}\n")).map(|()| 0);
    }
    if containers.is_empty() {
        context.talk(&format!(
            "Nothing is up of {} ({}).\n",
            workspace.project.id,
            workspace.project.root.display()
        ));
        return Ok(0);
    }
    let header = ["Environment", "Service", "Status", "Build", "Container"]
        .map(str::to_owned)
        .to_vec();
    let rows = containers.iter().map(|container| {
        vec![
            label(container, LABEL_ENVIRONMENT),
            title(container),
            container.status.clone(),
            label(container, LABEL_BUILD).chars().take(12).collect(),
            container.name.clone(),
        ]
    });
    let table: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
    let mut text = super::table::aligned(&table, true, true, context.out_style);
    for container in &containers {
        if let Some(url) = workspace.mail_address(container) {
            let environment = label(container, LABEL_ENVIRONMENT);
            text.push_str(&format!("\nThe mail of {environment} is at {url}\n"));
        }
    }
    context.print(&text).map(|()| 0)
}
