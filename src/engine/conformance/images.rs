//! Images: pulled, built, found, removed.

use std::sync::Mutex;

use super::*;

async fn build<E: Engine>(trial: &Trial<'_, E>) -> String {
    let tag = format!("upsun-local/conformance:{}", trial.id);
    let plan = trial.image();
    let build = trial.build(&tag, &plan, trial.labels());
    let lines = Mutex::new(Vec::new());
    trial
        .engine
        .build_image(&build, &|line| lines.lock().unwrap().push(line.to_owned()))
        .await
        .unwrap();
    tag
}

pub(super) async fn an_image_is_built_found_and_removed<E: Engine>(trial: &Trial<'_, E>) {
    let tag = build(trial).await;
    let found = trial.engine.image(&tag).await.unwrap().unwrap();
    let carries = |labels: &Labels| {
        let id = labels.get(LABEL_PROJECT);
        id == Some(&trial.id)
    };
    assert!(carries(&found.labels), "{found:?}");
    let all = trial.engine.images(&trial.labels()).await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].id, found.id);
    assert_eq!(all[0].tags, std::slice::from_ref(&tag));
    trial.engine.remove_image(&tag).await.unwrap();
    trial.engine.remove_image(&tag).await.unwrap();
    assert_eq!(trial.engine.image(&tag).await.unwrap(), None);
}

pub(super) async fn an_image_that_a_container_uses_stays<E: Engine>(trial: &Trial<'_, E>) {
    let mut spec = trial.container("one");
    spec.image = build(trial).await;
    let id = trial.create(&spec).await;
    let err = trial.engine.remove_image(&spec.image).await.unwrap_err();
    assert!(matches!(&err, Error::Conflict(_)), "{err:?}");
    trial.engine.remove_container(&id).await.unwrap();
    trial.engine.remove_image(&spec.image).await.unwrap();
}

pub(super) async fn an_image_that_no_registry_has_is_not_pulled<E: Engine>(trial: &Trial<'_, E>) {
    let name = format!("node:{}", trial.id);
    let err = trial.engine.pull_image(&name, &|_| {}).await.unwrap_err();
    // Without a network nobody can tell.
    let image = match &err {
        Error::ImageNotFound { image, .. } | Error::Registry { image, .. } => image,
        err => panic!("{err:?}"),
    };
    assert_eq!(*image, name);
}
