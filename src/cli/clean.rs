//! `clean`: removes everything that was made for this repository, or for any.

use std::path::Path;

use clap::Args;

use super::context::Context;
use super::down::{can_ask, confirm};
use super::opened::open_lenient;
use upsun_local::actions::{CleanTarget, clean};
use upsun_local::engine::docker::DockerEngine;
use upsun_local::failure::Failure;
use upsun_local::lifecycle::{self, Sandboxes};
use upsun_local::plan::Environment;
use upsun_local::text::{count, safe};

/// Arguments of `clean`.
#[derive(Debug, Args)]
#[command(
    after_help = "`--project ID` removes what was made for the project of that id, as `upsun-local status --all` names it, from any directory."
)]
pub(super) struct Arguments {
    /// Remove everything that you made on the engine, for all repositories
    #[arg(long)]
    all: bool,
    /// Remove what you made for repositories that no longer exist
    #[arg(long, conflicts_with = "all")]
    orphans: bool,
    /// Remove derived images of all repositories too, unless a container uses them
    #[arg(long)]
    images: bool,
}

/// Removes it, after a question.
pub(super) async fn run(context: &Context, arguments: &Arguments) -> Result<u8, Failure> {
    let word = context.global.project.as_deref();
    if word.is_some() && (arguments.all || arguments.orphans) {
        return Err(Failure::usage(
            "`--project` names one project, and `--all` and `--orphans` mean several",
        ));
    }
    if word.is_none() && !arguments.all && !arguments.orphans {
        return this_repository(context, arguments).await;
    }
    // The settings may say which engine; nothing else of the repository counts, if there is one.
    let workspace = open_lenient(context).ok();
    let setting = workspace.as_ref().and_then(|it| it.settings.engine.clone());
    let state = context.state_dir()?;
    let owner = context
        .surroundings
        .home
        .owner()
        .map_err(|err| Failure::no_state(&err))?;
    let engine = context.engine(setting.as_deref()).await?;
    let found = lifecycle::everywhere(&engine, false).await?;
    let chosen: Vec<&Sandboxes> = match word {
        Some(word) => vec![named(&found, word, &owner)?],
        None if arguments.all => found.iter().filter(|of| of.is_of(&owner)).collect(),
        None => found.iter().filter(|of| of.is_orphaned(&owner)).collect(),
    };
    let others = if arguments.all {
        found.len() - chosen.len()
    } else {
        0
    };
    if others > 0 && !context.global.quiet {
        context.talk(&format!(
            "What was not made by you on this machine stays: {}; `upsun-local status --all` lists it\n",
            count(others, "project")
        ));
    }
    if chosen.is_empty() && !arguments.images {
        if !context.global.quiet {
            context.talk("There is nothing to remove.\n");
        }
        return Ok(0);
    }
    confirm(context, &question(&chosen, &owner))?;
    let targets = chosen.iter().map(|of| target(of, &state)).collect();
    remove(context, &engine, targets, arguments.images).await
}

/// The one that a word means.
fn named<'a>(found: &'a [Sandboxes], word: &str, owner: &str) -> Result<&'a Sandboxes, Failure> {
    let exact = found.iter().find(|of| of.key == word);
    // An id is that of everybody who works on the project: it means one's own.
    let called = |of: &&Sandboxes| of.is_called(word) && (of.owner.is_none() || of.is_of(owner));
    let called: Vec<&Sandboxes> = found.iter().filter(called).collect();
    match (exact, called.as_slice()) {
        (Some(exact), _) => Ok(exact),
        (None, [only]) => Ok(only),
        (None, []) => Err(Failure::usage(format!(
            "nothing on the engine was made for a project `{word}`"
        ))
        .hint("`upsun-local status --all` lists all projects")),
        (None, several) => {
            let keys: Vec<&str> = several.iter().map(|of| of.key.as_str()).collect();
            Err(
                Failure::usage(format!("`{word}` is the project of several repositories"))
                    .hint(format!("name one of them: {}", keys.join(", "))),
            )
        }
    }
}

fn question(chosen: &[&Sandboxes], owner: &str) -> String {
    let lines: String = chosen
        .iter()
        .map(|of| {
            let gone = if of.is_missing() {
                ", which is gone"
            } else {
                ""
            };
            let foreign = if of.is_of(owner) {
                ""
            } else {
                ", not made by you on this machine"
            };
            let (key, repository) = (safe(&of.key), safe(&of.repository));
            format!("\n  {key} ({repository}{gone}{foreign})")
        })
        .collect();
    format!(
        "Delete containers, mount data, builds, caches and activities of {}?{lines}\n",
        count(chosen.len(), "project")
    )
}

fn target(of: &Sandboxes, state: &Path) -> CleanTarget {
    let mut names = of.environments.keys().filter(|name| !name.is_empty());
    CleanTarget {
        project: of.project(state),
        environment: Environment {
            name: names.next().cloned().unwrap_or_default(),
            kind: String::new(),
        },
    }
}

async fn this_repository(context: &Context, arguments: &Arguments) -> Result<u8, Failure> {
    let workspace = open_lenient(context)?;
    let question = format!(
        "Delete containers, mount data, builds and caches of `{}` in all environments?",
        workspace.project.id
    );
    if !can_ask() {
        // No engine is needed to say that.
        confirm(context, &question)?;
    }
    let engine = context.engine(workspace.settings.engine.as_deref()).await?;
    let found = lifecycle::everywhere(&engine, false).await?;
    let made_before = |of: &&Sandboxes| of.was_made_for(&workspace.project);
    let before: Vec<&Sandboxes> = found.iter().filter(made_before).collect();
    let lines: String = before
        .iter()
        .map(|of| {
            let (key, repository) = (safe(&of.key), safe(&of.repository));
            format!("\nWhat was made for this repository as {key} in {repository} goes with it.")
        })
        .collect();
    confirm(context, &format!("{question}{lines}"))?;
    let state = context.state_dir()?;
    let mut targets = vec![CleanTarget {
        project: workspace.project.clone(),
        environment: workspace.environment.clone(),
    }];
    targets.extend(before.iter().map(|of| target(of, &state)));
    remove(context, &engine, targets, arguments.images).await
}

/// Removes each environment whose lock is free.
async fn remove(
    context: &Context,
    engine: &DockerEngine,
    targets: Vec<CleanTarget>,
    images: bool,
) -> Result<u8, Failure> {
    let shutdown = context.shutdown()?;
    let listening = context.listen(false, &shutdown);
    let result = clean(engine, &listening.events, &shutdown, &targets, images).await;
    listening.finish(());
    if result? == 0 && !context.global.quiet {
        context.talk("Nothing was up.\n");
    }
    Ok(0)
}
