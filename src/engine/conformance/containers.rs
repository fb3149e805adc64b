//! Containers: created, started, stopped, renamed, removed; their logs.

use super::*;
use crate::engine::spec::{ContainerState, LogLimit, MemoryLimit};

pub(super) async fn a_container_is_created_then_runs_then_has_ended<E: Engine>(
    trial: &Trial<'_, E>,
) {
    let engine = trial.engine;
    let spec = trial.container("one");
    let id = trial.create(&spec).await;
    let listed = trial.listed(&id).await.unwrap();
    assert_eq!(listed.name, spec.name);
    assert_eq!(listed.status, "Created");
    assert!(!listed.running);
    // Both are fine: it does not run.
    engine.stop_container(&id).await.unwrap();
    engine.start_container(&id).await.unwrap();
    engine.start_container(&id).await.unwrap();
    let listed = trial.listed(&id).await.unwrap();
    assert!(
        listed.running && listed.status.starts_with("Up"),
        "{listed:?}"
    );
    assert!(engine.container_state(&id).await.unwrap().unwrap().running);
    engine.stop_container(&id).await.unwrap();
    let ended = ContainerState {
        running: false,
        exit_code: 143,
        out_of_memory: false,
    };
    assert_eq!(engine.container_state(&id).await.unwrap(), Some(ended));
    let listed = trial.listed(&id).await.unwrap();
    assert!(listed.status.starts_with("Exited (143)"), "{listed:?}");
    engine.stop_container(&id).await.unwrap();
    engine.remove_container(&id).await.unwrap();
    engine.remove_container(&id).await.unwrap();
    assert_eq!(engine.container_state(&id).await.unwrap(), None);
    assert_eq!(trial.listed(&id).await, None);
}

pub(super) async fn a_container_that_ended_by_itself_has_its_code_and_can_start_again<E: Engine>(
    trial: &Trial<'_, E>,
) {
    let mut spec = trial.container("one");
    spec.command = words("false");
    let id = trial.start(&spec).await;
    assert_eq!(trial.wait_until_ended(&id).await, 1);
    trial.engine.start_container(&id).await.unwrap();
    assert_eq!(trial.wait_until_ended(&id).await, 1);
}

pub(super) async fn a_container_whose_command_is_missing_fails<E: Engine>(trial: &Trial<'_, E>) {
    let mut spec = trial.container("one");
    spec.command = words("no-such-command");
    let id = trial.start(&spec).await;
    // Docker's init exits with 127, Podman's with 1.
    assert_ne!(trial.wait_until_ended(&id).await, 0);
}

pub(super) async fn names_are_unique<E: Engine>(trial: &Trial<'_, E>) {
    let spec = trial.container("one");
    let id = trial.create(&spec).await;
    let err = trial.engine.create_container(&spec).await.unwrap_err();
    assert!(matches!(&err, Error::Conflict(_)), "{err:?}");
    // Containers are found by their names too.
    trial.engine.remove_container(&spec.name).await.unwrap();
    assert_eq!(trial.listed(&id).await, None);
    trial.create(&spec).await;
}

pub(super) async fn names_can_be_changed_to_free_ones<E: Engine>(trial: &Trial<'_, E>) {
    let engine = trial.engine;
    let one = trial.start(&trial.container("one")).await;
    trial.create(&trial.container("two")).await;
    let err = engine
        .rename_container(&one, &trial.name("two"))
        .await
        .unwrap_err();
    assert!(matches!(&err, Error::Conflict(_)), "{err:?}");
    engine
        .rename_container(&one, &trial.name("three"))
        .await
        .unwrap();
    assert_eq!(trial.listed(&one).await.unwrap().name, trial.name("three"));
    // The old name is free.
    trial.create(&trial.container("one")).await;
}

pub(super) async fn what_is_not_there_is_not_found_or_gone_already<E: Engine>(
    trial: &Trial<'_, E>,
) {
    let engine = trial.engine;
    let name = trial.name("none");
    let not_found = |result: Result<()>| {
        assert!(matches!(&result, Err(Error::NotFound(_))), "{result:?}");
    };
    not_found(engine.start_container(&name).await);
    not_found(engine.rename_container(&name, &trial.name("other")).await);
    let spec = ExecSpec {
        command: words("true"),
        ..ExecSpec::default()
    };
    not_found(engine.exec(&name, &spec).await.map(|_| ()));
    not_found(engine.resize_exec(&name, 80, 24).await);
    not_found(trial.upload(&name, "/", &[("x", "")]).await);
    let log = engine.logs(&name, LogRange::default()).next().await;
    assert!(matches!(&log, Some(Err(Error::NotFound(_)))), "{log:?}");
    engine.stop_container(&name).await.unwrap();
    engine.remove_container(&name).await.unwrap();
    engine.remove_volume(&name).await.unwrap();
    engine.remove_network(&name).await.unwrap();
    engine.remove_image(&name).await.unwrap();
    assert_eq!(engine.container_state(&name).await.unwrap(), None);
    assert_eq!(engine.image(&name).await.unwrap(), None);
}

pub(super) async fn an_image_that_is_not_there_has_an_error_of_its_own<E: Engine>(
    trial: &Trial<'_, E>,
) {
    let mut spec = trial.container("one");
    spec.image = trial.name("image");
    let err = trial.engine.create_container(&spec).await.unwrap_err();
    assert!(
        matches!(&err, Error::ImageNotFound { image, .. } if *image == spec.image),
        "{err:?}"
    );
}

