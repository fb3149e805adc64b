use std::path::Path;

use super::*;
use crate::engine::fake::{FakeEngine, Fault};
use crate::engine::spec::ImagePlan;
use crate::labels::Kind;

/// What `check.sh` prints where all is well.
const ALL_WELL: &str = "user ok\nread-only ok\nmemory-file-systems ok\nmounts ok\ncapabilities ok\nprocess-limit ok\nmemory-limit ok\ninit ok\nnames ok\nconnections ok\nlink-local ok\n";

/// An engine with an image of a runtime, in whose containers the script prints this.
async fn engine(printed: &'static str) -> FakeEngine {
    let engine = FakeEngine::new(&["node:24-bookworm"]);
    engine
        .pull_image("node:24-bookworm", &|_| {})
        .await
        .unwrap();
    let is = |script: &'static str| {
        move |command: &[String]| command.get(2).is_some_and(|word| word == script)
    };
    engine.program(is(CHECK), move |process| async move {
        process.print(printed).await;
        CODE
    });
    engine.program(is(LISTEN), |_| async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        0
    });
    engine.take_calls();
    engine
}

async fn tried(engine: &FakeEngine, state: &Path, shutdown: &Shutdown) -> EngineTried {
    let given = EngineTrial {
        owner: "1000-1a2b3c4d",
        state: state.to_owned(),
        user: User::default(),
        is_local: false,
        shutdown,
    };
    try_engine(engine, &given).await
}

fn failed(tried: &EngineTried) -> Vec<(&'static str, String)> {
    let failed = tried.failed();
    failed
        .map(|(check, found)| (check.name, found.to_owned()))
        .collect()
}

fn not_tried(tried: &EngineTried) -> Vec<&'static str> {
    tried.not_tried().map(|(check, _)| check.name).collect()
}

