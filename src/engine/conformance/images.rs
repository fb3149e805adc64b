//! Images: pulled, built, found, removed.

use std::sync::Mutex;

use super::*;
use crate::engine::spec::{Collected, ImageCopy, ImageFile};

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

pub(super) async fn an_image_holds_what_its_plan_says<E: Engine>(trial: &Trial<'_, E>) {
    let file = |path: &str, text: &str| ImageFile {
        path: path.to_owned(),
        mode: 0o644,
        bytes: text.as_bytes().to_vec(),
    };
    let pairs = |all: &[(&str, &str)]| -> Vec<(String, String)> {
        let all = all.iter();
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    let plan = ImagePlan {
        copies: vec![ImageCopy {
            image: IMAGE.to_owned(),
            from: "/etc/passwd".to_owned(),
            to: "/opt/copied".to_owned(),
            without: None,
        }],
        variables: pairs(&[("FIRST", "a \"b\" \\c"), ("SECOND", "$FIRST d")]),
        collected: vec![Collected {
            name: "collected".to_owned(),
            image: IMAGE.to_owned(),
            files: vec![file("/collect/found", "found")],
            command: words("true"),
            from: "/collect/".to_owned(),
            to: "/opt/collected/".to_owned(),
        }],
        files: vec![file("/opt/one", "1"), file("/opt/deep/two", "2")],
        command: words("touch /opt/made"),
        run_variables: pairs(&[("RUN", "only")]),
        user: "10000:10000".to_owned(),
        working_dir: "/opt/deep".to_owned(),
        run: words("sleep 1000"),
        ..trial.image()
    };
    let tag = format!("upsun-local/conformance:{}", trial.id);
    let build = trial.build(&tag, &plan, trial.labels());
    trial.engine.build_image(&build, &|_| {}).await.unwrap();
    let spec = ContainerSpec {
        image: tag,
        command: Vec::new(),
        user: String::new(),
        working_dir: String::new(),
        ..trial.container("one")
    };
    let id = trial.start(&spec).await;
    for (command, expected) in [
        ("id -u", "10000\n"),
        ("pwd", "/opt/deep\n"),
        ("printenv FIRST", "a \"b\" \\c\n"),
        ("printenv SECOND", "a \"b\" \\c d\n"),
        ("printenv RUN", "only\n"),
        ("cat /opt/one", "1"),
        ("cat /opt/deep/two", "2"),
        ("cat /opt/collected/found", "found"),
        ("cat /opt/made", ""),
    ] {
        let (code, out, errors) = trial.run(&id, command).await;
        assert_eq!((code, out.as_str()), (0, expected), "{command}: {errors}");
    }
    assert_eq!(trial.run(&id, "cat /opt/copied").await.0, 0);
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
