//! The engines that the tests are spread over.

use std::sync::Arc;

use super::super::context::Context;
use upsun_local::actions::suite::Named;
use upsun_local::engine::docker::DockerEngine;
use upsun_local::failure::Failure;
use upsun_local::suite::EngineUse;
use upsun_local::workspace::Workspace;

/// The engines that answer.
pub(super) struct Connected {
    pub(super) first: Arc<DockerEngine>,
    /// All of them with their names, if the user named several.
    pub(super) all: Vec<Named<DockerEngine>>,
    /// Those that do not answer.
    pub(super) lost: Vec<EngineUse>,
}

/// The names of several engines: those of `--engine`, or else those of the settings. Empty if there is only one.
pub(super) fn names<'a>(context: &'a Context, workspace: &'a Workspace) -> &'a [String] {
    let named = context.global.engines.as_slice();
    let names = if named.is_empty() {
        workspace.settings.engines.as_slice()
    } else {
        named
    };
    if names.len() > 1 { names } else { &[] }
}

/// Refuses several engines for the apps as they are edited: those are on one engine.
pub(super) fn permit(engines: &[String], synced: bool) -> Result<(), Failure> {
    if !synced || engines.is_empty() {
        return Ok(());
    }
    let failure = Failure::usage("`--synced` works on the engine of `upsun-local dev` only");
    Err(failure.hint("give `--engine` once"))
}

/// Connects to the engines. One that does not answer is left out, as long as another one answers.
pub(super) async fn connect(
    context: &Context,
    workspace: &Workspace,
) -> Result<Connected, Failure> {
    let names = names(context, workspace);
    if names.is_empty() {
        let settings = &workspace.settings;
        let setting = settings.engines.first().or(settings.engine.as_ref());
        let first = Arc::new(context.engine(setting.map(String::as_str)).await?);
        return Ok(Connected {
            first,
            all: Vec::new(),
            lost: Vec::new(),
        });
    }
    let connecting = names.iter().map(|name| context.engine_of(Some(name)));
    let (mut all, mut failures) = (Vec::new(), Vec::new());
    for (name, connected) in names
        .iter()
        .zip(futures_util::future::join_all(connecting).await)
    {
        match connected {
            Ok(engine) => all.push(Named {
                name: name.clone(),
                engine: Arc::new(engine),
            }),
            Err(failure) => failures.push((name, failure)),
        }
    }
    let Some(first) = all.first().map(|named| Arc::clone(&named.engine)) else {
        let messages: Vec<String> = failures
            .iter()
            .map(|(name, failure)| format!("`{name}`: {}", failure.message))
            .collect();
        let failure = failures.pop().map(|(_, failure)| failure);
        let failure = failure.unwrap_or_else(|| Failure::fault("no engine is named"));
        return Err(Failure {
            message: messages.join("\n       "),
            ..failure
        });
    };
    let lost = failures.into_iter().map(|(name, failure)| {
        context.talk(&format!(
            "{}: the engine `{name}` does no tests: {}\n",
            context.style.warning("warning"),
            failure.message
        ));
        EngineUse {
            name: name.clone(),
            tests: 0,
            lost: Some(failure.message),
        }
    });
    let lost = lost.collect();
    Ok(Connected { first, all, lost })
}
