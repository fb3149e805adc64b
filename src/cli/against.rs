//! The configuration at hand, and the one at a Git revision that it is compared with.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::context::Context;
use super::opened::{refuse, root, say_errors};
use upsun_local::config::{self, Config, Loaded};
use upsun_local::failure::{BAD_CONFIGURATION, Failure};
use upsun_local::revision::{self, Revision};
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

/// What it is compared with.
#[derive(Debug)]
pub(super) struct Base {
    /// The commit; none before the first one.
    pub revision: Option<Rc<Revision>>,
    /// The configuration of the commit: empty if there was none yet.
    pub config: Config,
    /// Whether there was any.
    pub is_configured: bool,
    /// Whether it was taken for what is deployed because nothing is known of a push.
    pub is_assumed: bool,
}

impl Base {
    /// The name of the commit, with its id where the name is not it.
    pub(super) fn title(&self) -> String {
        match &self.revision {
            Some(revision) if revision.commit.starts_with(&revision.name) => {
                format!("`{}`", revision.short())
            }
            Some(revision) => format!("`{}` ({})", revision.name, revision.short()),
            None => "nothing: there is no commit yet".to_owned(),
        }
    }

    /// Name and id for programs; `null` before the first commit.
    pub(super) fn json(&self) -> serde_json::Value {
        self.revision.as_ref().map_or_else(
            || serde_json::Value::Null,
            |revision| {
                serde_json::json!({
                    "ref": revision.name,
                    "commit": revision.commit,
                    "configured": self.is_configured,
                    "assumed": self.is_assumed,
                })
            },
        )
    }
}

/// Which commit to compare with.
#[derive(Debug, Clone, Copy)]
pub(super) enum Which<'a> {
    /// The one of this name.
    Named(&'a str),
    /// The one that was pushed last, as far as Git knows: that of `@{push}`, of `@{upstream}`, the branch on the
    /// remote or the remote's main one, or else `HEAD`.
    Pushed,
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

/// A commit and what was read of it; nothing where it has no configuration.
struct Opened {
    revision: Option<Rc<Revision>>,
    loaded: Option<Loaded>,
    is_assumed: bool,
}

/// What was pushed last.
fn pushed(root: &Path) -> Result<Option<Revision>, revision::Error> {
    let named = |name: &str| Revision::open(root, name).map(Some);
    let candidates: [&dyn Fn() -> Result<Option<Revision>, revision::Error>; 4] = [
        &|| named("@{push}"),
        &|| named("@{upstream}"),
        &|| revision::of_remote(root),
        &|| named("HEAD"),
    ];
    for candidate in candidates {
        match candidate() {
            Ok(None) | Err(revision::Error::Unknown { .. }) => {}
            found => return found,
        }
    }
    Ok(None)
}

fn open(root: &Path, which: Which<'_>) -> Result<Opened, Failure> {
    let revision = match which {
        Which::Named(name) => Some(Revision::named(root, name)?),
        Which::Pushed => pushed(root)?,
    };
    let is_head = |revision: &Revision| revision.name == "HEAD";
    let is_assumed = matches!(which, Which::Pushed) && revision.as_ref().is_some_and(is_head);
    let Some(revision) = revision.map(Rc::new) else {
        return Ok(Opened {
            revision: None,
            loaded: None,
            is_assumed,
        });
    };
    let loaded = if revision.is_configured()? {
        Some(config::load_files(revision.clone()))
    } else {
        None
    };
    Ok(Opened {
        revision: Some(revision),
        loaded,
        is_assumed,
    })
}

/// The configuration of the other side.
fn finish(context: &Context, opened: Opened) -> Result<Base, Failure> {
    let name = opened.revision.as_ref();
    let name = name.map_or_else(String::new, |revision| revision.name.clone());
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
    let Opened {
        revision,
        loaded,
        is_assumed,
    } = opened;
    let is_configured = loaded.is_some();
    let mut loaded = loaded.unwrap_or_else(|| Loaded {
        config: Some(Config::default()),
        ..Loaded::default()
    });
    if let Some(config) = loaded.config.take() {
        return Ok(Base {
            revision,
            config,
            is_configured,
            is_assumed,
        });
    }
    let name = revision.map_or_else(String::new, |revision| revision.name.clone());
    Err(say_errors(context, &loaded.named_at(&name)))
}
