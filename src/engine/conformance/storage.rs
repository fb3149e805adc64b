//! Volumes and networks.

use super::*;
use crate::engine::spec::{Layers, Network, VolumeDirectory};

pub(super) async fn volumes_are_made_once_and_removed_for_good<E: Engine>(trial: &Trial<'_, E>) {
    let engine = trial.engine;
    let spec = trial.volume("data").await;
    engine.create_volume(&spec).await.unwrap();
    let all = engine.volumes(&trial.labels()).await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!((&all[0].name, &all[0].labels), (&spec.name, &spec.labels));
    assert!(all[0].created.contains('T'), "{all:?}");
    engine.remove_volume(&spec.name).await.unwrap();
    engine.remove_volume(&spec.name).await.unwrap();
    assert_eq!(engine.volumes(&trial.labels()).await.unwrap(), []);
}

pub(super) async fn a_volume_is_shared_and_outlives_its_containers<E: Engine>(
    trial: &Trial<'_, E>,
) {
    let volume = trial.volume("data").await;
    let mut spec = trial.container("one");
    spec.volumes = vec![mounted(&volume, "/data")];
    let one = trial.start(&spec).await;
    spec.name = trial.name("two");
    let two = trial.start(&spec).await;
    assert_eq!(trial.run(&one, "touch /data/x").await.0, 0);
    assert_eq!(trial.run(&two, "cat /data/x").await.0, 0);
    trial.engine.remove_container(&one).await.unwrap();
    trial.engine.remove_container(&two).await.unwrap();
    spec.name = trial.name("three");
    let three = trial.start(&spec).await;
    assert_eq!(trial.run(&three, "cat /data/x").await.0, 0);
}

pub(super) async fn a_volume_in_use_stays_also_when_nothing_runs<E: Engine>(trial: &Trial<'_, E>) {
    let volume = trial.volume("data").await;
    let mut spec = trial.container("one");
    spec.volumes = vec![mounted(&volume, "/data")];
    let id = trial.create(&spec).await;
    let err = trial.engine.remove_volume(&volume.name).await.unwrap_err();
    assert!(matches!(&err, Error::Conflict(_)), "{err:?}");
    trial.engine.remove_container(&id).await.unwrap();
    trial.engine.remove_volume(&volume.name).await.unwrap();
}

/// A volume that stands for that directory of another.
fn directory<E: Engine>(trial: &Trial<'_, E>, of: &VolumeSpec, path: &str) -> VolumeSpec {
    VolumeSpec {
        name: format!("{}-directory", of.name),
        labels: trial.labels(),
        directory_of: Some(VolumeDirectory {
            volume: of.name.clone(),
            path: path.to_owned(),
        }),
        memory: None,
        layers: None,
    }
}

pub(super) async fn a_volume_can_stand_for_a_directory_of_another<E: Engine>(trial: &Trial<'_, E>) {
    let whole = trial.volume("data").await;
    let mut spec = trial.container("one");
    // Whom the files belong to.
    spec.user = "10000:10000".to_owned();
    spec.volumes = vec![mounted(&whole, "/data")];
    let one = trial.start(&spec).await;
    let files = [("deep/", ""), ("deep/down/", ""), ("deep/down/x", "there")];
    trial.upload(&one, "/data", &files).await.unwrap();
    let part = directory(trial, &whole, "deep/down");
    trial.engine.create_volume(&part).await.unwrap();
    spec.name = trial.name("two");
    spec.volumes = vec![mounted(&part, "/part")];
    let two = trial.start(&spec).await;
    assert_eq!(trial.run(&two, "cat /part/x").await.1, "there");
    assert_eq!(trial.run(&two, "touch /part/y").await.0, 0);
    assert_eq!(trial.run(&one, "cat /data/deep/down/y").await.0, 0);
    // The directory's volume goes, what is in it stays.
    trial.engine.remove_container(&two).await.unwrap();
    trial.engine.remove_volume(&part.name).await.unwrap();
    assert_eq!(trial.run(&one, "cat /data/deep/down/x").await.1, "there");
}

/// Docker can always mount such a copy on Linux as root. Other engines may refuse, and must do so at once.
pub(super) async fn a_volume_can_be_a_writable_copy_of_another<E: Engine>(trial: &Trial<'_, E>) {
    let engine = trial.engine;
    let lower = trial.volume("lower").await;
    let mut spec = trial.container("one");
    // Whom the files belong to.
    spec.user = "10000:10000".to_owned();
    spec.volumes = vec![mounted(&lower, "/data")];
    let one = trial.start(&spec).await;
    let files = [("deep/", ""), ("deep/x", "there")];
    trial.upload(&one, "/data", &files).await.unwrap();
    let (upper, work) = (trial.volume("upper").await, trial.volume("work").await);
    let copy = VolumeSpec {
        name: trial.name("copy"),
        labels: trial.labels(),
        directory_of: None,
        memory: None,
        layers: Some(Layers {
            lower: lower.name.clone(),
            upper: upper.name.clone(),
            work: work.name.clone(),
        }),
    };
    engine.create_volume(&copy).await.unwrap();
    spec.name = trial.name("two");
    spec.volumes = vec![mounted(&copy, "/data")];
    let started = match engine.create_container(&spec).await {
        Ok(id) => engine.start_container(&id).await.map(|()| id),
        Err(err) => Err(err),
    };
    match started {
        Ok(two) => {
            assert_eq!(trial.run(&two, "cat /data/deep/x").await.1, "there");
            assert_eq!(trial.run(&two, "touch /data/deep/y").await.0, 0);
            // Both containers of the copy see the same files.
            spec.name = trial.name("three");
            let three = trial.start(&spec).await;
            assert_eq!(trial.run(&three, "cat /data/deep/y").await.0, 0);
            for id in [&two, &three] {
                engine.remove_container(id).await.unwrap();
            }
        }
        Err(err) => assert!(matches!(&err, Error::Other(_)), "{err:?}"),
    }
    assert_ne!(trial.run(&one, "cat /data/deep/y").await.0, 0);
    let mut of_none = copy.clone();
    of_none.name = trial.name("other-copy");
    of_none.layers = Some(Layers {
        lower: trial.name("none"),
        upper: upper.name,
        work: work.name,
    });
    let err = engine.create_volume(&of_none).await.unwrap_err();
    assert!(matches!(&err, Error::NotFound(_)), "{err:?}");
    for name in [&copy.name, &of_none.name] {
        engine.remove_volume(name).await.unwrap();
    }
}