pub(super) async fn labels_filter_by_name_and_by_value<E: Engine>(trial: &Trial<'_, E>) {
    let own = format!("local.upsun.{}", trial.id);
    let mut ids = Vec::new();
    for value in ["a", "b", ""] {
        let mut spec = trial.container(&format!("one{value}"));
        spec.labels.insert(own.clone(), value.to_owned());
        ids.push(trial.create(&spec).await);
    }
    let found = async |value: &str| {
        let labels = Labels::from([(own.clone(), value.to_owned())]);
        let all = trial.engine.containers(&labels).await.unwrap();
        all.len()
    };
    assert_eq!(found("a").await, 1);
    assert_eq!(found("c").await, 0);
    assert_eq!(found("").await, 3);
    let mut both = trial.labels();
    both.insert(own.clone(), "b".to_owned());
    let all = trial.engine.containers(&both).await.unwrap();
    assert_eq!(all[0].id, ids[1]);
    assert_eq!(all[0].labels.get(&own).map(String::as_str), Some("b"));
    both.insert(LABEL_PROJECT.to_owned(), "another".to_owned());
    assert_eq!(trial.engine.containers(&both).await.unwrap(), []);
}

/// Objects of every kind with the first of two labels, with the second, and with both.
pub(super) async fn what_carries_one_label_of_two_is_not_listed<E: Engine>(trial: &Trial<'_, E>) {
    let engine = trial.engine;
    let extra = |name: &str| {
        let mut labels = trial.labels();
        labels.insert(format!("local.upsun.test-{name}"), trial.id.clone());
        labels
    };
    let (first, second) = (extra("first"), extra("second"));
    let mut both = first.clone();
    both.extend(second.clone());
    let of_base = trial.image();
    for (part, labels) in [("one", first), ("two", second), ("both", both.clone())] {
        let mut spec = trial.container(part);
        spec.labels = labels.clone();
        trial.create(&spec).await;
        let network = trial.name(part);
        engine.create_network(&network, &labels).await.unwrap();
        let volume = VolumeSpec {
            name: trial.name(part),
            labels: labels.clone(),
            directory_of: None,
            memory: None,
            layers: None,
        };
        engine.create_volume(&volume).await.unwrap();
        let tag = format!("upsun-local/{}:{part}", trial.id);
        let build = trial.build(&tag, &of_base, labels);
        engine.build_image(&build, &|_| {}).await.unwrap();
    }
    // Neither label nor both together stand for the trial's own.
    both.remove(LABEL_PROJECT);
    let name = trial.name("both");
    let containers = engine.containers(&both).await.unwrap();
    let volumes = engine.volumes(&both).await.unwrap();
    let networks = engine.networks(&both).await.unwrap();
    let images = engine.images(&both).await.unwrap();
    let names: Vec<&String> = containers
        .iter()
        .map(|container| &container.name)
        .chain(volumes.iter().map(|volume| &volume.name))
        .chain(networks.iter().map(|network| &network.name))
        .collect();
    assert_eq!(names, [&name; 3]);
    let tags: Vec<&String> = images.iter().flat_map(|image| &image.tags).collect();
    assert_eq!(tags, [&format!("upsun-local/{}:both", trial.id)]);
}

pub(super) async fn logs_hold_what_the_first_process_wrote<E: Engine>(trial: &Trial<'_, E>) {
    let mut spec = trial.container("one");
    spec.command = words("echo one");
    let id = trial.start(&spec).await;
    trial.wait_until_ended(&id).await;
    trial.engine.start_container(&id).await.unwrap();
    trial.wait_until_ended(&id).await;
    assert_eq!(trial.log(&id, LogRange::default()).await, "one\none\n");
    let last = LogRange {
        tail: Some(1),
        ..LogRange::default()
    };
    assert_eq!(trial.log(&id, last).await, "one\n");
    let none = LogRange {
        tail: Some(0),
        ..LogRange::default()
    };
    assert_eq!(trial.log(&id, none).await, "");
}

pub(super) async fn a_followed_log_ends_with_its_container<E: Engine>(trial: &Trial<'_, E>) {
    let id = trial.start(&trial.container("one")).await;
    let follow = LogRange {
        follow: true,
        ..LogRange::default()
    };
    let stop = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        trial.engine.stop_container(&id).await.unwrap();
    };
    let (log, ()) = tokio::join!(trial.log(&id, follow), stop);
    assert_eq!(log, "");
}

pub(super) async fn a_log_keeps_its_end_and_no_more_than_its_limit<E: Engine>(
    trial: &Trial<'_, E>,
) {
    let mut spec = trial.container("one");
    spec.command = words("seq 100000");
    spec.log_limit = LogLimit(256 * 1024);
    let id = trial.start(&spec).await;
    trial.wait_until_ended(&id).await;
    let log = trial.log(&id, LogRange::default()).await;
    assert!(log.ends_with("\n99999\n100000\n"), "{}", log.len());
    assert!(!log.starts_with("1\n"), "{}", log.len());
    assert!(log.len() <= 256 * 1024, "{}", log.len());
    let last = LogRange {
        tail: Some(1),
        ..LogRange::default()
    };
    assert_eq!(trial.log(&id, last).await, "100000\n");
}

pub(super) async fn what_takes_more_memory_than_it_may_is_killed_and_said_to_be<E: Engine>(
    trial: &Trial<'_, E>,
) {
    let mut spec = trial.container("one");
    spec.command = words("tail /dev/zero");
    spec.memory = MemoryLimit::Bytes(32 * 1024 * 1024);
    let id = trial.start(&spec).await;
    assert_eq!(trial.wait_until_ended(&id).await, 137);
    let state = trial.engine.container_state(&id).await.unwrap().unwrap();
    let info = trial.engine.info().await.unwrap();
    let is_noticed = info.name != "Podman Engine" || info.cgroup_version == "2";
    assert!(state.out_of_memory || !is_noticed, "{state:?}");
}
