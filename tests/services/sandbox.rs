//! Starts services as planned, beside a client container that has a relationship to them.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::{FutureExt, StreamExt};
use indexmap::IndexMap;
use serde_json::Value;
use upsun_local::config;
use upsun_local::engine::Engine;
use upsun_local::engine::docker::{DockerEngine, Surroundings};
use upsun_local::engine::spec::{ContainerSpec, ExecSpec, LogRange, Network};
use upsun_local::project::Project;
use upsun_local::relationships;
use upsun_local::services::{self, Ready, ServicePlan};

/// The longest that a service may take to become ready.
const DEADLINE: Duration = Duration::from_secs(120);

pub(crate) struct Sandbox {
    engine: DockerEngine,
    project: Project,
    network: String,
}

impl Sandbox {
    /// Runs a test in a project of its own, of which nothing is left behind.
    pub(crate) async fn run(name: &str, test: impl AsyncFnOnce(&Sandbox)) {
        let surroundings = Surroundings {
            docker_host: std::env::var("DOCKER_HOST").ok(),
            docker_context: std::env::var("DOCKER_CONTEXT").ok(),
            home: std::env::var_os("HOME").map(Into::into),
            ..Surroundings::default()
        };
        let engine = DockerEngine::connect(&surroundings, None).await.unwrap();
        let id = format!("test-{}-{name}", std::process::id());
        let project = Project {
            key: id.clone(),
            id,
            root: "/nowhere".into(),
            state_dir: "/nowhere".into(),
            identity: upsun_local::project::Identity::default(),
        };
        let network = project.name(&["main"]);
        engine
            .create_network(&network, &project.labels())
            .await
            .unwrap();
        let sandbox = Sandbox {
            engine,
            project,
            network,
        };
        let outcome = AssertUnwindSafe(test(&sandbox)).catch_unwind().await;
        sandbox.clear().await;
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    }

    async fn clear(&self) {
        let labels = self.project.labels();
        for container in self.engine.containers(&labels).await.unwrap() {
            self.engine.remove_container(&container.id).await.unwrap();
        }
        for volume in self.engine.volumes(&labels).await.unwrap() {
            self.engine.remove_volume(&volume.name).await.unwrap();
        }
        self.engine.remove_network(&self.network).await.unwrap();
    }

    /// Starts a container of the app `behind` that does nothing.
    pub(crate) async fn app_behind(&self, image: &str) {
        self.engine.pull_image(image, &|_| {}).await.unwrap();
        let spec = ContainerSpec {
            name: self.project.name(&["main", "behind"]),
            image: image.to_owned(),
            command: ["sleep", "600"].map(str::to_owned).to_vec(),
            labels: self.project.labels(),
            network: Some(Network {
                name: self.network.clone(),
                aliases: Vec::new(),
                links: Vec::new(),
            }),
            ..ContainerSpec::default()
        };
        let id = self.engine.create_container(&spec).await.unwrap();
        self.engine.start_container(&id).await.unwrap();
    }

    /// Starts the service `db` of this `services:`, waits for it and sets it up.
    pub(crate) async fn start(&self, yaml: &str) -> Service {
        let dir = tempfile::tempdir().unwrap();
        for directory in [".upsun", "app", "behind"] {
            std::fs::create_dir(dir.path().join(directory)).unwrap();
        }
        let services: String = yaml.lines().map(|line| format!("  {line}\n")).collect();
        let text = format!(
            "applications:\n  app: {{type: 'nodejs:24', source: {{root: app}}, relationships: {{db: }}}}\n  behind: {{type: 'nodejs:24', source: {{root: behind}}}}\nservices:\n{services}"
        );
        std::fs::write(dir.path().join(".upsun/config.yaml"), text).unwrap();
        let loaded = config::load(dir.path());
        let config = loaded
            .config
            .unwrap_or_else(|| panic!("{:?}", loaded.problems));
        let plan = services::plan(&services::Inputs {
            project: &self.project,
            environment: "main",
            service: (&config.services["db"]).into(),
            external: None,
            images: &IndexMap::new(),
            network: &self.network,
            memory: upsun_local::engine::spec::MemoryLimit::Share,
        })
        .unwrap();
        let spec = plan.container.clone().unwrap();
        if self.engine.image(&spec.image).await.unwrap().is_none() {
            self.engine.pull_image(&spec.image, &|_| {}).await.unwrap();
        }
        if let Some(volume) = &plan.volume {
            let there = self.engine.volumes(&self.project.labels()).await.unwrap();
            if there.iter().all(|known| known.name != volume.name) {
                self.engine.create_volume(volume).await.unwrap();
            }
        }
        let id = self.engine.create_container(&spec).await.unwrap();
        for file in &plan.files {
            let (directory, name) = file.path.rsplit_once('/').unwrap();
            let mut tar = tar::Builder::new(Vec::new());
            let mut header = tar::Header::new_gnu();
            header.set_size(file.content.len() as u64);
            header.set_mode(file.mode);
            tar.append_data(&mut header, name, file.content.as_bytes())
                .unwrap();
            let archive = tar.into_inner().unwrap();
            let archive = futures_util::stream::iter([Ok(archive.into())]);
            self.engine
                .upload(&id, directory, Box::pin(archive))
                .await
                .unwrap();
        }
        self.engine.start_container(&id).await.unwrap();

        let plans = BTreeMap::from([("db".to_owned(), plan.clone())]);
        let surroundings = relationships::Surroundings {
            project: &self.project,
            environment: "main",
            services: &plans,
            apps: &config.apps,
        };
        let links = relationships::links(&config.apps["app"].relationships, &surroundings);
        let client = ContainerSpec {
            name: self.project.name(&["main", "client", &plan.id[..8]]),
            image: spec.image.clone(),
            command: ["sleep", "600"].map(str::to_owned).to_vec(),
            labels: self.project.labels(),
            network: Some(Network {
                name: self.network.clone(),
                aliases: Vec::new(),
                links,
            }),
            ..ContainerSpec::default()
        };
        let client = self.engine.create_container(&client).await.unwrap();
        self.engine.start_container(&client).await.unwrap();
        let service = Service {
            engine: self.engine.clone(),
            plan,
            id,
            client,
        };
        service.wait().await;
        service.set_up().await;
        service
    }
}

