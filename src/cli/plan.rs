//! `plan`: what a push does to each app, and why.
//!
//! The files at hand are what is pushed, as if all of them were committed.

mod text;

use clap::Args;
use serde_json::json;

use super::against::{self, Base, Here, Which};
use super::context::Context;
use super::options::Format;
use upsun_local::comparison::push::{Push, push};
use upsun_local::failure::Failure;
use upsun_local::project::Project;
use upsun_local::revision::Comparison;
use upsun_local::source::{self, Tree};

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Git revision that is deployed now: a branch, a tag or a commit [default: the last push that Git knows of]
    #[arg(long, value_name = "REF")]
    against: Option<String>,
    /// Exit with 1 if the push changes anything
    #[arg(long)]
    exit_code: bool,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// What a push does to what is deployed, and all that it was found from.
pub(super) struct Pushed {
    /// What is at hand.
    pub here: Here,
    /// What is deployed.
    pub base: Base,
    /// What becomes of it.
    pub changes: Push,
    /// Files of the working tree that are not committed, or that differ from the commit.
    uncommitted: Vec<String>,
    /// The files at hand.
    tree: Tree,
}

impl Pushed {
    /// Compares what is at hand with a commit.
    pub(super) fn of(context: &Context, which: Which<'_>) -> Result<Self, Failure> {
        let (here, base, tree) = against::both(context, which, |root, settings| {
            let project = Project::of(
                root,
                settings.project.as_deref(),
                &context.surroundings.home,
            );
            let state = project.map(|project| project.state_dir);
            let state = state.or_else(|_| {
                context
                    .surroundings
                    .home
                    .state_dir()
                    .map(|state| state.path)
            });
            // Without one, nothing is remembered of the files.
            let state = state.unwrap_or_else(|_| "/dev/null".into());
            source::scan(root, &state)
        })?;
        let tree: Tree = tree?;
        let comparison = comparison(&base, &tree)?;
        let mut changes: Push = push(&base.config, &here.config, |before, now| {
            comparison.as_ref().map_or_else(
                || Ok(Vec::new()),
                |comparison| comparison.changed(&before.source_root, &now.source_root),
            )
        })?;
        let mut uncommitted = Vec::new();
        if let Some(comparison) = &comparison {
            uncommitted = comparison.uncommitted()?;
            if !comparison.has_same_configuration()? {
                changes = changes.with_other_configuration_files(&here.config);
            }
        }
        drop(comparison);
        Ok(Pushed {
            here,
            base,
            changes,
            uncommitted,
            tree,
        })
    }

    /// Whether a file at the repository's root differs, among those that Git would deploy.
    pub(super) fn has_changed(&self, file: &str) -> Result<bool, Failure> {
        match comparison(&self.base, &self.tree)? {
            Some(comparison) => Ok(comparison.changed("", "")?.iter().any(|path| path == file)),
            None => Ok(true),
        }
    }
}

/// None before the first commit.
fn comparison<'a>(base: &'a Base, tree: &'a Tree) -> Result<Option<Comparison<'a>>, Failure> {
    let revision = base.revision.as_deref();
    Ok(revision
        .map(|revision| Comparison::new(revision, tree))
        .transpose()?)
}

/// Prints what a push does.
pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<u8, Failure> {
    let which = match &arguments.against {
        Some(name) => Which::Named(name),
        None => Which::Pushed,
    };
    let pushed = Pushed::of(context, which)?;
    let Pushed {
        base,
        changes,
        uncommitted,
        ..
    } = &pushed;
    let text = match arguments.format {
        Format::Json => {
            let document = json!({
                "against": base.json(),
                "uncommitted": uncommitted,
                "apps": changes.apps,
                "services": changes.services,
                "routes": changes.routes,
            });
            upsun_local::json::pretty(&document) + "\n"
        }
        Format::Text => text::text(&pushed, context.out_style),
    };
    context.print(&text)?;
    let is_changed = !changes.is_nothing();
    // The process ends here: it is not worth a tenth of its time to give back piece by piece what goes with it.
    std::mem::forget(pushed);
    Ok(u8::from(arguments.exit_code && is_changed))
}
