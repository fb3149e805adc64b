//! The lifecycle on the engine in memory, with paused time. A test fails for one reason, and its name
//! says which.

mod builds;
mod caches;
mod crons;
mod faults;
mod foreign;
mod images;
mod mounts;
mod order;
mod others;
mod run;
mod services;
mod shell;
mod stopping;
mod sweep;
mod synced;
mod teardown;
mod together;
mod tunnel;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use super::{Deployed, Error, OperationRun, Planned, Pull, Report, Result, Sandbox};
use crate::config::{self, Config};
use crate::engine::fake::{Call, FakeEngine, Phase};
use crate::engine::spec::{ContainerSpec, ImagePlan, VolumeMount, VolumeSpec};
use crate::event::{Event, Events};
use crate::images::Recipe;
use crate::labels::Kind;
use crate::labels::{LABEL_DEPLOY, LABEL_SERVICE};
use crate::plan::{self, AppPlan, Connections, Environment, User};
use crate::project::{Home, Project};
use crate::relationships;
use crate::services::{Ready, ServiceFile, ServicePlan, SetupStep};
use crate::shutdown::Shutdown;
use crate::source::{self, Tree};

const BASE: &str = "node:24-bookworm";

const DATABASE: &str = "postgres:18";

/// One app with a worker, hooks and mounts of every kind.
const SHOP: &str = r"
applications:
  shop:
    type: nodejs:24
    source: { root: / }
    hooks:
      build: echo building
      deploy: echo deploying
      post_deploy: echo deployed
    mounts:
      files: { source: storage, source_path: files }
      scratch: { source: tmp, source_path: scratch }
      own: { source: instance, source_path: own }
    web: { commands: { start: node server.js } }
    workers:
      queue: { commands: { start: node queue.js } }
    operations:
      greet: { commands: { start: echo hello } }
";

/// Two apps, one of which has a web server in front of it.
const WITH_FRONT: &str = r"
applications:
  api:
    type: nodejs:24
    source: { root: / }
    hooks: { deploy: echo deploying, post_deploy: echo deployed }
    web: { commands: { start: node server.js }, upstream: { socket_family: unix } }
  shop:
    type: nodejs:24
    source: { root: / }
    relationships: { api: { service: api, endpoint: http } }
";

/// A repository and an engine.
struct World {
    dir: tempfile::TempDir,
    engine: FakeEngine,
    project: Project,
    environment: Environment,
    shutdown: Shutdown,
    pull: Pull,
    rebuild: bool,
    /// Whether the apps reach a database.
    database: bool,
    /// Whether what operations leave in the background is ended.
    ends_the_rest: bool,
    told: Arc<Mutex<Vec<Event>>>,
    /// Images that a stranger named.
    foreign: BTreeSet<String>,
    user: User,
}

/// What the repository asks for at one time.
struct Prepared {
    config: Config,
    tree: Arc<Tree>,
    plans: Vec<AppPlan>,
    image: Recipe,
}

impl World {
    fn new(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("repository");
        std::fs::create_dir_all(root.join(".upsun")).unwrap();
        std::fs::write(root.join(".upsun/config.yaml"), config).unwrap();
        std::fs::write(root.join("server.js"), "listen()").unwrap();
        let home = Home {
            state: Some(dir.path().join("state")),
            home: None,
        };
        let project = Project::of(&root, Some("shop"), &home).unwrap();
        World {
            dir,
            engine: new_engine(),
            project,
            environment: Environment {
                name: "local".to_owned(),
                kind: "development".to_owned(),
            },
            shutdown: Shutdown::new(),
            pull: Pull::Missing,
            rebuild: false,
            database: false,
            ends_the_rest: false,
            told: Arc::default(),
            foreign: BTreeSet::new(),
            user: User::default(),
        }
    }

    fn file(&self, path: &str, content: &str) {
        std::fs::write(self.dir.path().join("repository").join(path), content).unwrap();
    }

