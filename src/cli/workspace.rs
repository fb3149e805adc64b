//! The repository a command works on: its configuration, settings, project and environment, and the
//! plans made from them.

use crate::layout;
use crate::user_variables;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use super::context::{Context, variable};
use super::failure::{BAD_CONFIGURATION, BUSY, Failure, USAGE};
use super::warnings::{self, Running, Warning};
use crate::activity::Draft;
use crate::config::app::{App, Worker};
use crate::config::{self, Config, Loaded};
use crate::engine::Engine;
use crate::engine::spec::{Container, MemoryLimit};
use crate::event::Events;
use crate::images::{self, Certificates};
use crate::lifecycle::{ImageRecipe, Planned, Pull, Sandbox};
use crate::php_ini;
use crate::plan::{self, AppPlan, ContainerPlan, Environment, User};
use crate::project::Project;
use crate::roles::EnvironmentType;
use crate::routes::{self, Entrance};
use crate::settings::Settings;
use crate::shutdown::Shutdown;
use crate::source::{self, Tree};
use crate::user_variables::{UserVariable, UserVariables};
use crate::variables::{self, Origin, Phase, Variable};

/// The environment's name unless one is given.
const ENVIRONMENT: &str = "local";

/// Everything about a repository that commands start from.
#[derive(Debug)]
pub(super) struct Workspace {
    /// The configuration.
    pub config: Config,
    /// What is worth a look in it, with how to mend it.
    warnings: Vec<Warning>,
    /// `.upsun-local.yaml`.
    pub settings: Settings,
    /// The project.
    pub project: Project,
    /// The environment.
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
}

impl Workspace {
    /// Reads everything; a configuration with errors ends it.
    pub(super) fn open(context: &Context) -> Result<Self, Failure> {
        Self::read(context, false)
    }

    /// Reads what can be read: for what must work with a broken configuration too.
    pub(super) fn open_lenient(context: &Context) -> Result<Self, Failure> {
        Self::read(context, true)
    }

