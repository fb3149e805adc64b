//! `status`: what is up.

mod everywhere;

use std::collections::HashMap;

use clap::Args;
use serde_json::json;

use super::context::Context;
use super::opened::open_lenient;
use upsun_local::engine::Engine;
use upsun_local::engine::spec::Container;
use upsun_local::event::Address;
use upsun_local::failure::Failure;
use upsun_local::labels::Kind;
use upsun_local::labels::{LABEL_APP, LABEL_BUILD, LABEL_ENVIRONMENT, LABEL_SERVICE, LABEL_WORKER};
use upsun_local::text::safe;
use upsun_local::workspace::Workspace;

/// Arguments of `status`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// List the sandboxes of all repositories on the engine, also of repositories that no longer exist
    #[arg(long)]
    all: bool,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: super::options::Format,
}

/// Prints the containers of all environments of this project.
pub(super) async fn run(context: &Context, arguments: &Arguments) -> Result<u8, Failure> {
    if arguments.all {
        return everywhere::run(context, arguments.format).await;
    }
    let workspace = open_lenient(context)?;
    let engine = context.engine(workspace.settings.engine.as_deref()).await?;
    let all = engine.containers(&workspace.project.labels()).await?;
    let mut containers = all.clone();
    containers.retain(|container| {
        let shown = [Kind::Web, Kind::Worker, Kind::Service, Kind::Mail];
        Kind::of(&container.labels).is_some_and(|kind| shown.contains(&kind))
            && (context.global.environment.is_none()
                || container.labels.get(LABEL_ENVIRONMENT) == Some(&workspace.environment.name))
    });
    containers.sort_by(|a, b| a.name.cmp(&b.name));
    let found = Found {
        endings: endings(context, &workspace, &engine, &containers).await?,
        addresses: workspace.entrance.addresses(),
        workspace: &workspace,
        all,
        containers,
    };
    if arguments.format == super::options::Format::Json {
        let text = upsun_local::json::pretty(&found.json());
        return context.print(&format!("{text}\n")).map(|()| 0);
    }
    if found.containers.is_empty() {
        context.talk(&format!(
            "No container of {} ({}) is up.\n",
            workspace.project.id,
            workspace.project.root.display()
        ));
        return Ok(0);
    }
    let mut text = super::table::aligned(&found.table(), true, true, context.out_style);
    if found.is_edited() {
        text.push_str("`dev` runs: the routes lead to the apps as they are edited\n");
    }
    let addresses = found.where_to_find();
    text.push_str(&addresses);
    context.print(&text)?;
    let machine = engine.other_machine().filter(|_| !addresses.is_empty());
    super::tunnel::say_where(context, &workspace, machine.as_deref());
    Ok(0)
}

/// By a container's id: a command that ends again and again, its exit code, and how often it ended.
type Endings = HashMap<String, (String, i64, u32)>;

/// What the engine has of a project.
struct Found<'a> {
    workspace: &'a Workspace,
    /// Every container.
    all: Vec<Container>,
    /// The containers to print, in order.
    containers: Vec<Container>,
    /// Where the environment that is asked about answers.
    addresses: Vec<Address>,
    endings: Endings,
}

