//! `tunnel open|list|close|single|info`: ports of this machine that lead to the services of an app, and to the routes
//! if the engine is on another machine.

mod background;
mod open_ones;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::{Args, Subcommand};

use self::open_ones::Choice;
use super::config::Format;
use super::context::{Context, Hearing};
use super::lists;
use super::opened::{open, open_lenient};
use super::options::{Acting, Target};
use super::relationships::print;
use upsun_local::actions::tunnel::{Opened, Request, Wanted};
use upsun_local::config::document::Document;
use upsun_local::failure::{BUSY, Failure};
use upsun_local::text::{count, quote};
use upsun_local::tunnels::{ROUTES, Store, Tunnel};
use upsun_local::workspace::Workspace;
use upsun_local::workspace::permission::permit;

/// What to do with tunnels.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Open tunnels to all relationships of an app, in the background
    Open(OpenArguments),
    /// List the open tunnels
    List(ListArguments),
    /// Close tunnels
    Close(CloseArguments),
    /// Open a tunnel to one relationship, until Ctrl-C
    Single(SingleArguments),
    /// Show the relationships with the addresses of the open tunnels
    Info(InfoArguments),
    /// Keep tunnels open: what `tunnel open` runs in the background
    #[command(hide = true)]
    Serve(ServeArguments),
}

/// Arguments of `tunnel open`.
#[derive(Debug, Args)]
pub(super) struct OpenArguments {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    acting: Acting,
    /// Allow other machines to connect to the ports
    #[arg(short, long)]
    gateway_ports: bool,
}

/// Arguments of `tunnel serve`.
#[derive(Debug, Args)]
pub(super) struct ServeArguments {
    #[command(flatten)]
    open: OpenArguments,
    /// Open only the tunnels to the routes
    #[arg(long)]
    routes: bool,
}

/// Arguments of `tunnel single`.
#[derive(Debug, Args)]
pub(super) struct SingleArguments {
    #[command(flatten)]
    open: OpenArguments,
    /// Relationship to connect to [default: the only one]
    #[arg(short, long, value_name = "RELATIONSHIP")]
    relationship: Option<String>,
    /// Port of this machine [default: the first free one from 30000 on]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
}

/// Arguments of `tunnel list`.
#[derive(Debug, Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    options: lists::Options,
}

/// Arguments of `tunnel close`.
#[derive(Debug, Args)]
pub(super) struct CloseArguments {
    #[command(flatten)]
    choice: Choice,
}

/// Arguments of `tunnel info`.
#[derive(Debug, Args)]
pub(super) struct InfoArguments {
    #[command(flatten)]
    target: Target,
    /// Print only the value at this path of keys, such as `database.0.port`
    #[arg(short = 'P', long, value_name = "PROPERTY", conflicts_with = "encode")]
    property: Option<String>,
    /// Print base64-encoded JSON, as `PLATFORM_RELATIONSHIPS` holds it
    #[arg(short = 'c', long)]
    encode: bool,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "yaml")]
    format: Format,
}

/// Does it.
pub(super) async fn run(context: &Context, command: Command) -> Result<u8, Failure> {
    match command {
        Command::Open(arguments) => open_all(context, &arguments).await,
        Command::List(arguments) => open_ones::list(context, &arguments.choice, &arguments.options),
        Command::Close(arguments) => open_ones::close(context, &arguments.choice).await,
        Command::Single(arguments) => single(context, arguments).await,
        Command::Info(arguments) => info(context, &arguments),
        Command::Serve(arguments) => background::serve(context, &arguments).await,
    }
}

/// Opens the tunnels in a process of their own, after the app is up.
async fn open_all(context: &Context, arguments: &OpenArguments) -> Result<u8, Failure> {
    let workspace = open(context)?;
    let (app, worker) = workspace.target(&arguments.target.named())?;
    refuse(&workspace, arguments)?;
    let worker = worker.map(|worker| worker.name.as_str());
    let (actions, listening) = context.actions(&workspace, Hearing::default()).await?;
    let result = actions.ensure_up(app, worker).await;
    listening.finish(actions);
    result?;
    let mut words = vec!["--app".to_owned(), app.name.clone()];
    words.extend(worker.iter().map(|worker| format!("--worker={worker}")));
    if arguments.gateway_ports {
        words.push("--gateway-ports".to_owned());
    }
    let opened = background::start(context, &workspace, &words)?;
    tell(context, &opened);
    if context.global.quiet || opened.opened.is_empty() {
        return Ok(0);
    }
    let has_services = |tunnel: &Tunnel| tunnel.payload.is_some();
    let program = match &context.global.environment {
        Some(name) => format!("upsun-local -e {}", quote(name)),
        None => "upsun-local".to_owned(),
    };
    let mut text = format!(
        "\nList tunnels with `{program} tunnel list`, close them with `{program} tunnel close`\n"
    );
    if opened.opened.iter().any(has_services) {
        text.push_str(&format!("Give them to a program on this machine with:\n  export PLATFORM_RELATIONSHIPS=\"$({program} tunnel info --encode)\"\n"));
    }
    context.talk(&text);
    Ok(0)
}

