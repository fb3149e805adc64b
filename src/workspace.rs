//! The repository a command works on: its configuration, settings, project and environment, and the
//! plans made from them.

mod connections;
mod crons;
pub mod entrance;
mod error;
mod mail;
mod operations;
pub mod permission;
mod secrets;
pub mod settings;
mod snapshots;
mod source_operations;
mod surroundings;
mod warnings;

use crate::layout;
use crate::user_variables;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

pub use self::error::{Error, Kind};
pub use self::operations::{Found, Target, all_operations, find, operations};
pub use self::snapshots::NotUndone;
pub use self::source_operations::{SourceOperation, source_operations, source_operations_of};
pub use self::surroundings::{Surroundings, Variables};
pub use self::warnings::Running;
use self::warnings::Warning;
use crate::config::app::{App, Worker};
use crate::config::{self, Config};
use crate::engine::Engine;
use crate::engine::spec::{Container, MemoryLimit};
use crate::event::Events;
use crate::images::{self, Certificates, Recipe};
use crate::lifecycle::Sandbox;
use crate::php_ini;
use crate::plan::{self, AppPlan, ContainerPlan, Environment, User};
use crate::project::Project;
use crate::roles::EnvironmentType;
use crate::routes::{self, Entrance};
use crate::settings::Settings;
use crate::shutdown::Shutdown;
use crate::source::{self, Tree};
use crate::suggestion::nearest;
use crate::text::container_name;
use crate::user_variables::{UserVariable, UserVariables};
use crate::variables::{self, Origin, Phase, Variable};

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
}

impl Workspace {
    /// Opens a repository; fails if its configuration has errors.
    pub fn open(root: &Path, surroundings: &Surroundings) -> Result<Self, Error> {
        Self::read(root, surroundings, false)
    }

    /// Opens a repository for commands that must work with a broken configuration too.
    pub fn open_lenient(root: &Path, surroundings: &Surroundings) -> Result<Self, Error> {
        Self::read(root, surroundings, true)
    }