    fn read(context: &Context, lenient: bool) -> Result<Self, Failure> {
        let root = root(context)?;
        let settings = if lenient {
            super::settings::of_lenient(context, &root)?
        } else {
            super::settings::of(context, &root)?
        };
        let project = Project::of(&root, settings.project.as_deref(), &context.home)?;
        let loaded = config::load_ignoring(&project.root, &settings.check.ignore);
        let mut warnings = warnings::of(&loaded);
        if let Some(warning) = context.home.state_dir().ok().and_then(|it| it.warning) {
            let hint = "`XDG_STATE_HOME` can name another directory".to_owned();
            warnings.insert(0, Warning::general(warning, Some(hint)));
        }
        let config = match loaded.config {
            Some(config) => config,
            None if lenient => Config::default(),
            None => return Err(refuse(context, &loaded)),
        };
        let name = context
            .global
            .environment
            .clone()
            .or_else(|| settings.environment.name.clone())
            .unwrap_or_else(|| ENVIRONMENT.to_owned());
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            return Err(Failure::usage(
                "the environment's name is empty or not printable",
            ));
        }
        let environment_type = context
            .global
            .environment_type
            .map(|kind| kind.name().parse().unwrap_or_default())
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
            super::settings::read_env_file(&project.root, &settings)?
        };
        environment_variables.extend(settings.variables.environment.clone());
        let proxy = images::Proxy::find(&settings.proxy, variable);
        if proxy.has_lost_credentials() {
            let (message, hint) = super::settings::without_credentials(context);
            warnings.push(Warning::general(message, hint));
        }
        let certificates = if lenient {
            None
        } else {
            super::settings::find_certificates(&project.root, &settings)?
        };
        let port = super::entrance::port(&settings, &project, &environment.name)?;
        let entrance = routes::resolve(&config, &project.id, port);
        let branch = source::branch(&project.root);
        let workspace = Workspace {
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
        };
        // A command that opens it twice has the same values twice.
        let _ = context.secrets.set(workspace.secrets());
        Ok(workspace)
    }

    /// The repository's files, through the stat cache.
    pub(super) fn scan(&self) -> Result<Arc<Tree>, Failure> {
        Ok(Arc::new(source::scan(
            &self.project.root,
            &self.project.state_dir,
        )?))
    }

    /// Tells what is worth a look before anything is built or started.
    pub(super) async fn warn(&self, events: &Events, tree: &Tree, running: Running<'_>) {
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
    pub(super) fn sandbox<'a, E: Engine>(
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

    pub(super) fn user(&self) -> User {
        User {
            uid: self.settings.user.uid,
            gid: self.settings.user.gid,
        }
    }

    /// What each container may take.
    pub(super) fn resources(&self) -> plan::Resources {
        let settings = self.settings.resources;
        let default = plan::Resources::default();
        plan::Resources {
            memory: settings.memory.map_or(default.memory, MemoryLimit::Bytes),
            tmp: settings.tmp.unwrap_or(default.tmp),
        }
    }

    /// Plans an app.
    pub(super) fn plan(
        &self,
        app: &App,
        tree: &Tree,
        command_line: &UserVariables,
    ) -> Result<(AppPlan, ImageRecipe), Failure> {
        let id = tree.id(&app.source_root).ok_or_else(|| {
            Failure::new(
                BAD_CONFIGURATION,
                format!(
                    "`source.root` of `{}` holds no file that Git would deploy: `{}`",
                    app.name, app.source_root
                ),
            )
            .hint("is it ignored, or not there?")
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
            Ok::<_, Failure>(by_name(all))
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
    pub(super) fn all_variables(
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
        // Whoever sets one of them in the configuration means it.
        let by_name: BTreeMap<String, Variable> = machine
            .chain(all)
            .map(|variable| (variable.name.clone(), variable))
            .collect();
        by_name.into_values().collect()
    }

    /// What users set for the project and for the environment.
    pub(super) fn user_variables(&self) -> impl Iterator<Item = (&String, &UserVariable)> {
        self.settings
            .variables
            .project
            .iter()
            .chain(&self.environment_variables)
    }

    /// What variables are computed from that somebody sets: without relationships, routes and a source tree.
    pub(super) fn user_context<'a>(
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
    pub(super) fn sensitive_names(&self) -> BTreeSet<String> {
        let sensitive = self
            .user_variables()
            .filter(|(_, variable)| variable.sensitive);
        sensitive
            .map(|(name, _)| {
                // Whatever is no environment variable is in here, with all others.
                name.strip_prefix("env:")
                    .map_or_else(|| "PLATFORM_VARIABLES".to_owned(), str::to_uppercase)
            })
            .collect()
    }

    /// The variables of one run that differ from the container's, because of `--variable`.
    pub(super) fn run_variables(
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
        // Those of relationships are the container's own already.
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
    pub(super) fn parse_variables(&self, texts: &[String]) -> Result<UserVariables, Failure> {
        texts
            .iter()
            .map(|text| {
                let (name, variable) = user_variables::parse_assignment(text)
                    .map_err(|err| Failure::usage(err.to_string()))?;
                if let Some(setting) = name.strip_prefix("php:") {
                    return Err(Failure::usage(format!(
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

    /// An app's plan and what carrying it out needs besides.
    pub(super) fn planned<'a>(
        &self,
        plan: &'a AppPlan,
        image: &'a ImageRecipe,
        tree: &'a Arc<Tree>,
        pull: Pull,
        rebuild: bool,
    ) -> Planned<'a> {
        Planned {
            plan,
            image,
            tree,
            pull,
            rebuild,
            routed: false,
        }
    }

    /// The app and worker that a command is about: the one that is named, or the only one.
    pub(super) fn target(
        &self,
        target: &super::Target,
    ) -> Result<(&App, Option<&Worker>), Failure> {
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
                    Failure::usage("there are several apps; say which one you mean")
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
                let failure = Failure::usage(format!("`{}` has no worker `{name}`", app.name));
                if names.is_empty() {
                    failure
                } else {
                    failure.hint(format!("there are: {}", names.join(", ")))
                }
            })?;
        Ok((app, Some(worker)))
    }

    /// The container of an app or worker, running or not.
    pub(super) async fn find_container(
        &self,
        engine: &impl Engine,
        app: &App,
        worker: Option<&Worker>,
    ) -> Result<Container, Failure> {
        let labels = self.project.environment_labels(&self.environment.name);
        let containers = engine.containers(&labels).await?;
        let title = worker.map_or_else(
            || app.name.clone(),
            |worker| format!("{}--{}", app.name, worker.name),
        );
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
                Failure::new(BUSY, format!("`{title}` is not up"))
                    .hint("`upsun-local up` starts it")
            })
    }

    /// Brings an app or worker up where it is not, and returns its container.
    pub(super) async fn ensure_up(
        &self,
        context: &Context,
        engine: &impl Engine,
        shutdown: &Shutdown,
        app: &App,
        worker: Option<&str>,
    ) -> Result<String, Failure> {
        let tree = self.scan()?;
        let (plan, image) = self.plan(app, &tree, &UserVariables::new())?;
        let reached = self.reached(app, worker, &tree)?;
        let at = worker.map_or(0, |name| {
            1 + app
                .workers
                .iter()
                .position(|worker| worker.name == name)
                .unwrap_or_default()
        });
        let container = plan
            .containers
            .get(at)
            .ok_or_else(|| Failure::fault("the plan lacks a container"))?;
        let listening = context.listen(false, shutdown);
        let sandbox = self.sandbox(engine, &listening.events, shutdown);
        let act = async {
            // A shell beside a running operation is what helps to see what that does: it does not queue.
            let containers = sandbox.containers().await?;
            if let Some(id) = plan.current_id(container, &containers)
                && !sandbox.is_to_be_mended(&container.title(&plan.app))
            {
                return Ok(id);
            }
            let lock = sandbox.lock("up").await?;
            let planned = self.planned(&plan, &image, &tree, Pull::Missing, false);
            let containers = sandbox.containers().await?;
            if !container.is_current(&containers) {
                let apps = vec![app.name.clone()];
                listening.record(self, Draft::Push { apps });
                self.warn(&listening.events, &tree, Running::Other).await;
            }
            let reached: Vec<Planned<'_>> = reached
                .iter()
                .map(|(plan, image)| self.planned(plan, image, &tree, Pull::Missing, false))
                .collect();
            let containers = sandbox.ensure_reached(&reached, containers).await?;
            let deployed = sandbox
                .ensure_container(&planned, container, &containers)
                .await?;
            lock.release();
            Ok(deployed.id)
        };
        let result = sandbox.until_left(act).await;
        let recording = listening.recording.clone();
        listening.finish();
        let result = result.map_err(|err| Failure::of(err, shutdown));
        recording.end(context, result.as_ref().map(|_| 0), shutdown);
        result
    }
}

fn by_name(variables: Vec<Variable>) -> BTreeMap<String, String> {
    variables
        .into_iter()
        .map(|variable| (variable.name, variable.value))
        .collect()
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
    let count = errors().count();
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} error{plural}")
}

fn render(context: &Context, loaded: &Loaded, problem: &config::problem::Problem) -> String {
    let width = rustix::termios::tcgetwinsize(std::io::stderr())
        .map_or(80, |size| usize::from(size.ws_col).max(40));
    config::render::render(problem, &loaded.texts, context.style.color, width)
}

/// The app of that name.
pub(super) fn find_app<'a>(config: &'a Config, name: &str) -> Result<&'a App, Failure> {
    config.apps.get(name).ok_or_else(|| {
        let names: Vec<&str> = config.apps.keys().map(String::as_str).collect();
        let failure = Failure::new(USAGE, format!("there is no app `{name}`"));
        match nearest(name, names.iter().copied()) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None => failure.hint(format!("there are: {}", names.join(", "))),
        }
    })
}

/// The word that was probably meant.
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    crate::suggestion::nearest(word, candidates)
}

