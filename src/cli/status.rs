//! `status`: what is up.

mod everywhere;

use clap::Args;

use super::context::Context;
use super::opened::open_lenient;
use upsun_local::actions::status::{Found, Status, status};
use upsun_local::engine::Engine;
use upsun_local::failure::Failure;
use upsun_local::text::safe;

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
    let shutdown = context.shutdown()?;
    let listening = context.listen(false, &shutdown);
    let environment = context.global.environment.as_ref();
    let environment = environment.map(|_| workspace.environment.name.as_str());
    let found = status(
        &workspace,
        &engine,
        environment,
        &listening.events,
        &shutdown,
    )
    .await;
    listening.finish(());
    let found = found?;
    if arguments.format == super::options::Format::Json {
        let text = upsun_local::json::pretty(&found.containers);
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
    let mut text = super::table::aligned(&table(&found), true, true, context.out_style);
    if found.is_edited {
        text.push_str("`dev` runs: the routes lead to the apps as they are edited\n");
    }
    let addresses = where_to_find(&found);
    text.push_str(&addresses);
    context.print(&text)?;
    let machine = engine.other_machine().filter(|_| !addresses.is_empty());
    super::tunnel::say_where(context, &workspace, machine.as_deref());
    Ok(0)
}

fn state(container: &Status) -> String {
    match &container.ended {
        Some(ended) => {
            let again = if ended.times == 1 {
                "once"
            } else {
                "again and again"
            };
            let (command, code) = (&ended.command, ended.exit_code);
            format!("Up, but `{command}` ends {again}, with code {code}")
        }
        None => container.status.clone(),
    }
}

fn table(found: &Found) -> Vec<Vec<String>> {
    let header = ["Environment", "Service", "Status", "Build", "Container"]
        .map(str::to_owned)
        .to_vec();
    let rows = found.containers.iter().map(|container| {
        vec![
            container.environment.clone(),
            container.service.clone(),
            state(container),
            container.build.chars().take(12).collect(),
            container.container.clone(),
        ]
    });
    std::iter::once(header).chain(rows).collect()
}

/// A line for each URL.
fn where_to_find(found: &Found) -> String {
    let mut text = String::new();
    for container in &found.containers {
        let environment = &container.environment;
        let routed = container.urls.len() - container.direct_urls;
        for (at, url) in container.urls.iter().enumerate() {
            if container.is_mail {
                text.push_str(&format!("\nThe mail of {environment} is at {url}\n"));
            } else {
                let is_direct = at >= routed;
                let how = if is_direct { ", without any route" } else { "" };
                text.push_str(&format!(
                    "\n{} of {environment} is at {url}{how}\n",
                    container.service
                ));
            }
        }
    }
    for address in &found.redirects {
        if let Some(to) = &address.redirects_to {
            let line = format!("\n{} redirects to {to}\n", address.url);
            text.push_str(&safe(&line));
        }
    }
    text
}