    fn read(root: &Path, surroundings: &Surroundings, lenient: bool) -> Result<Self, Error> {
        let settings = if lenient {
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
        // Commands that tidy up need no variables.
        let mut environment_variables = if lenient {
            UserVariables::new()
        } else {
            settings::read_env_file(&project.root, &settings)?
        };
        environment_variables.extend(settings.variables.environment.clone());
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
        User {
            uid: self.settings.user.uid,
            gid: self.settings.user.gid,
        }
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

    /// Plans an app.
    pub fn plan(
        &self,
        app: &App,
        tree: &Tree,
        command_line: &UserVariables,
    ) -> Result<(AppPlan, Recipe), Error> {
        let id = tree.id(&app.source_root).ok_or_else(|| {
            Error::configuration(format!(
                "`source.root` of `{}` holds no file that Git would deploy: `{}`",
                app.name, app.source_root
            ))
            .hint("check that the directory exists and is not in .gitignore")
        })?;
        let tree_id = id.to_string();
        let build_tree = tree.build_id(&app.source_root).unwrap_or(id).to_string();
        let recipe = self.recipe(app)?;
        let has_file = |name: &str| {
            let path = if app.source_root.is_empty() {
                name.to_owned()
            } else {
                format!("{}/{name}", app.source_root)
            };
            tree.has(&path)
        };
        let services = self.services(app)?;
        let mail = self.mail()?;
        let of = |worker, phase| {
            let relationships = self.payloads(app, worker, &services)?;
            let all =
                self.all_variables(app, worker, phase, &tree_id, command_line, &relationships);
            Ok::<_, Error>(by_name(all))
        };
        let build_variables = of(None, Phase::Build)?;
        let runtime = std::iter::once(None)
            .chain(app.workers.iter().map(Some))
            .map(|worker| of(worker, Phase::Runtime))
            .collect::<Result<_, _>>()?;
        let php_ini = |worker, phase| {
            let mut all = self.prefixed_variables(app, worker, phase, command_line);
            all.splice(0..0, self.php_mail(phase));
            layout::runs(&app.image, "php").then(|| php_ini::text(&all))
        };
        let (front, front_on_demand) = self.front(app)?;
        let plan = plan::app(&plan::Inputs {
            project: &self.project,
            environment: &self.environment,
            app,
            image: &recipe.tag,
            build_image: &recipe.build_tag,
            tree: &build_tree,
            has_file: &has_file,
            user: self.user(),
            build_relevant: &variables::build_relevant(app),
            build_variables,
            runtime_variables: runtime,
            build_php_ini: php_ini(None, Phase::Build),
            runtime_php_ini: std::iter::once(None)
                .chain(app.workers.iter().map(Some))
                .map(|worker| php_ini(worker, Phase::Runtime))
                .collect(),
            connections: self.with_mail(mail.as_ref(), self.connections(app, &services)),
            services: services.into_values().chain(mail).collect(),
            front,
            front_on_demand,
            resources: self.resources(),
        });
        Ok((plan, recipe))
    }

    /// All variables of a container, by name, each with where it comes from.
    pub fn all_variables(
        &self,
        app: &App,
        worker: Option<&Worker>,
        phase: Phase,
        tree: &str,
        command_line: &UserVariables,
        relationships: &Value,
    ) -> Vec<Variable> {
        let all = variables::variables(&variables::Context {
            app,
            worker,
            phase,
            project: &self.project.id,
            environment: &self.environment.name,
            environment_type: self.environment_type,
            branch: self.branch(),
            tree,
            project_variables: &self.settings.variables.project,
            environment_variables: &self.environment_variables,
            command_line,
            relationships,
            routes: &self.entrance.payload(),
            smtp_host: self.smtp_host(),
        });
        let machine = self
            .machine_variables()
            .into_iter()
            .map(|(name, value)| Variable {
                name,
                value,
                origin: Origin::Machine,
                sensitive: false,
            });
        // A value in the configuration is meant to replace the value of the machine.
        let by_name: BTreeMap<String, Variable> = machine
            .chain(all)
            .map(|variable| (variable.name.clone(), variable))
            .collect();
        by_name.into_values().collect()
    }

    /// What users set for the project and for the environment.
    pub fn user_variables(&self) -> impl Iterator<Item = (&String, &UserVariable)> {
        self.settings
            .variables
            .project
            .iter()
            .chain(&self.environment_variables)
    }

    /// The inputs of the variables that users set: without relationships, routes and a source tree.
    pub fn user_context<'a>(
        &'a self,
        app: &'a App,
        worker: Option<&'a Worker>,
        phase: Phase,
        command_line: &'a UserVariables,
    ) -> variables::Context<'a> {
        variables::Context {
            app,
            worker,
            phase,
            project: &self.project.id,
            environment: &self.environment.name,
            environment_type: self.environment_type,
            branch: self.branch(),
            tree: "",
            project_variables: &self.settings.variables.project,
            environment_variables: &self.environment_variables,
            command_line,
            relationships: &Value::Null,
            routes: &Value::Null,
            smtp_host: self.smtp_host(),
        }
    }

    /// The names of the environment variables whose values must not be shown.
    pub fn sensitive_names(&self) -> BTreeSet<String> {
        let sensitive = self
            .user_variables()
            .filter(|(_, variable)| variable.sensitive);
        sensitive
            .map(|(name, _)| {
                // `PLATFORM_VARIABLES` holds all variables, also those that are not environment variables.
                name.strip_prefix("env:")
                    .map_or_else(|| "PLATFORM_VARIABLES".to_owned(), str::to_uppercase)
            })
            .collect()
    }

    /// The variables of one run that differ from the container's, because of `--variable`.
    pub fn run_variables(
        &self,
        app: &App,
        worker: Option<&str>,
        tree: &Tree,
        command_line: &UserVariables,
        container: &ContainerPlan,
    ) -> BTreeMap<String, String> {
        if command_line.is_empty() {
            return BTreeMap::new();
        }
        let tree_id = tree
            .id(&app.source_root)
            .map(|id| id.to_string())
            .unwrap_or_default();
        let worker = worker.and_then(|name| app.workers.iter().find(|worker| worker.name == name));
        // The container has the variables of relationships already.
        let nothing = json!({});
        let all = self.all_variables(
            app,
            worker,
            Phase::Runtime,
            &tree_id,
            command_line,
            &nothing,
        );
        by_name(all)
            .into_iter()
            .filter(|(name, _)| name != "PLATFORM_RELATIONSHIPS")
            .filter(|(name, value)| container.container.variables.get(name) != Some(value))
            .collect()
    }

    /// `--variable` arguments.
    pub fn parse_variables(&self, texts: &[String]) -> Result<UserVariables, Error> {
        texts
            .iter()
            .map(|text| {
                let (name, variable) = user_variables::parse_assignment(text)
                    .map_err(|err| Error::request(err.to_string()))?;
                if let Some(setting) = name.strip_prefix("php:") {
                    return Err(Error::request(format!(
                        "`{name}` cannot be set for one run: PHP reads its settings from a file of the container"
                    ))
                    .hint(format!(
                        "set it below `variables` in .upsun-local.yaml, or run `php -d {setting}=…`"
                    )));
                }
                Ok((name, variable))
            })
            .collect()
    }