/// A service that runs.
pub(crate) struct Service {
    engine: DockerEngine,
    plan: ServicePlan,
    id: String,
    client: String,
}

impl Service {
    pub(crate) fn payload(&self, endpoint: &str) -> Value {
        let found = self
            .plan
            .endpoints
            .iter()
            .find(|known| known.name == endpoint);
        found.unwrap().payload.clone()
    }

    async fn wait(&self) {
        let Ready::Command(command) = &self.plan.ready else {
            panic!("no command: {:?}", self.plan.ready);
        };
        let began = Instant::now();
        while self.inside(command).await.code != 0 {
            if began.elapsed() > DEADLINE {
                let log = self.log().await;
                panic!("{} is not ready:\n{log}", self.plan.r#type);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        eprintln!("{} was ready after {:?}", self.plan.r#type, began.elapsed());
    }

    async fn log(&self) -> String {
        let range = LogRange {
            tail: Some(30),
            ..LogRange::default()
        };
        let mut log = self.engine.logs(&self.id, range);
        let mut text = Vec::new();
        while let Some(Ok(output)) = log.next().await {
            text.extend_from_slice(output.bytes());
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Runs its setup, for the first time or once more.
    pub(crate) async fn set_up(&self) {
        for step in &self.plan.setup {
            let began = Instant::now();
            self.inside(&step.command).await.succeeds();
            eprintln!(
                "{}: {} took {:?}",
                self.plan.r#type,
                step.title,
                began.elapsed()
            );
        }
    }

    pub(crate) async fn restart(&self) {
        self.engine.stop_container(&self.id).await.unwrap();
        self.engine.start_container(&self.id).await.unwrap();
        self.wait().await;
        self.set_up().await;
    }

    pub(crate) async fn remove(self) {
        self.engine.stop_container(&self.id).await.unwrap();
        self.engine.remove_container(&self.id).await.unwrap();
        self.engine.remove_container(&self.client).await.unwrap();
    }

    /// Runs a command in the service's own container.
    pub(crate) async fn inside(&self, command: &[String]) -> Outcome {
        self.execute(&self.id, command).await
    }

    /// Runs a command in the container that has a relationship to it.
    pub(crate) async fn client(&self, command: &[String]) -> Outcome {
        self.execute(&self.client, command).await
    }

    async fn execute(&self, container: &str, command: &[String]) -> Outcome {
        let spec = ExecSpec {
            command: command.to_vec(),
            ..ExecSpec::default()
        };
        let mut exec = self.engine.exec(container, &spec).await.unwrap();
        let mut text = Vec::new();
        while let Some(output) = exec.output.next().await {
            text.extend_from_slice(output.unwrap().bytes());
        }
        let code = exec.exit.await.unwrap();
        Outcome {
            command: command.join(" "),
            code,
            text: String::from_utf8_lossy(&text).trim().to_owned(),
        }
    }
}

/// How a command ended.
pub(crate) struct Outcome {
    command: String,
    code: i64,
    text: String,
}

impl Outcome {
    /// What it wrote.
    #[track_caller]
    pub(crate) fn succeeds(self) -> String {
        assert_eq!(self.code, 0, "{}\n{}", self.command, self.text);
        self.text
    }

    /// What it wrote.
    #[track_caller]
    pub(crate) fn fails(self) -> String {
        assert_ne!(self.code, 0, "{}\n{}", self.command, self.text);
        self.text
    }
}