    fn prepare(&self) -> Prepared {
        let loaded = config::load(&self.project.root);
        let config = loaded
            .config
            .unwrap_or_else(|| panic!("{:?}", loaded.problems));
        let tree = source::scan(&self.project.root, &self.project.state_dir).unwrap();
        let image = Recipe {
            tag: "upsun-local/nodejs-24:1".to_owned(),
            build_tag: "upsun-local/nodejs-24:1".to_owned(),
            plan: ImagePlan {
                base: BASE.to_owned(),
                ..ImagePlan::default()
            },
            labels: crate::labels::Labels::from([(
                crate::labels::LABEL_KIND.to_owned(),
                "image".to_owned(),
            )]),
            build_variables: BTreeMap::new(),
            warnings: Vec::new(),
        };
        let services: Vec<ServicePlan> =
            self.database.then(|| self.database()).into_iter().collect();
        let plans = config.apps.values().map(|app| {
            plan::app(&plan::Inputs {
                made_anew: &|_| None,
                project: &self.project,
                environment: &self.environment,
                app,
                image: &image.tag,
                build_image: &image.build_tag,
                tree: &tree.id(&app.source_root).unwrap().to_string(),
                has_file: &|_| false,
                says: &|_, _| false,
                matching: &|is_wanted| tree.matching(&app.source_root, is_wanted),
                keeps_packages: true,
                user: self.user,
                build_relevant: &crate::variables::build_relevant(app),
                build_variables: BTreeMap::new(),
                runtime_variables: vec![BTreeMap::new(); 1 + app.workers.len()],
                build_php_ini: None,
                runtime_php_ini: Vec::new(),
                services: services.clone(),
                connections: vec![
                    Connections {
                        services: services.iter().map(|plan| plan.name.clone()).collect(),
                        links: Vec::new(),
                    };
                    1 + app.workers.len()
                ],
                front: relationships::is_reached(&app.name, &config)
                    .then(|| plan::front::IMAGE.to_owned()),
                front_on_demand: false,
                resources: plan::Resources::default(),
            })
        });
        Prepared {
            plans: plans.collect(),
            config,
            tree: Arc::new(tree),
            image,
        }
    }

    fn database(&self) -> ServicePlan {
        let environment = Some(self.environment.name.as_str());
        let name = |kind: &str| self.project.name(&[&self.environment.name, "db", kind]);
        let labels = |kind: Kind| {
            let mut labels = self.project.new_labels(environment, None, kind);
            labels.insert(LABEL_SERVICE.to_owned(), "db".to_owned());
            labels
        };
        let volume = VolumeSpec {
            name: name("data"),
            labels: labels(Kind::ServiceData),
            directory_of: None,
            memory: None,
            layers: None,
        };
        let mut container = ContainerSpec {
            name: name("service"),
            image: DATABASE.to_owned(),
            command: vec!["serve".to_owned()],
            labels: labels(Kind::Service),
            volumes: vec![VolumeMount {
                volume: volume.name.clone(),
                target: "/data".to_owned(),
                read_only: false,
            }],
            ..ContainerSpec::default()
        };
        container
            .labels
            .insert(LABEL_DEPLOY.to_owned(), "1".to_owned());
        ServicePlan {
            name: "db".to_owned(),
            r#type: "postgresql:18".to_owned(),
            id: "1".to_owned(),
            container: Some(container),
            volume: Some(volume),
            files: vec![ServiceFile {
                path: "/etc/database.conf".to_owned(),
                content: "listen".to_owned(),
                mode: 0o644,
            }],
            ready: Ready::Command(vec!["true".to_owned()]),
            setup: vec![SetupStep {
                title: "database main".to_owned(),
                command: ["touch", "/data/main"].map(str::to_owned).to_vec(),
                user: String::new(),
            }],
            endpoints: Vec::new(),
            external: false,
            warnings: Vec::new(),
        }
    }