pub(super) async fn a_directory_that_is_not_there_cannot_be_mounted<E: Engine>(
    trial: &Trial<'_, E>,
) {
    let whole = trial.volume("data").await;
    let part = directory(trial, &whole, "none");
    trial.engine.create_volume(&part).await.unwrap();
    let mut spec = trial.container("one");
    spec.volumes = vec![mounted(&part, "/part")];
    let err = match trial.engine.create_container(&spec).await {
        Ok(id) => trial.engine.start_container(&id).await.unwrap_err(),
        Err(err) => err,
    };
    assert!(matches!(&err, Error::Other(_)), "{err:?}");
    let mut of_none = part.clone();
    of_none.name = trial.name("other-directory");
    of_none.directory_of = Some(VolumeDirectory {
        volume: trial.name("none"),
        path: String::new(),
    });
    let err = trial.engine.create_volume(&of_none).await.unwrap_err();
    assert!(matches!(&err, Error::NotFound(_)), "{err:?}");
}

pub(super) async fn a_volume_of_a_container_that_nobody_made_has_no_labels<E: Engine>(
    trial: &Trial<'_, E>,
) {
    let unmade = VolumeSpec {
        name: trial.name("unmade"),
        labels: Labels::new(),
        directory_of: None,
        memory: None,
        layers: None,
    };
    let mut spec = trial.container("one");
    spec.volumes = vec![mounted(&unmade, "/data")];
    let id = trial.create(&spec).await;
    let all = trial.engine.volumes(&Labels::new()).await.unwrap();
    let found = all.into_iter().find(|volume| volume.name == unmade.name);
    trial.engine.remove_container(&id).await.unwrap();
    // No label finds it, so it must go here.
    trial.engine.remove_volume(&unmade.name).await.unwrap();
    assert_eq!(found.unwrap().labels, Labels::new());
}

pub(super) async fn networks_are_made_once_and_removed_for_good<E: Engine>(trial: &Trial<'_, E>) {
    let engine = trial.engine;
    let (name, labels) = (trial.name("net"), trial.labels());
    engine.create_network(&name, &labels).await.unwrap();
    engine.create_network(&name, &labels).await.unwrap();
    let all = engine.networks(&labels).await.unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!((&all[0].name, &all[0].labels), (&name, &labels));
    engine.remove_network(&all[0].id).await.unwrap();
    engine.remove_network(&all[0].id).await.unwrap();
    assert_eq!(engine.networks(&labels).await.unwrap(), []);
}

pub(super) async fn a_network_goes_after_its_containers<E: Engine>(trial: &Trial<'_, E>) {
    let engine = trial.engine;
    let (name, labels) = (trial.name("net"), trial.labels());
    engine.create_network(&name, &labels).await.unwrap();
    let mut spec = trial.container("one");
    spec.network = Some(Network {
        name: name.clone(),
        aliases: Vec::new(),
        links: Vec::new(),
    });
    let id = trial.start(&spec).await;
    assert!(engine.remove_network(&name).await.is_err());
    // Docker removes it as soon as the container does not run any more, Podman not yet.
    engine.remove_container(&id).await.unwrap();
    engine.remove_network(&name).await.unwrap();
}

pub(super) async fn a_container_does_not_start_on_a_network_that_is_not_there<E: Engine>(
    trial: &Trial<'_, E>,
) {
    let mut spec = trial.container("one");
    spec.network = Some(Network {
        name: trial.name("net"),
        aliases: Vec::new(),
        links: Vec::new(),
    });
    // Podman refuses to create it, and Docker to start it.
    let created = trial.engine.create_container(&spec).await;
    let started = match &created {
        Ok(id) => trial.engine.start_container(id).await,
        Err(_) => Ok(()),
    };
    let ((Err(refusal), _) | (_, Err(refusal))) = (&created, &started) else {
        panic!("it runs");
    };
    assert!(matches!(refusal, Error::NotFound(_)), "{refusal:?}");
    // It is found by its name, whoever made it and when.
    let name = trial.name("net");
    trial
        .engine
        .create_network(&name, &trial.labels())
        .await
        .unwrap();
    let id = match created {
        Ok(id) => id,
        Err(_) => trial.create(&spec).await,
    };
    trial.engine.start_container(&id).await.unwrap();
}
