//! `plan`: what a push does to each app, and why.
//!
//! The files at hand are what is pushed, as if all of them were committed.

mod text;

use clap::Args;

use super::against::{self, Base, Here, Which};
use super::context::Context;
use super::options::Format;
use upsun_local::comparison::pushed;
use upsun_local::failure::Failure;
use upsun_local::project::Project;
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
    pub push: pushed::Pushed,
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
        let push = pushed::Pushed::of(&base, &here.config, &tree)?;
        Ok(Pushed {
            here,
            base,
            push,
            tree,
        })
    }

    /// Whether a file at the repository's root differs, among those that Git would deploy.
    pub(super) fn has_changed(&self, file: &str) -> Result<bool, Failure> {
        match pushed::comparison(&self.base, &self.tree)? {
            Some(comparison) => Ok(comparison.changed("", "")?.iter().any(|path| path == file)),
            None => Ok(true),
        }
    }
}

/// Prints what a push does.
pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<u8, Failure> {
    let which = match &arguments.against {
        Some(name) => Which::Named(name),
        None => Which::Pushed,
    };
    let pushed = Pushed::of(context, which)?;
    let text = match arguments.format {
        Format::Json => {
            let document = pushed.push.json(&pushed.base);
            upsun_local::json::pretty(&document) + "\n"
        }
        Format::Text => text::text(&pushed, context.out_style),
    };
    context.print(&text)?;
    let is_changed = !pushed.push.changes.is_nothing();
    // The process ends here: it is not worth a tenth of its time to give back piece by piece what goes with it.
    std::mem::forget(pushed);
    Ok(u8::from(arguments.exit_code && is_changed))
}
