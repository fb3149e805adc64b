//! `doctor`: whether this machine and its engine can do the job, and what is only approximated.

mod report;
mod trial;

use super::opened::{open_lenient, open_quietly, root};
use clap::Args;
use serde_json::json;
use upsun_local::text;

use super::context::Context;
use upsun_local::engine::Engine;
use upsun_local::engine::docker::DockerEngine;
use upsun_local::engine::spec::EngineInfo;
use upsun_local::failure::{Failure, NO_ENGINE, USAGE};
use upsun_local::lifecycle::{self, EngineTrial, EngineTried};
use upsun_local::text::safe;
use upsun_local::workspace::Workspace;

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: super::options::Format,
    /// Print one text for a bug report instead: versions, names and the last activity, with values hidden
    #[arg(long, conflicts_with = "format")]
    report: bool,
}

/// Where the sandbox is known to differ from Upsun, in one place. What is listed here is not a bug.
const DIFFERENCES: &[(&str, &str)] = &[
    (
        "services",
        "services are their official images with small settings; only those that an app reaches are started; replicas are not",
    ),
    (
        "apps",
        "other apps of the environment are reached at all their ports, not only at that of their web server",
    ),
    (
        "routes",
        "routes answer by http at names below `localhost`; nothing is cached, and `tls` and `sticky` have no effect; during a deploy, requests wait for 15 seconds at most, and those with a body do not wait",
    ),
    (
        "crons",
        "crons run during `up --crons` only, one at a time for the whole environment; assumed: running one by hand takes a contributor",
    ),
    (
        "source ops",
        "assumed: running a source operation takes a contributor, as it pushes; `PLATFORM_SOURCE_DIR` is `/source`; nothing is built afterwards",
    ),
    (
        "mail",
        "mail is off, also in production; with `mail: true` in .upsun-local.yaml a Mailpit container takes and shows it",
    ),
    (
        "images",
        "containers are made from the official images of each runtime with Upsun's tools on top, not from Upsun's own images",
    ),
    (
        "runtime",
        "of `runtime`, only PHP's extensions are applied; those that an image cannot have are named when it is made",
    ),
    (
        "composable",
        "packages of a composable image come from Debian, under the same name where there is one",
    ),
    (
        "packages",
        "what package managers download during a build is kept outside the app, so the app has no `.npm` or `.cache/pip`; `--no-cache` builds without that",
    ),
    (
        "resources",
        "CPU and disk sizes are not limited; each container may take half of the engine's memory (`resources.memory` in .upsun-local.yaml), whatever its size on Upsun; `/tmp` holds 8 GB, but at most half of that; `instance` and `tmp` mounts have no 8 GB limit",
    ),
    (
        "network",
        "containers reach what this machine offers on all its addresses, not only on 127.0.0.1; a service also answers an app without the relationship that finds out its address; on Podman, containers whose image has no perl also reach other networks and link-local addresses",
    ),
    (
        "clients",
        "the clients of a database come from its service's image, so an app without a relationship to it has none; assumed: `psql` takes `<RELATIONSHIP>_URL`, whose scheme is `pgsql`",
    ),
    (
        "secret key",
        "assumed: `SECRET_KEY_BASE` of Ruby and Elixir apps is there at run time only; its value is made from `PLATFORM_PROJECT_ENTROPY`",
    ),
    (
        "tmp mounts",
        "a `tmp` mount is a volume emptied with each new container, not a folder that is also seen under /tmp",
    ),
    (
        "mounts",
        "an app and its workers share their `storage` mounts, as Upsun's page on workers says (its guide for Laravel says that they share none); an `instance` mount, which older configurations call `local`, belongs to one container",
    ),
    (
        "client's IP",
        "assumed: an app sees the router as its client (`REMOTE_ADDR`, Laravel's `request()->ip()`); the address of the real one is in `X-Client-IP` and `X-Forwarded-For`, for frameworks that trust the router as a proxy",
    ),
    (
        "operations",
        "assumed: operations run in dash without `set -e`, as hooks and crons are documented to",
    ),
    (
        "cancel",
        "assumed: a cancelled operation has 10 s to end, as crons are documented to",
    ),
    (
        "user",
        "assumed: everything runs as `web`, uid and gid 10000 (`user` in .upsun-local.yaml)",
    ),
    (
        "firewall",
        "`firewall.outbound` and `egress` are not applied",
    ),
    (
        "new keys",
        "`authorizations`, `image` and `container_profile` are accepted, and have no effect",
    ),
];

/// How far the text of a topic is indented.
const TOPIC: usize = 14;

/// The engine, and what it says of itself.
async fn connect(
    context: &Context,
    workspace: Option<&Workspace>,
) -> Result<(DockerEngine, EngineInfo), Failure> {
    let setting = workspace.and_then(|workspace| workspace.settings.engine.as_deref());
    let engine = context.engine(setting).await?;
    let info = engine.info().await?;
    Ok((engine, info))
}

/// Prints what a bug report can carry, also where much is wrong.
async fn report(context: &Context) -> Result<u8, Failure> {
    // All values that have to be hidden are only known of what can be read as a whole.
    let workspace = open_quietly(context).or_else(|_| open_lenient(context));
    let workspace = workspace.ok();
    let engine = connect(context, workspace.as_deref()).await;
    let engine = engine.map(|(_, info)| info);
    let root = root(context).ok();
    let seen = report::Seen {
        root: root.as_deref(),
        workspace: workspace.as_deref(),
        engine: engine.as_ref(),
    };
    context.print(&report::text(context, &seen))?;
    Ok(0)
}

