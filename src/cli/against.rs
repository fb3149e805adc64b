//! The configuration at hand, and the one at a Git revision that it is compared with.

use std::path::{Path, PathBuf};

use super::context::Context;
use super::opened::{refuse, root, say_errors};
use upsun_local::config::{self, Config, Loaded};
use upsun_local::failure::{BAD_CONFIGURATION, Failure};
pub(super) use upsun_local::revision::base::{Base, Which};
use upsun_local::revision::base::{Opened, open};
use upsun_local::settings::Settings;
use upsun_local::workspace::settings;

/// What is at hand.
#[derive(Debug)]
pub(super) struct Here {
    /// The repository's root.
    pub root: PathBuf,
    /// `.upsun-local.yaml`.
    pub settings: Settings,
    /// The configuration.
    pub config: Config,
}

/// What is at hand, by itself.
pub(super) fn here(context: &Context) -> Result<Here, Failure> {
    let (root, settings) = place(context)?;
    let loaded = config::load_errors(&root);
    understood(context, root, settings, loaded)
}

/// The configuration of HEAD, as Upsun has it after a push; an empty one if there is no commit.
pub(super) fn committed(context: &Context, root: &Path) -> Result<Config, Failure> {
    let opened = open(root, Which::Named("HEAD"))?;
    told(context, opened)
        .map(|base| base.config)
        .map_err(|count| {
            Failure::new(
                BAD_CONFIGURATION,
                format!("the configuration at `HEAD` has {count}; Upsun would refuse it"),
            )
            .hint("commit a configuration that `upsun-local check` accepts")
        })
}

/// Reads both sides, and runs `beside` meanwhile.
pub(super) fn both<T: Send>(
    context: &Context,
    which: Which<'_>,
    beside: impl FnOnce(&Path, &Settings) -> T + Send,
) -> Result<(Here, Base, T), Failure> {
    let (root, settings) = place(context)?;
    let (loaded, beside, base) = std::thread::scope(|scope| {
        let loaded = scope.spawn(|| config::load_errors(&root));
        let beside = scope.spawn(|| beside(&root, &settings));
        let base = open(&root, which);
        (loaded.join(), beside.join(), base)
    });
    let gone = |_| Failure::fault("a worker thread panicked");
    let here = understood(context, root, settings, loaded.map_err(gone)?)?;
    Ok((here, finish(context, base?)?, beside.map_err(gone)?))
}

fn place(context: &Context) -> Result<(PathBuf, Settings), Failure> {
    let root = root(context)?;
    let root = root
        .canonicalize()
        .map_err(|err| Failure::usage(format!("{}: {err}", root.display())))?;
    let settings = settings::of(&root, &context.surroundings)?;
    Ok((root, settings))
}

fn understood(
    context: &Context,
    root: PathBuf,
    settings: Settings,
    loaded: Loaded,
) -> Result<Here, Failure> {
    match loaded.config {
        Some(config) => Ok(Here {
            root,
            settings,
            config,
        }),
        None => Err(refuse(context, &loaded)),
    }
}

/// The configuration of the other side.
fn finish(context: &Context, opened: Opened) -> Result<Base, Failure> {
    let name = opened.name();
    told(context, opened).map_err(|count| {
        Failure::new(
            BAD_CONFIGURATION,
            format!("the configuration at `{name}` has {count}, so Upsun cannot have deployed it"),
        )
        .hint("compare with the commit that is deployed: `--against <ref>`")
    })
}

/// The configuration of a commit. Its errors are printed with their lines in the files of the commit; the error
/// value is their number in words.
fn told(context: &Context, opened: Opened) -> Result<Base, String> {
    let base = opened.base();
    base.map_err(|loaded| say_errors(context, &loaded))
}
