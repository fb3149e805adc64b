//! What belongs to other projects and environments stays, however an engine answers lists. Podman before 4.6 takes
//! several labels for alternatives, and so removed other projects' data once.

use proptest::prelude::*;

use super::*;
use crate::engine::Engine;
use crate::engine::fake::Answers;
use crate::labels::Kind;
use crate::labels::Labels;
use crate::labels::{
    LABEL_APP, LABEL_BUILD, LABEL_ENVIRONMENT, LABEL_KIND, LABEL_PROJECT, LABEL_RUN,
};
use crate::lifecycle::Down;

/// Everything that removes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Down(Down),
    Clean,
    Trials,
    Rebuild,
    Strangers,
    Sources,
}

/// An object that is there before anything else is.
#[derive(Debug, Clone)]
struct Other {
    what: &'static str,
    labels: Labels,
}

fn one_label(name: &'static str, values: &[&'static str]) -> BoxedStrategy<Labels> {
    let value = prop::sample::select(values.to_vec()).prop_map(str::to_owned);
    prop::option::of(value)
        .prop_map(|value| value.map(|value| (name.to_owned(), value)))
        .prop_map(|label| label.into_iter().collect())
        .boxed()
}

/// `own` and `build` stand for what the project and the build are really called.
fn other() -> impl Strategy<Value = Other> {
    let what = prop::sample::select(&["container", "volume", "network", "image"][..]);
    let labels = [
        one_label(LABEL_PROJECT, &["own", "own", "elsewhere"]),
        one_label(LABEL_ENVIRONMENT, &["local", "staging"]),
        one_label(LABEL_APP, &["shop", "blog"]),
        one_label(LABEL_KIND, &Kind::ALL.map(Kind::name)),
        one_label(LABEL_BUILD, &["build", "1"]),
        one_label(LABEL_RUN, &["run-0"]),
    ];
    (what, labels.to_vec()).prop_map(|(what, labels)| Other {
        what,
        labels: labels.into_iter().flatten().collect(),
    })
}

fn act() -> impl Strategy<Value = Act> {
    prop::sample::select(
        &[
            Act::Down(Down::KeepVolumes),
            Act::Down(Down::WithVolumes),
            Act::Clean,
            Act::Trials,
            Act::Rebuild,
            Act::Strangers,
            Act::Sources,
        ][..],
    )
}

impl Act {
    /// Whether it must not touch an object with these labels.
    fn spares(self, what: &str, labels: &Labels, project: &Project) -> bool {
        let is = |name: &str, value: &str| labels.get(name).is_some_and(|found| found == value);
        let is_own = is(LABEL_PROJECT, &project.key);
        match self {
            // Derived images belong to all projects.
            _ if what == "image" => self != Act::Clean || !is(LABEL_KIND, "image"),
            Act::Clean | Act::Rebuild => !is_own,
            Act::Sources => !is_own || !is(LABEL_KIND, "source"),
            Act::Trials => !is_own || !is(LABEL_ENVIRONMENT, "local") || !is(LABEL_KIND, "trial"),
            // The environments of a project share the network of their builds, and it goes once no container uses it.
            Act::Down(_) if what == "network" && is(LABEL_KIND, Kind::BuildNetwork.name()) => {
                !is_own
            }
            Act::Down(_) | Act::Strangers => !is_own || !is(LABEL_ENVIRONMENT, "local"),
        }
    }
}

impl World {
    async fn put(&self, name: &str, other: &Other) {
        let engine = &self.engine;
        match other.what {
            "container" => {
                let spec = ContainerSpec {
                    name: name.to_owned(),
                    image: BASE.to_owned(),
                    command: ["sleep", "100000"].map(str::to_owned).to_vec(),
                    labels: other.labels.clone(),
                    ..ContainerSpec::default()
                };
                let id = engine.create_container(&spec).await.unwrap();
                engine.start_container(&id).await.unwrap();
            }
            "volume" => {
                let spec = VolumeSpec {
                    name: name.to_owned(),
                    labels: other.labels.clone(),
                    directory_of: None,
                    memory: None,
                    layers: None,
                };
                engine.create_volume(&spec).await.unwrap();
            }
            "network" => engine.create_network(name, &other.labels).await.unwrap(),
            _ => {
                let build = crate::engine::spec::ImageBuild {
                    tag: name,
                    plan: &crate::engine::spec::ImagePlan::default(),
                    labels: other.labels.clone(),
                    variables: BTreeMap::new(),
                    network: String::new(),
                };
                engine.build_image(&build, &|_| {}).await.unwrap();
            }
        }
    }