/// Tries the engine, unless the user's state has no place.
async fn trial(
    context: &Context,
    workspace: Option<&Workspace>,
    engine: &DockerEngine,
    info: &EngineInfo,
) -> Result<EngineTried, Failure> {
    let shutdown = context.shutdown()?;
    let home = &context.surroundings.home;
    let no_state = |err: std::io::Error| Failure::no_state(&err);
    let given = EngineTrial {
        owner: &home.owner().map_err(no_state)?,
        state: home.state_dir().map_err(no_state)?.path,
        user: workspace
            .map(|workspace| workspace.settings.user)
            .unwrap_or_default(),
        is_local: trial::is_local(&info.address),
        shutdown: &shutdown,
    };
    let tried = lifecycle::try_engine(engine, &given).await;
    match shutdown.exit_code() {
        Some(code) => Err(Failure::new(
            code,
            "interrupted; the trial of the engine was removed",
        )),
        None => Ok(tried),
    }
}

/// Looks, tries the engine, and says what it found. Fails when no engine answers, or when it cannot do what operations
/// need.
pub(super) async fn run(context: &Context, arguments: &Arguments) -> Result<u8, Failure> {
    if arguments.report {
        return report(context).await;
    }
    let (workspace, failure) = match open_lenient(context) {
        Ok(workspace) => (Some(workspace), None),
        Err(failure) => (None, Some(failure)),
    };
    // From here on Ctrl-C ends the trial and removes what it made.
    context.shutdown()?;
    let (mut tried, mut packages) = (None, None);
    let engine = match connect(context, workspace.as_deref()).await {
        Ok((engine, info)) => {
            tried = Some(trial(context, workspace.as_deref(), &engine, &info).await?);
            if let Some(workspace) = &workspace {
                packages = lifecycle::packages_size(&engine, &workspace.project)
                    .await
                    .unwrap_or_default();
            }
            Ok(info)
        }
        Err(failure) => Err(failure),
    };
    let verdict = tried.as_ref().map_or(Ok(()), trial::verdict);
    if arguments.format == super::options::Format::Json {
        let document = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "engine": engine.as_ref().ok(),
            "engine_error": engine.as_ref().err().map(|failure| &failure.message),
            "trial": tried,
            "project": workspace.as_ref().map(|workspace| &workspace.project.id),
            "repository": workspace.as_ref().map(|workspace| &workspace.project.root),
            "state": workspace.as_ref().map(|workspace| &workspace.project.state_dir),
            "packages_bytes": packages,
            "differences": DIFFERENCES.iter().map(|(topic, text)| json!({ "topic": topic, "text": text })).collect::<Vec<_>>(),
        });
        let text = upsun_local::json::pretty(&document);
        context.print(&format!("{text}\n"))?;
        return Ok(match (engine, verdict) {
            (Err(_), _) => NO_ENGINE,
            (Ok(_), Err(failure)) => failure.code,
            (Ok(_), Ok(())) => 0,
        });
    }
    let strong = |text: &str| context.out_style.strong(text);
    let mut text = of_project(context, workspace.as_deref(), failure.as_ref());
    if let Ok(info) = &engine {
        text.push_str(&context.sentences(&of_engine(context, info), 2));
    }
    if let Some(tried) = &tried {
        text.push_str(&trial::text(context, tried));
    }
    if let Some(bytes) = packages {
        let kept = format!(
            "{} of packages and build caches are kept for builds; `upsun-local clean` removes them\n",
            text::bytes(bytes)
        );
        text.push_str(&context.sentences(&kept, 0));
    }
    text.push_str(&format!("{}\n", strong("known differences from Upsun")));
    for (topic, difference) in DIFFERENCES {
        let line = format!("  {topic:<11} {difference}\n");
        text.push_str(&context.sentences(&line, TOPIC));
    }
    context.print(&text)?;
    engine?;
    verdict.map(|()| 0)
}

/// The version, and the project where there is one.
fn of_project(
    context: &Context,
    workspace: Option<&Workspace>,
    failure: Option<&Failure>,
) -> String {
    let strong = |text: &str| context.out_style.strong(text);
    let mut text = format!("{} {}\n", strong("upsun-local"), env!("CARGO_PKG_VERSION"));
    if let Some(workspace) = workspace {
        text.push_str(&format!(
            "  project     {} ({})\n",
            workspace.project.id,
            workspace.project.root.display()
        ));
        text.push_str(&format!(
            "  environment {} ({})\n",
            workspace.environment.name, workspace.environment.kind
        ));
        text.push_str(&format!(
            "  state       {}\n",
            workspace.project.state_dir.display()
        ));
    } else {
        let why = match failure {
            Some(failure) if failure.code != USAGE => safe(&failure.message),
            _ => "no `.upsun/` in this directory or above it".to_owned(),
        };
        text.push_str(&format!("  project     none here ({why})\n"));
    }
    text
}

fn of_engine(context: &Context, info: &EngineInfo) -> String {
    format!(
        "{} {} {} at {}\n  API {}, {}, cgroup v{}, storage {}, {} processors, {} of memory{}\n",
        context.out_style.strong("engine"),
        info.name,
        info.version,
        info.address,
        info.api_version,
        info.platform,
        info.cgroup_version,
        info.storage,
        info.processors,
        text::bytes(info.memory),
        if info.rootless { ", rootless" } else { "" },
    )
}