/// Whether the engine has nothing but images.
async fn is_empty(engine: &FakeEngine) -> bool {
    let all = Labels::new();
    engine.containers(&all).await.unwrap().is_empty()
        && engine.volumes(&all).await.unwrap().is_empty()
        && engine.networks(&all).await.unwrap().is_empty()
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_can_do_all_passes_and_nothing_is_left() {
    let state = tempfile::tempdir().unwrap();
    let engine = engine(ALL_WELL).await;
    let tried = tried(&engine, state.path(), &Shutdown::new()).await;
    assert_eq!(failed(&tried), []);
    assert_eq!(not_tried(&tried), ["port"]);
    assert_eq!(tried.image.as_deref(), Some("node:24-bookworm"));
    assert!(is_empty(&engine).await);
    let calls = engine.take_calls();
    assert!(
        !calls.iter().any(|call| call.name == "pull_image"),
        "{calls:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_container_finds_is_named_with_what_it_means() {
    let state = tempfile::tempdir().unwrap();
    let engine =
        engine("read-only no /var/tmp can be written to\nmemory-limit unknown no idea\n").await;
    let tried = tried(&engine, state.path(), &Shutdown::new()).await;
    let found = "/var/tmp can be written to".to_owned();
    assert_eq!(failed(&tried), [("read-only", found)]);
    let (check, _) = tried.failed().next().unwrap();
    assert!(!check.essential && check.means.contains("fails on Upsun"));
    assert!(not_tried(&tried).contains(&"memory-limit"));
    assert!(is_empty(&engine).await);
}

#[tokio::test(start_paused = true)]
async fn an_image_of_upsun_local_comes_before_that_of_a_runtime_and_none_is_pulled() {
    let state = tempfile::tempdir().unwrap();
    let engine = engine(ALL_WELL).await;
    let build = ImageBuild {
        tag: "upsun-local/nodejs-24:0123",
        plan: &ImagePlan {
            base: "node:24-bookworm".to_owned(),
            ..ImagePlan::default()
        },
        labels: Labels::from([Kind::Image.label()]),
        variables: BTreeMap::new(),
        network: String::new(),
    };
    engine.build_image(&build, &|_| {}).await.unwrap();
    let tried = tried(&engine, state.path(), &Shutdown::new()).await;
    assert_eq!(tried.image.as_deref(), Some("upsun-local/nodejs-24:0123"));
}

#[tokio::test(start_paused = true)]
async fn an_engine_without_images_gets_an_empty_one() {
    let state = tempfile::tempdir().unwrap();
    let engine = FakeEngine::new(&["node:24-bookworm"]);
    engine.program(|command| command[0] == "/sbin/docker-init", |_| async { 0 });
    let tried = tried(&engine, state.path(), &Shutdown::new()).await;
    assert_eq!(failed(&tried), []);
    assert_eq!(tried.image, None);
    let works: Vec<&str> = tried
        .checks
        .iter()
        .filter(|check| check.verdict == Verdict::Works)
        .map(|check| check.name)
        .collect();
    assert_eq!(
        works,
        [
            "network",
            "volumes",
            "create",
            "upload",
            "directory",
            "start",
            "remove",
            "speed"
        ]
    );
    assert!(
        tried
            .not_tried()
            .all(|(check, why)| check.name == "port" || why == NO_IMAGE)
    );
    assert!(is_empty(&engine).await);
    assert!(engine.images(&Labels::new()).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_ends_the_trial_and_leaves_nothing() {
    let state = tempfile::tempdir().unwrap();
    for (call, check) in [
        ("images", "create"),
        ("create_network", "network"),
        ("create_volume", "volumes"),
        ("create_container", "create"),
        ("upload", "upload"),
        ("start_container", "start"),
        ("exec", "exec"),
    ] {
        let engine = engine(ALL_WELL).await;
        engine.fault_on(
            call,
            0,
            Fault::Refuse(|| EngineError::Other("no way".into())),
        );
        let tried = tried(&engine, state.path(), &Shutdown::new()).await;
        let found = "the container engine says: no way".to_owned();
        assert_eq!(failed(&tried), [(check, found)], "{call}");
        let mut reasons = tried.not_tried().map(|(_, why)| why);
        assert!(
            reasons.any(|why| why == "a check before it failed"),
            "{call}"
        );
        assert!(is_empty(&engine).await, "{call}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_says_nothing_is_given_up_after_a_while() {
    let state = tempfile::tempdir().unwrap();
    let engine = engine(ALL_WELL).await;
    engine.fault_on("start_container", 0, Fault::HangAfter);
    let tried = tried(&engine, state.path(), &Shutdown::new()).await;
    let names: Vec<&str> = failed(&tried).iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["start", "speed"]);
    assert!(is_empty(&engine).await);
}

#[tokio::test(start_paused = true)]
async fn a_user_who_wants_to_stop_leaves_nothing() {
    let state = tempfile::tempdir().unwrap();
    let engine = engine(ALL_WELL).await;
    let shutdown = Shutdown::new();
    let pressed = shutdown.clone();
    engine.program(
        |command| command.get(2).is_some_and(|word| word == CHECK),
        move |_| {
            pressed.press(2);
            async { 0 }
        },
    );
    shutdown.press(2);
    let tried = tried(&engine, state.path(), &shutdown).await;
    let mut reasons = tried.not_tried().map(|(_, why)| why);
    assert!(reasons.any(|why| why == "interrupted"));
    assert!(is_empty(&engine).await);
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_trial_left_is_removed_and_two_do_not_meet() {
    let state = tempfile::tempdir().unwrap();
    let engine = engine(ALL_WELL).await;
    let given = EngineTrial {
        owner: "1000-1a2b3c4d",
        state: state.path().to_owned(),
        user: User::default(),
        is_local: false,
        shutdown: &Shutdown::new(),
    };
    let project = objects::project(&given);
    let objects = Objects::of(&project, given.user);
    let left = objects.volume(&objects.volume, None);
    engine.create_volume(&left).await.unwrap();
    let lock = Lock::try_take(&project.state_dir.join("lock"), "another").unwrap();
    let tried = try_engine(&engine, &given).await;
    assert!(
        tried
            .not_tried()
            .all(|(_, why)| why.starts_with("another `upsun-local doctor`"))
    );
    assert!(!is_empty(&engine).await);
    drop(lock);
    assert_eq!(failed(&try_engine(&engine, &given).await), []);
    assert!(is_empty(&engine).await);
}