async fn single(context: &Context, arguments: SingleArguments) -> Result<u8, Failure> {
    let workspace = open(context)?;
    refuse(&workspace, &arguments.open)?;
    let request = Request {
        wanted: Wanted::One {
            target: arguments.open.target.named(),
            relationship: arguments.relationship,
            port: arguments.port,
        },
        is_public: arguments.open.gateway_ports,
    };
    let (actions, listening) = context.actions(&workspace, Hearing::default()).await?;
    let mut is_open_already = false;
    let result = actions
        .tunnel(&request, |opened| {
            is_open_already = opened.opened.is_empty();
            tell(context, opened);
            if !is_open_already && !context.global.quiet {
                context.talk("\nCtrl-C closes the tunnel\n");
            }
        })
        .await;
    let shutdown = listening.finish(actions);
    result?;
    Ok(shutdown.exit_code().unwrap_or_default())
}

/// Refuses tunnels to a role that may not open a shell: on Upsun, a tunnel goes through SSH.
fn refuse(workspace: &Workspace, arguments: &OpenArguments) -> Result<(), Failure> {
    let (app, worker) = workspace.target(&arguments.target.named())?;
    let needed = worker.map_or(app.ssh, |worker| worker.ssh);
    let actor = arguments.acting.actor(workspace)?;
    let denied = permit(&actor, needed, &format!("open a tunnel to `{}`", app.name));
    Ok(denied.map_err(|err| {
        err.hint(format!(
            "try `--role {needed}`; `access.ssh` of the app decides"
        ))
    })?)
}

/// Prints the addresses of tunnels.
fn tell(context: &Context, opened: &Opened) {
    if context.global.quiet {
        return;
    }
    let line = |how: &str, tunnel: &Tunnel| {
        let name = upsun_local::text::safe_line(&tunnel.name);
        let url = upsun_local::text::safe_line(&tunnel.url);
        context.talk_as_it_is(&format!("{how} to {name} at: {url}\n"));
    };
    for tunnel in &opened.already {
        line("A tunnel is already open", tunnel);
    }
    for tunnel in &opened.opened {
        line("Tunnel opened", tunnel);
    }
}

fn info(context: &Context, arguments: &InfoArguments) -> Result<u8, Failure> {
    let workspace = open_lenient(context)?;
    let relationships = open_ones::relationships(&workspace, &arguments.target)?;
    if relationships.is_empty() {
        return Err(Failure::new(BUSY, "no tunnel to a relationship is open")
            .hint("`upsun-local tunnel open` opens tunnels to all relationships of an app"));
    }
    let relationships = serde_json::Value::Object(relationships);
    if arguments.encode {
        let text = BASE64_STANDARD.encode(relationships.to_string());
        return context.print(&format!("{text}\n")).map(|()| 0);
    }
    let whole = Document::from(relationships);
    print(
        context,
        whole,
        arguments.property.as_deref(),
        arguments.format,
    )
}

/// Opens tunnels in the background to the routes of an engine on another machine.
pub(super) fn open_routes(context: &Context, workspace: &Workspace) -> Result<(), Failure> {
    let opened = background::start(context, workspace, &["--routes".to_owned()])?;
    tell(context, &opened);
    Ok(())
}

/// Says that the printed addresses do not answer on this machine, unless they do.
pub(super) fn say_where(context: &Context, workspace: &Workspace, machine: Option<&str>) {
    let Some(machine) = machine.filter(|_| !context.global.quiet) else {
        return;
    };
    let store = Store::of(&workspace.project.state_dir);
    if store.leads_to(&workspace.environment.name, ROUTES) {
        return;
    }
    context.talk(&format!(
        "The addresses answer on {}, where the engine is; `upsun-local tunnel open` makes them answer here too\n",
        upsun_local::text::safe_line(machine)
    ));
}

/// `3 tunnels`.
fn counted(number: usize) -> String {
    count(number, "tunnel")
}
