//! The repository a command works on: its configuration, settings, project and environment, and the
//! plans made from them.

mod connections;
mod container_variables;
mod crons;
pub mod entrance;
mod error;
mod mail;
mod operations;
pub mod permission;
mod planning;
mod secrets;
pub mod settings;
mod snapshots;
mod source_operations;
mod surroundings;
mod target;
mod warnings;

use std::path::Path;
use std::sync::Arc;

pub use self::error::{Error, Kind};
pub use self::operations::{Found, Target, all_operations, find, operations};
pub use self::snapshots::NotUndone;
pub use self::source_operations::{SourceOperation, source_operations, source_operations_of};
pub use self::surroundings::{Surroundings, Variables};
pub use self::target::find_app;
pub use self::warnings::Running;
use self::warnings::Warning;
use crate::config::{self, Config};
use crate::engine::Engine;
use crate::engine::spec::MemoryLimit;
use crate::event::Events;
use crate::images::{self, Certificates};
use crate::lifecycle::Sandbox;
use crate::plan::{self, Environment, User};
use crate::project::Project;
use crate::roles::EnvironmentType;
use crate::routes::{self, Entrance};
use crate::settings::Settings;
use crate::shutdown::Shutdown;
use crate::source::{self, Tree};
use crate::user_variables::UserVariables;

/// The environment's name unless one is given.
const ENVIRONMENT: &str = "local";

/// Everything about a repository that commands start from.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// The configuration.
    pub config: Config,
    /// Warnings about the configuration, with hints.
    warnings: Vec<Warning>,
    /// `.upsun-local.yaml`.
    pub settings: Settings,
    pub project: Project,
    pub environment: Environment,
    /// The environment's type.
    pub environment_type: EnvironmentType,
    /// Variables of the environment: those of the settings, and under them those of `env_file`.
    environment_variables: UserVariables,
    /// CA certificates of this machine that containers need.
    certificates: Option<Certificates>,
    /// The proxy of this machine or of the settings.
    pub proxy: images::Proxy,
    /// The routes and where they answer.
    pub entrance: Entrance,
    /// The branch that is checked out, if one is.
    branch: Option<String>,
    /// `UPSUN_LOCAL_ROLE`: who acts when nothing else says it.
    default_role: Option<String>,
    /// Whether builds keep the packages that they download for the next build.
    pub keeps_packages: bool,
    /// The id of the project in the API of a server for several projects: two may have the same id otherwise.
    pub served_as: Option<String>,
}

impl Workspace {
    /// Opens a repository; fails if its configuration has errors.
    pub fn open(root: &Path, surroundings: &Surroundings) -> Result<Self, Error> {
        Self::read(root, surroundings, false).inspect(Self::log)
    }

    /// Opens a repository for commands that must work with a broken configuration too.
    pub fn open_lenient(root: &Path, surroundings: &Surroundings) -> Result<Self, Error> {
        Self::read(root, surroundings, true).inspect(Self::log)
    }

    fn log(&self) {
        tracing::debug!(
            project = self.project.id,
            root = %self.project.root.display(),
            state = %self.project.state_dir.display(),
            environment = self.environment.name,
            kind = self.environment.kind,
            branch = self.branch,
            "the repository is read"
        );
    }

    fn read(root: &Path, surroundings: &Surroundings, lenient: bool) -> Result<Self, Error> {
        let mut settings = if lenient {
            settings::of_lenient(root, surroundings)?
        } else {
            settings::of(root, surroundings)?
        };
        let project = Project::of(root, settings.project.as_deref(), &surroundings.home)?;
        let loaded = config::load_ignoring(&project.root, &settings.check.ignore);
        let mut warnings = warnings::of(&loaded);
        if let Some(warning) = surroundings.home.state_dir().ok().and_then(|it| it.warning) {
            let hint = "`XDG_STATE_HOME` can name another directory".to_owned();
            warnings.insert(0, Warning::general(warning, Some(hint)));
        }
        let config = match loaded.config {
            Some(config) => config,
            None if lenient => Config::default(),
            None => return Err(Error::Invalid(Box::new(loaded))),
        };
        if !lenient {
            settings::check_names(&settings, &config)?;
        }
        let name = surroundings
            .environment
            .clone()
            .or_else(|| settings.environment.name.clone())
            .unwrap_or_else(|| ENVIRONMENT.to_owned());
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            return Err(Error::request(
                "the environment's name is empty or not printable",
            ));
        }
        let environment_type = surroundings
            .environment_type
            .or(settings.environment.r#type)
            .unwrap_or_default();
        let environment = Environment {
            name,
            kind: environment_type.to_string(),
        };
        let environment_variables =
            settings::user_variables(&project, &environment.name, &mut settings, lenient)?;
        let proxy = images::Proxy::find(&settings.proxy, |name| surroundings.variables.get(name));
        if proxy.has_lost_credentials() {
            let (message, hint) = settings::without_credentials(surroundings);
            warnings.push(Warning::general(message, hint));
        }
        let certificates = if lenient {
            None
        } else {
            settings::find_certificates(&project.root, &settings, &surroundings.variables)?
        };
        let port = entrance::port(
            &settings,
            &project,
            &environment.name,
            &surroundings.variables,
        )?;
        let entrance = routes::resolve(&config, &project.id, port);
        let branch = source::branch(&project.root);
        Ok(Workspace {
            config,
            warnings,
            settings,
            project,
            environment,
            environment_type,
            environment_variables,
            certificates,
            proxy,
            entrance,
            branch,
            default_role: surroundings.variables.get("UPSUN_LOCAL_ROLE"),
            keeps_packages: true,
            served_as: None,
        })
    }

    /// The repository's files, through the stat cache.
    pub fn scan(&self) -> Result<Arc<Tree>, Error> {
        Ok(Arc::new(source::scan(
            &self.project.root,
            &self.project.state_dir,
        )?))
    }

    /// Emits the warnings before anything is built or started.
    pub async fn warn(&self, events: &Events, tree: &Tree, running: Running<'_>) {
        warnings::tell(&self.warnings, running, events).await;
        for note in tree.notes() {
            events.warn(note, None).await;
        }
        for skipped in tree.skipped() {
            let path = skipped.path.display().to_string();
            events
                .warn(format!("`{path}` is left out: {}", skipped.reason), None)
                .await;
        }
    }

    /// The environment on an engine.
    pub fn sandbox<'a, E: Engine>(
        &'a self,
        engine: &'a E,
        events: &'a Events,
        shutdown: &'a Shutdown,
    ) -> Sandbox<'a, E> {
        Sandbox {
            engine,
            project: &self.project,
            environment: &self.environment,
            events,
            shutdown,
            foreign: &self.settings.foreign_images,
        }
    }

    /// `PLATFORM_BRANCH`: without a branch that is checked out it is what the environment is called.
    fn branch(&self) -> &str {
        self.branch.as_deref().unwrap_or(&self.environment.name)
    }

    /// The user that everything of an app runs as.
    pub fn user(&self) -> User {
        self.settings.user
    }

    /// What each container may take.
    pub fn resources(&self) -> plan::Resources {
        let settings = self.settings.resources;
        let default = plan::Resources::default();
        plan::Resources {
            memory: settings.memory.map_or(default.memory, MemoryLimit::Bytes),
            tmp: settings.tmp.unwrap_or(default.tmp),
        }
    }
}
