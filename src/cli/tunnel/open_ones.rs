//! The tunnels that are open: lists them, closes them, and shows what they lead to.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::counted;
use crate::cli::context::Context;
use crate::cli::lists;
use crate::cli::opened::open_lenient;
use crate::cli::options::Target;
use upsun_local::failure::{BUSY, Failure};
use upsun_local::text::container_name;
use upsun_local::tunnels::{Open, Record, Store, Tunnel};
use upsun_local::workspace::Workspace;

/// The tunnels that a command is about.
#[derive(Debug, Args)]
pub(in crate::cli) struct Choice {
    /// All tunnels of all projects, environments and apps
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    target: Target,
}

/// A column of `tunnel list`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Column {
    /// The port of this machine
    Port,
    /// The project's id
    Project,
    /// The environment
    Environment,
    /// The app, or `app--worker`
    App,
    /// The relationship
    Relationship,
    /// The address with its credentials
    Url,
}

/// Prints the tunnels.
pub(super) fn list(
    context: &Context,
    choice: &Choice,
    options: &lists::Options,
) -> Result<u8, Failure> {
    use Column::{App, Environment, Port, Project, Relationship, Url};
    let columns =
        options
            .columns()
            .choose(&[Port, Project, Environment, App, Relationship, Url])?;
    let chosen = chosen(context, choice)?;
    if chosen.is_empty() && !options.is_machine_readable() {
        say_none(context, choice);
        return Ok(0);
    }
    let rows = chosen.iter().flat_map(|open| {
        let tunnels = open.record.tunnels.iter();
        tunnels.map(|tunnel| row(&columns, &open.record, tunnel))
    });
    let titles: Vec<&str> = columns
        .iter()
        .map(|column| match column {
            Port => "Port",
            Project => "Project",
            Environment => "Environment",
            App => "App",
            Relationship => "Relationship",
            Url => "URL",
        })
        .collect();
    lists::print(context, options, &titles, rows.collect(), "tunnels")
}

fn row(columns: &[Column], record: &Record, tunnel: &Tunnel) -> Vec<String> {
    let cell = |column: &Column| match column {
        Column::Port => tunnel.port.to_string(),
        Column::Project => record.project.clone(),
        Column::Environment => record.environment.clone(),
        Column::App => record.app.clone().unwrap_or_default(),
        Column::Relationship => tunnel.name.clone(),
        Column::Url => tunnel.url.clone(),
    };
    columns.iter().map(cell).collect()
}

/// Closes the tunnels.
pub(super) async fn close(context: &Context, choice: &Choice) -> Result<u8, Failure> {
    let chosen = chosen(context, choice)?;
    if chosen.is_empty() {
        say_none(context, choice);
        return Ok(0);
    }
    let mut left = 0;
    for open in &chosen {
        if !open.close().await {
            left += open.record.tunnels.len();
            continue;
        }
        for tunnel in &open.record.tunnels {
            if !context.global.quiet {
                let name = upsun_local::text::safe_line(&tunnel.name);
                context.talk(&format!(
                    "Closed the tunnel to {name} at port {}\n",
                    tunnel.port
                ));
            }
        }
    }
    if left > 0 {
        return Err(
            Failure::new(BUSY, format!("{} did not close in time", counted(left)))
                .hint("try again; `upsun-local tunnel list` shows what is open"),
        );
    }
    Ok(0)
}

fn say_none(context: &Context, choice: &Choice) {
    if !context.global.quiet {
        let more = if choice.all {
            ""
        } else {
            "; `--all` means those of all projects"
        };
        context.talk(&format!("No tunnel is open{more}\n"));
    }
}

/// The tunnels of the environment, or of the app that is named, or all.
fn chosen(context: &Context, choice: &Choice) -> Result<Vec<Open>, Failure> {
    if choice.all {
        let state = context.surroundings.home.state_dir();
        let state = state.map_err(|err| Failure::no_state(&err))?;
        let stores = Store::everywhere(&state.path);
        return Ok(stores.iter().flat_map(Store::open).collect());
    }
    let workspace = open_lenient(context)?;
    Ok(of_environment(&workspace, &choice.target))
}

fn of_environment(workspace: &Workspace, target: &Target) -> Vec<Open> {
    let target = target.named();
    let title = target
        .app
        .map(|app| container_name(&app, target.worker.as_deref()));
    let mut open = Store::of(&workspace.project.state_dir).open();
    open.retain(|open| {
        open.record.environment == workspace.environment.name
            && (title.is_none() || open.record.app == title)
    });
    open
}

/// What `PLATFORM_RELATIONSHIPS` holds, with the addresses of the open tunnels.
pub(super) fn relationships(
    workspace: &Workspace,
    target: &Target,
) -> Result<Map<String, Value>, Failure> {
    let open = of_environment(workspace, target);
    let with_payloads: Vec<&Record> = open
        .iter()
        .map(|open| &open.record)
        .filter(|record| record.tunnels.iter().any(|tunnel| tunnel.payload.is_some()))
        .collect();
    let first = with_payloads.first().and_then(|record| record.app.as_ref());
    let others = with_payloads
        .iter()
        .filter_map(|record| record.app.as_ref())
        .filter(|app| Some(*app) != first);
    if let Some(other) = others.into_iter().next() {
        return Err(Failure::usage(format!(
            "tunnels of several apps are open: `{}`, `{other}`",
            first.map(String::as_str).unwrap_or_default()
        ))
        .hint("add `--app` with one of them"));
    }
    let tunnels = with_payloads.iter().flat_map(|record| &record.tunnels);
    let payloads = tunnels.filter_map(|tunnel| Some((&tunnel.name, tunnel.payload.as_ref()?)));
    Ok(payloads
        .map(|(name, payload)| (name.clone(), json!([payload])))
        .collect())
}
