//! The repository that a command works on, as the command line and the process's environment say.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::context::Context;
use upsun_local::config::{self, Loaded};
use upsun_local::failure::{BAD_CONFIGURATION, Failure};
use upsun_local::text;
use upsun_local::workspace::{self, Workspace};

/// Opens the repository; a configuration with errors ends the command.
pub(super) fn open(context: &Context) -> Result<Arc<Workspace>, Failure> {
    opened(context, Workspace::open)
}

/// Opens it for builds: with `without_packages`, for builds without what earlier builds downloaded.
pub(super) fn open_for_builds(
    context: &Context,
    without_packages: bool,
) -> Result<Arc<Workspace>, Failure> {
    let mut workspace = open(context)?;
    if without_packages {
        Arc::make_mut(&mut workspace).keeps_packages = false;
    }
    Ok(workspace)
}

/// Opens the repository once more, after its configuration has changed.
pub(super) fn open_again(context: &Context) -> Result<Arc<Workspace>, Failure> {
    open(context)
}

/// The same, without a word about the errors.
pub(super) fn open_quietly(context: &Context) -> Result<Arc<Workspace>, Failure> {
    let workspace = Workspace::open(&root(context)?, &context.surroundings)?;
    context.secrets.set(workspace.secrets());
    Ok(Arc::new(workspace))
}

/// Opens it for what must work with a broken configuration too.
pub(super) fn open_lenient(context: &Context) -> Result<Arc<Workspace>, Failure> {
    opened(context, Workspace::open_lenient)
}

fn opened(
    context: &Context,
    open: fn(&Path, &workspace::Surroundings) -> Result<Workspace, workspace::Error>,
) -> Result<Arc<Workspace>, Failure> {
    let root = root(context)?;
    let workspace = open(&root, &context.surroundings).map_err(|err| match err {
        workspace::Error::Invalid(loaded) => refuse(context, &loaded),
        err => err.into(),
    })?;
    context.secrets.set(workspace.secrets());
    Ok(Arc::new(workspace))
}

/// The repository's root: the one that is named, or the nearest above the current directory.
pub(super) fn root(context: &Context) -> Result<PathBuf, Failure> {
    if let Some(dir) = &context.global.dir {
        if !dir.is_dir() {
            return Err(Failure::usage(format!(
                "`{}` is not a directory",
                dir.display()
            )));
        }
        return if dir.join(".upsun").is_dir() {
            Ok(dir.clone())
        } else {
            Err(Failure::usage(format!("there is no `.upsun/` in `{}`", dir.display()))
                .hint(old_format(dir).unwrap_or("`-C` takes the root of a repository that Upsun can deploy; see https://docs.upsun.com/create-apps.html")))
        };
    }
    let here = std::env::current_dir()
        .map_err(|err| Failure::usage(format!("the current directory is not there: {err}")))?;
    config::find_root(&here).ok_or_else(|| {
        Failure::usage(format!(
            "there is no `.upsun/` in `{}` or above it",
            here.display()
        ))
        .hint(
            here.ancestors()
                .find_map(old_format)
                .unwrap_or("go into a repository that Upsun can deploy, or name one with `-C`"),
        )
    })
}

/// What to say of a directory that is configured as Platform.sh has it.
fn old_format(dir: &Path) -> Option<&'static str> {
    let is_there = dir.join(".platform.app.yaml").is_file() || dir.join(".platform").is_dir();
    is_there.then_some(
        "`.platform.app.yaml` and `.platform/` are the format of Platform.sh: Upsun reads `.upsun/*.yaml`, and `upsun project:convert` writes one from the other",
    )
}

/// Says every error of a configuration; the failure that is left says how many there are.
pub(super) fn refuse(context: &Context, loaded: &Loaded) -> Failure {
    let count = say_errors(context, loaded);
    Failure::new(
        BAD_CONFIGURATION,
        format!("the configuration has {count}; Upsun would refuse it"),
    )
}

/// Says every error of a configuration, and returns how many there are, in words.
pub(super) fn say_errors(context: &Context, loaded: &Loaded) -> String {
    let errors = || loaded.problems.iter().filter(|problem| problem.is_error());
    for problem in errors() {
        context.talk(&format!("{}\n", render(context, loaded, problem)));
    }
    text::count(errors().count(), "error")
}

fn render(context: &Context, loaded: &Loaded, problem: &config::problem::Problem) -> String {
    let width = rustix::termios::tcgetwinsize(std::io::stderr())
        .map_or(80, |size| usize::from(size.ws_col).max(40));
    config::render::render(problem, &loaded.texts, context.style.color, width)
}
