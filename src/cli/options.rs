//! Options that several commands take.

use std::num::NonZeroU8;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::context::Context;
use upsun_local::failure::Failure;
use upsun_local::lifecycle::Pull;
use upsun_local::roles::Actor;
use upsun_local::server::Caller;
use upsun_local::user_variables::UserVariables;
use upsun_local::workspace::{self, Workspace};

/// Which app, or which worker of it.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Target {
    /// Name of the app
    #[arg(short = 'A', long, value_name = "APP")]
    pub(super) app: Option<String>,
    /// Name of the worker of the app
    #[arg(long, value_name = "WORKER")]
    pub(super) worker: Option<String>,
}

impl Target {
    /// What it names.
    pub(super) fn named(&self) -> workspace::Target {
        workspace::Target {
            app: self.app.clone(),
            worker: self.worker.clone(),
        }
    }
}

/// Who runs something.
#[derive(Debug, Args)]
pub(super) struct Acting {
    /// Role to act under: `viewer`, `contributor`, `admin`, or `production:viewer,development:admin`
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// User to act as, one of `users` in .upsun-local.yaml
    #[arg(long = "as", value_name = "USER")]
    user: Option<String>,
}

impl Acting {
    /// Who that is.
    pub(super) fn actor(&self, workspace: &Workspace) -> Result<Actor, Failure> {
        Ok(workspace.actor(self.role.as_deref(), self.user.as_deref())?)
    }

    pub(super) fn is_given(&self) -> bool {
        self.role.is_some() || self.user.is_some()
    }

    /// Who that is to a server. `names_app` is whether the caller named the app.
    pub(super) fn caller(self, names_app: bool) -> Caller {
        Caller {
            role: self.role,
            user: self.user,
            names_app,
        }
    }
}

/// How something is run: what `run`, `cron run` and `source-operation run` have in common.
#[derive(Debug, Args)]
pub(super) struct Running {
    /// Set a variable for this run, such as `env:NAME=value`
    #[arg(long = "variable", value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// When to pull images from their registry
    #[arg(long, value_name = "WHEN", default_value = "missing")]
    pull: PullChoice,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: Format,
    /// Accepted as Upsun's CLI does: it always waits
    #[arg(long, hide = true)]
    wait: bool,
    /// Accepted as Upsun's CLI does, with a warning: it always waits
    #[arg(short = 'W', long, hide = true)]
    no_wait: bool,
}

impl Running {
    /// The variables for this run.
    pub(super) fn variables(&self, workspace: &Workspace) -> Result<UserVariables, Failure> {
        Ok(workspace.parse_variables(&self.variables)?)
    }

    /// When to ask the registry for images.
    pub(super) fn pull(&self) -> Pull {
        self.pull.into()
    }

    /// Whether one JSON document a line is wanted.
    pub(super) fn json(&self, context: &Context) -> bool {
        context.wants_json(self.format == Format::Json)
    }

    /// Says that `--no-wait` has no effect.
    pub(super) fn warn(&self, context: &Context) {
        if self.no_wait {
            context.talk(&format!(
                "{}: `--no-wait` has no effect: upsun-local always waits for operations\n",
                context.style.warning("warning")
            ));
        }
    }
}

/// Text for people or JSON for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Text for people
    Text,
    /// One JSON event per line; plans and lists as one document
    Json,
}

/// How to print a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ListFormat {
    /// A table for people
    Table,
    /// Comma-separated, as spreadsheets read it
    Csv,
    /// Tab-separated
    Tsv,
    /// Tab-separated without quoting
    Plain,
    /// A JSON document
    Json,
}

/// When to ask the registry for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum PullChoice {
    /// If the engine does not have the image
    Missing,
    /// Every time
    Always,
    /// Never
    Never,
}

impl From<PullChoice> for Pull {
    fn from(choice: PullChoice) -> Self {
        match choice {
            PullChoice::Missing => Pull::Missing,
            PullChoice::Always => Pull::Always,
            PullChoice::Never => Pull::Never,
        }
    }
}

/// How many of something may be done at once.
pub(super) fn at_once(text: &str) -> Result<NonZeroU8, String> {
    text.parse()
        .map_err(|_| format!("write a number from 1 to {}", NonZeroU8::MAX))
}

/// A time limit, in seconds.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let number = text
        .parse()
        .map_err(|_| "that is not a number".to_owned())?;
    Duration::try_from_secs_f64(number)
        .ok()
        .filter(|limit| !limit.is_zero())
        .ok_or_else(|| "it must be more than 0".to_owned())
}
