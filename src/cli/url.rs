//! `url`: the addresses at which the environment answers on this machine.

use clap::Args;

use super::browser;
use super::context::Context;
use super::opened::open;
use super::tunnel;
use upsun_local::failure::{BAD_CONFIGURATION, Failure};

/// Arguments of `url`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print only the address of the primary route
    #[arg(short = '1', long)]
    primary: bool,
    /// Print the addresses and nothing else, as is always done here
    #[arg(long, hide = true)]
    pipe: bool,
    /// Open the first address in this browser; `0` opens none
    #[arg(long, value_name = "BROWSER")]
    browser: Option<String>,
}

/// Prints the addresses, the primary one first.
pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<u8, Failure> {
    let workspace = open(context)?;
    let entrance = &workspace.entrance;
    let primary = entrance.primary().map(|route| route.url(entrance.port));
    let routes = entrance.routes.iter().map(|route| route.url(entrance.port));
    let mut urls: Vec<String> = primary.clone().into_iter().collect();
    if !arguments.primary {
        urls.extend(routes.filter(|url| primary.as_ref() != Some(url)));
    }
    let Some(first) = urls.first() else {
        return Err(Failure::new(
            BAD_CONFIGURATION,
            if arguments.primary {
                "there is no primary route"
            } else {
                "there is no route"
            },
        )
        .hint("see `upsun-local routes`"));
    };
    let machine = context.other_machine(workspace.settings.engine.as_deref());
    if arguments.browser.as_deref().is_some_and(|name| name != "0") {
        if machine.is_some() {
            tunnel::open_routes(context, &workspace)?;
        }
        browser::open(context, first);
    }
    let lines: String = urls.iter().map(|url| format!("{url}\n")).collect();
    context.print(&lines)?;
    tunnel::say_where(context, &workspace, machine.as_deref());
    Ok(0)
}