impl Found<'_> {
    fn is_routed(&self, environment: &str) -> bool {
        self.all.iter().any(|container| {
            container.running
                && matches!(
                    Kind::of(&container.labels),
                    Some(Kind::Router | Kind::SyncedRouter)
                )
                && container.labels.get(LABEL_ENVIRONMENT).map(String::as_str) == Some(environment)
        })
    }

    fn is_edited(&self) -> bool {
        let mut all = self.all.iter();
        all.any(|found| found.running && Kind::of(&found.labels) == Some(Kind::Synced))
    }

    /// The URLs of a container, each with whether it leads there without any route.
    fn addresses(&self, container: &Container) -> Vec<(String, bool)> {
        let environment = label(container, LABEL_ENVIRONMENT);
        // Those of other environments have other ports.
        let here = environment == self.workspace.environment.name
            && !container.labels.contains_key(LABEL_WORKER)
            && self.is_routed(&environment);
        let title = title(container);
        let is_its_own = |address: &&Address| here && address.service.as_ref() == Some(&title);
        let own = self.addresses.iter().filter(is_its_own);
        let mail = self.workspace.mail_address(container).into_iter();
        own.map(|address| (address.url.clone(), address.direct))
            .chain(mail.map(|url| (url, false)))
            .collect()
    }

    fn state(&self, container: &Container) -> String {
        match self.endings.get(&container.id) {
            Some((command, code, times)) => {
                let again = if *times == 1 {
                    "once"
                } else {
                    "again and again"
                };
                format!("Up, but `{command}` ends {again}, with code {code}")
            }
            None => container.status.clone(),
        }
    }

    fn json(&self) -> Vec<serde_json::Value> {
        self.containers
            .iter()
            .map(|container| {
                json!({
                    "environment": label(container, LABEL_ENVIRONMENT),
                    "service": title(container),
                    "container": container.name,
                    "running": container.running,
                    "status": container.status,
                    "ended": self.endings.get(&container.id).map(|(command, code, times)| json!({
                        "command": command, "exit_code": code, "times": times,
                    })),
                    "build": label(container, LABEL_BUILD),
                    "urls": self.addresses(container).into_iter().map(|(url, _)| url).collect::<Vec<_>>(),
                })
            })
            .collect()
    }

    fn table(&self) -> Vec<Vec<String>> {
        let header = ["Environment", "Service", "Status", "Build", "Container"]
            .map(str::to_owned)
            .to_vec();
        let rows = self.containers.iter().map(|container| {
            vec![
                label(container, LABEL_ENVIRONMENT),
                title(container),
                self.state(container),
                label(container, LABEL_BUILD).chars().take(12).collect(),
                container.name.clone(),
            ]
        });
        std::iter::once(header).chain(rows).collect()
    }

    /// A line for each URL.
    fn where_to_find(&self) -> String {
        let mut text = String::new();
        for container in &self.containers {
            let environment = label(container, LABEL_ENVIRONMENT);
            for (url, is_direct) in self.addresses(container) {
                if Kind::of(&container.labels) == Some(Kind::Mail) {
                    text.push_str(&format!("\nThe mail of {environment} is at {url}\n"));
                } else {
                    let how = if is_direct { ", without any route" } else { "" };
                    text.push_str(&format!(
                        "\n{} of {environment} is at {url}{how}\n",
                        title(container)
                    ));
                }
            }
        }
        if self.is_routed(&self.workspace.environment.name) {
            for address in &self.addresses {
                if let Some(to) = &address.redirects_to {
                    let line = format!("\n{} redirects to {to}\n", address.url);
                    text.push_str(&safe(&line));
                }
            }
        }
        text
    }
}

fn label(container: &Container, name: &str) -> String {
    container.labels.get(name).cloned().unwrap_or_default()
}

/// What a container is called: its service, app or worker.
fn title(container: &Container) -> String {
    let app = match container.labels.get(LABEL_SERVICE) {
        Some(service) => service.clone(),
        None if Kind::of(&container.labels) == Some(Kind::Mail) => Kind::Mail.name().to_owned(),
        None => label(container, LABEL_APP),
    };
    container
        .labels
        .get(LABEL_WORKER)
        .map_or_else(|| app.clone(), |worker| format!("{app}--{worker}"))
}

/// The commands of apps and workers that end again and again, by their containers' ids.
async fn endings(
    context: &Context,
    workspace: &Workspace,
    engine: &impl Engine,
    containers: &[Container],
) -> Result<Endings, Failure> {
    let shutdown = context.shutdown()?;
    let listening = context.listen(false, &shutdown);
    let sandbox = workspace.sandbox(engine, &listening.events, &shutdown);
    let asked = containers
        .iter()
        .filter(|container| container.running && container.labels.contains_key(LABEL_APP))
        .map(|container| async {
            let ended = sandbox.keeps_ending(&container.id).await?;
            Some((container.id.clone(), ended))
        });
    let found = futures_util::future::join_all(asked).await;
    listening.finish(());
    Ok(found.into_iter().flatten().collect())
}