    /// The app and worker that a command is about: the one that is named, or the only one.
    pub fn target(&self, target: &Target) -> Result<(&App, Option<&Worker>), Error> {
        // `status` and `access` call a worker `app--worker`.
        let whole = target.app.as_deref().and_then(|name| {
            let (app, worker) = name.split_once("--")?;
            let is_worker = target.worker.is_none() && !self.config.apps.contains_key(name);
            is_worker.then_some((app, worker))
        });
        let (app_name, worker_name) = match whole {
            Some((app, worker)) => (Some(app), Some(worker)),
            None => (target.app.as_deref(), target.worker.as_deref()),
        };
        let app = if let Some(name) = app_name {
            find_app(&self.config, name)?
        } else {
            let mut apps = self.config.apps.values();
            if let (Some(only), None) = (apps.next(), apps.next()) {
                only
            } else {
                let names: Vec<&str> = self.config.apps.keys().map(String::as_str).collect();
                return Err(
                    Error::request("there are several apps; say which one you mean")
                        .hint(format!("add `--app` with one of: {}", names.join(", "))),
                );
            }
        };
        let Some(name) = worker_name else {
            return Ok((app, None));
        };
        let worker = app
            .workers
            .iter()
            .find(|worker| worker.name == name)
            .ok_or_else(|| {
                let names: Vec<&str> = app
                    .workers
                    .iter()
                    .map(|worker| worker.name.as_str())
                    .collect();
                let failure = Error::request(format!("`{}` has no worker `{name}`", app.name));
                if names.is_empty() {
                    failure
                } else {
                    failure.hint(format!("there are: {}", names.join(", ")))
                }
            })?;
        Ok((app, Some(worker)))
    }

    /// The container of an app or worker, running or not.
    pub async fn find_container(
        &self,
        engine: &impl Engine,
        app: &App,
        worker: Option<&Worker>,
    ) -> Result<Container, Error> {
        let labels = self.project.environment_labels(&self.environment.name);
        let containers = engine.containers(&labels).await?;
        let title = container_name(&app.name, worker.map(|worker| worker.name.as_str()));
        containers
            .into_iter()
            .find(|container| {
                let kind = container
                    .labels
                    .get(crate::labels::LABEL_KIND)
                    .map(String::as_str);
                container.labels.get(crate::labels::LABEL_APP) == Some(&app.name)
                    && container.labels.get(crate::labels::LABEL_WORKER)
                        == worker.map(|worker| &worker.name)
                    && matches!(kind, Some("web" | "worker"))
            })
            .ok_or_else(|| {
                Error::not_up(format!("`{title}` is not up")).hint("`upsun-local up` starts it")
            })
    }
}

fn by_name(variables: Vec<Variable>) -> BTreeMap<String, String> {
    variables
        .into_iter()
        .map(|variable| (variable.name, variable.value))
        .collect()
}

/// The app of that name.
pub fn find_app<'a>(config: &'a Config, name: &str) -> Result<&'a App, Error> {
    config.apps.get(name).ok_or_else(|| {
        let names: Vec<&str> = config.apps.keys().map(String::as_str).collect();
        let failure = Error::request(format!("there is no app `{name}`"));
        match nearest(name, names.iter().copied()) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None => failure.hint(format!("there are: {}", names.join(", "))),
        }
    })
}

impl Workspace {
    fn recipe(&self, app: &App) -> Result<Recipe, Error> {
        let clients = self.clients(app);
        images::recipe(
            app,
            &images::Setup {
                overrides: &self.settings.images,
                certificates: self.certificates.as_ref(),
                proxy: &self.proxy,
                user: self.settings.user,
                clients: &clients,
            },
        )
        .map_err(|err| Error::configuration(format!("`{}`: {err}", app.name)).hinted(err.hint()))
    }

    /// What containers on this machine need besides what Upsun gives them: certificates and a proxy.
    fn machine_variables(&self) -> BTreeMap<String, String> {
        let mut variables: BTreeMap<String, String> = self.proxy.variables().into_iter().collect();
        if self.certificates.is_some() {
            variables.extend(
                images::certificate_variables()
                    .into_iter()
                    .map(|(name, path)| (name.to_owned(), path.to_owned())),
            );
        }
        variables
    }
}