impl Workspace {
    fn recipe(&self, app: &App) -> Result<ImageRecipe, Failure> {
        let clients = self.clients(app);
        let recipe = images::recipe(
            app,
            &images::Setup {
                overrides: &self.settings.images,
                certificates: self.certificates.as_ref(),
                proxy: &self.proxy,
                user: self.settings.user,
                base_id: None,
                clients: &clients,
            },
        )
        .map_err(|err| {
            let failure = Failure::new(BAD_CONFIGURATION, format!("`{}`: {err}", app.name));
            match err.hint() {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        })?;
        let failed = |err: std::io::Error| {
            Failure::fault(format!("the build context cannot be made: {err}"))
        };
        let mut archive = tar::Builder::new(Vec::new());
        for file in recipe.context() {
            let mut header = tar::Header::new_gnu();
            header.set_size(file.bytes.len() as u64);
            header.set_mode(file.mode);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(0);
            archive
                .append_data(&mut header, &file.path, file.bytes.as_slice())
                .map_err(failed)?;
        }
        let bases = std::iter::once(&recipe.base).chain(&recipe.copied_from);
        Ok(ImageRecipe {
            bases: bases.map(|base| base.as_str().to_owned()).collect(),
            tag: recipe.tag,
            build_tag: recipe.build_tag,
            context: archive.into_inner().map_err(failed)?.into(),
            labels: recipe.labels,
            arguments: recipe.build_arguments.into_iter().collect(),
            warnings: recipe.warnings,
        })
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