    /// Does something with the environment, and keeps what it tells.
    async fn on<T>(
        &self,
        act: impl AsyncFnOnce(&Sandbox<'_, FakeEngine>) -> Result<T>,
    ) -> Result<T> {
        let (events, mut receiver) = Events::channel();
        let told = self.told.clone();
        let listener = tokio::spawn(async move {
            while let Some(event) = receiver.recv().await {
                told.lock().unwrap().push(event);
            }
        });
        let sandbox = Sandbox {
            engine: &self.engine,
            project: &self.project,
            environment: &self.environment,
            events: &events,
            shutdown: &self.shutdown,
            foreign: &self.foreign,
        };
        let done = self.shutdown.unless_left(Box::pin(act(&sandbox))).await;
        let result = done.unwrap_or(Err(Error::Interrupted));
        drop(events);
        listener.await.unwrap();
        result
    }

    /// Brings everything up, as `upsun-local up` does.
    async fn up(&self) -> Result<Vec<Deployed>> {
        self.up_with(&self.prepare()).await
    }

    async fn up_with(&self, prepared: &Prepared) -> Result<Vec<Deployed>> {
        self.on(async |sandbox| {
            let lock = sandbox.lock("up").await?;
            let mut all = Vec::new();
            for plan in &prepared.plans {
                for (at, container) in plan.containers.iter().enumerate() {
                    let mut planned = self.planned(prepared, plan);
                    planned.rebuild &= at == 0;
                    let containers = sandbox.containers().await?;
                    let deployed = sandbox
                        .ensure_container(&planned, container, &containers)
                        .await?;
                    all.push(deployed);
                }
            }
            sandbox.remove_strangers(&prepared.config).await?;
            self.tidy(sandbox).await;
            lock.release();
            Ok(all)
        })
        .await
    }

    /// Runs the first app's operation.
    async fn run(&self) -> Result<Report> {
        let prepared = self.prepare();
        let operation = &prepared.config.apps[0].operations[0];
        self.on(async |sandbox| {
            let lock = sandbox.lock("run").await?;
            let plan = &prepared.plans[0];
            let run = OperationRun {
                operation,
                role: "admin",
                user: None,
                container: &plan.containers[0],
                variables: &BTreeMap::new(),
                timeout: operation.timeout,
                ends_the_rest: self.ends_the_rest,
                listens_at: None,
            };
            let containers = sandbox.containers().await?;
            let report = sandbox
                .run_operation(&self.planned(&prepared, plan), &run, &containers)
                .await?;
            self.tidy(sandbox).await;
            lock.release();
            Ok(report)
        })
        .await
    }

    /// Gives sweepers the time that an operation takes, and removes what they are done with.
    async fn tidy(&self, sandbox: &Sandbox<'_, FakeEngine>) {
        if self.sweepers() > 0 {
            tokio::time::sleep(std::time::Duration::from_secs(60)).await;
            sandbox.tidy(&[], true).await;
        }
    }

    /// How many sweepers there are, at work or done.
    fn sweepers(&self) -> usize {
        let store = self.engine.store();
        let all = store.containers.values();
        all.filter(|held| Kind::of(&held.spec.labels) == Some(Kind::Sweeper))
            .count()
    }

    fn planned<'a>(&self, prepared: &'a Prepared, plan: &'a AppPlan) -> Planned<'a> {
        Planned {
            plan,
            image: &prepared.image,
            tree: &prepared.tree,
            pull: self.pull,
            rebuild: self.rebuild,
            routed: false,
            is_built: false,
            is_synced: false,
        }
    }

    /// What was told since the last time this was asked.
    fn take_told(&self) -> Vec<Event> {
        std::mem::take(&mut *self.told.lock().unwrap())
    }

    /// Everything there is in the engine, without what differs from one time to the next.
    fn objects(&self) -> BTreeSet<String> {
        let store = self.engine.store();
        let mut all = BTreeSet::new();
        for (id, held) in &store.containers {
            let running = held.phase == Phase::Running;
            let processes: Vec<String> = store
                .processes(id)
                .iter()
                .map(|process| process.command.join(" "))
                .collect();
            all.insert(format!(
                "container {} running={running} {:?} {:?} {processes:?}",
                held.name, held.spec.labels, held.spec.volumes
            ));
        }
        for (name, held) in &store.volumes {
            all.insert(format!(
                "volume {name} {:?} {:?}",
                held.spec.labels, held.files
            ));
        }
        for (name, labels) in &store.networks {
            all.insert(format!("network {name} {labels:?}"));
        }
        all.extend(store.images.keys().map(|name| format!("image {name}")));
        all
    }
}

/// An engine whose containers have a shell and a web server.
pub(crate) fn new_engine() -> FakeEngine {
    let engine = FakeEngine::new(&[BASE, DATABASE, plan::front::IMAGE]);
    engine.program(
        |command| command == ["serve"],
        |_process| std::future::pending(),
    );
    // Its servers answer at once.
    engine.program(
        |command| command.first().is_some_and(|word| word == "sh"),
        |_process| async { 0 },
    );
    engine.program(
        |command| command.first().is_some_and(|word| word == "/bin/dash"),
        |process| async move { shell::run(process).await },
    );
    engine.program(
        |command| command.first().is_some_and(|word| word == "nginx"),
        |_| std::future::pending(),
    );
    engine
}

/// The calls that change something, by name and subject, without the project's part of names.
fn changes(calls: &[Call], project: &Project) -> Vec<String> {
    let prefix = format!("upsun-{}-", project.key);
    calls
        .iter()
        .filter(|call| {
            !matches!(
                call.name,
                "volumes"
                    | "containers"
                    | "networks"
                    | "images"
                    | "image"
                    | "container_state"
                    | "exit_code"
            )
        })
        .map(|call| {
            let subject = match call.name {
                "exec" => shell::title(&call.subject),
                // An id says nothing to anybody.
                "start_container" | "upload" => String::new(),
                _ => call.subject.replace(&prefix, ""),
            };
            format!("{} {subject}", call.name).trim_end().to_owned()
        })
        .collect()
}