    fn has(&self, name: &str, what: &str) -> bool {
        let store = self.engine.store();
        match what {
            "container" => store
                .containers
                .values()
                .any(|held| held.name == name && held.phase == Phase::Running),
            "volume" => store.volumes.contains_key(name),
            "network" => store.networks.contains_key(name),
            _ => store.images.contains_key(name),
        }
    }

    async fn carry_out(&self, act: Act) -> Result<()> {
        let prepared = self.prepare();
        self.on(async |sandbox| {
            match act {
                Act::Down(down) => drop(sandbox.down(down).await?),
                Act::Clean => {
                    sandbox.down(Down::Everything).await?;
                    sandbox.remove_images().await?;
                }
                Act::Trials => sandbox.remove_trials().await?,
                Act::Rebuild => {
                    let mut planned = self.planned(&prepared, &prepared.plans[0]);
                    planned.rebuild = true;
                    let none = [];
                    sandbox.ensure_build(&planned, &none).await?;
                }
                Act::Strangers => sandbox.remove_strangers(&prepared.config).await?,
                Act::Sources => sandbox.remove_abandoned_sources(&BTreeSet::new()).await?,
            }
            Ok(())
        })
        .await
    }
}

/// What of the others is gone that should have stayed.
async fn lost(answers: Answers, others: &[Other], act: Act) -> Vec<String> {
    let world = World::new(SHOP);
    let build = world.prepare().plans[0].build.id.clone();
    world.engine.pull_image(BASE, &|_| {}).await.unwrap();
    let mut put = Vec::new();
    for (at, other) in others.iter().enumerate() {
        let mut other = other.clone();
        for (name, value) in &mut other.labels {
            match (name.as_str(), value.as_str()) {
                (LABEL_PROJECT, "own") => world.project.key.clone_into(value),
                (LABEL_BUILD, "build") => build.clone_into(value),
                _ => {}
            }
        }
        let name = format!("other-{at}");
        world.put(&name, &other).await;
        put.push((name, other));
    }
    world.engine.store().answers = answers;
    world.up().await.unwrap();
    // An `up` removes what the configuration no longer has, and the containers of its own apps.
    put.retain(|(name, other)| world.has(name, other.what));
    world.carry_out(act).await.unwrap();
    put.into_iter()
        .filter(|(_, other)| act.spares(other.what, &other.labels, &world.project))
        .filter(|(name, other)| !world.has(name, other.what))
        .map(|(name, other)| format!("{name}: {other:?}"))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn nothing_of_others_is_removed_whatever_an_engine_lists(
        answers in prop::sample::select(&[Answers::All, Answers::Any, Answers::Everything][..]),
        others in prop::collection::vec(other(), 0..8),
        act in act(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        let lost = runtime.block_on(lost(answers, &others, act));
        prop_assert!(lost.is_empty(), "{lost:#?}");
    }
}

/// An `up` itself removes nothing but its own.
#[tokio::test(start_paused = true)]
async fn up_leaves_the_containers_of_others_on_an_engine_that_lists_everything() {
    let world = World::new(SHOP);
    world.engine.pull_image(BASE, &|_| {}).await.unwrap();
    let mut labels = world
        .project
        .new_labels(Some("staging"), Some("shop"), Kind::Web);
    let mut others = Vec::new();
    for (name, key) in [("staging", None), ("elsewhere", Some("shop-00000000"))] {
        if let Some(key) = key {
            labels.insert(LABEL_PROJECT.to_owned(), key.to_owned());
            labels.insert(LABEL_ENVIRONMENT.to_owned(), "local".to_owned());
        }
        let other = Other {
            what: "container",
            labels: labels.clone(),
        };
        world.put(name, &other).await;
        others.push(name);
    }
    world.engine.store().answers = Answers::Everything;
    world.up().await.unwrap();
    others.retain(|name| !world.has(name, "container"));
    assert_eq!(others, [""; 0]);
}

/// A container of somebody else's may have the name that a build's should have.
#[tokio::test(start_paused = true)]
async fn a_container_of_somebody_else_in_the_way_is_not_removed() {
    let world = World::new(SHOP);
    world.engine.pull_image(BASE, &|_| {}).await.unwrap();
    let name = world.prepare().plans[0].build.container.name.clone();
    let other = Other {
        what: "container",
        labels: Labels::from([(LABEL_PROJECT.to_owned(), "elsewhere".to_owned())]),
    };
    world.put(&name, &other).await;
    let err = world.up().await.unwrap_err();
    assert!(
        matches!(err, Error::Engine(crate::engine::Error::Conflict(_))),
        "{err:?}"
    );
    assert!(world.has(&name, "container"));
}
