//! Files in and out of containers, and where they can be written.

use std::io::Read;

use super::*;
use crate::engine::spec::Tmpfs;

/// What a download brings: names and contents. Some engines end the names of directories with a slash, and some begin
/// with the directory itself.
async fn downloaded<E: Engine>(
    trial: &Trial<'_, E>,
    id: &str,
    path: &str,
) -> Vec<(String, String)> {
    let mut bytes = Vec::new();
    let mut stream = trial.engine.download(id, path);
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece.unwrap());
    }
    let mut archive = tar::Archive::new(bytes.as_slice());
    let mut all: Vec<(String, String)> = archive
        .entries()
        .unwrap()
        .map(|entry| {
            let mut entry = entry.unwrap();
            let is_directory = entry.header().entry_type().is_dir();
            let mut name = entry.path().unwrap().to_string_lossy().into_owned();
            if is_directory && !name.ends_with('/') {
                name.push('/');
            }
            let mut content = String::new();
            entry.read_to_string(&mut content).unwrap();
            (name, content)
        })
        .collect();
    all.sort();
    all
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter()
        .map(|(name, content)| ((*name).to_owned(), (*content).to_owned()))
        .collect()
}

pub(super) async fn what_is_uploaded_can_be_read_and_downloaded<E: Engine>(trial: &Trial<'_, E>) {
    let id = trial.start(&trial.container("one")).await;
    let files = [("a/", ""), ("a/one", "first"), ("a/b/two", "second")];
    trial.upload(&id, "/mnt", &files).await.unwrap();
    assert_eq!(trial.run(&id, "cat /mnt/a/b/two").await.1, "second");
    assert_eq!(
        downloaded(trial, &id, "/mnt/a").await,
        pairs(&[
            ("a/", ""),
            ("a/b/", ""),
            ("a/b/two", "second"),
            ("a/one", "first")
        ])
    );
    assert_eq!(
        downloaded(trial, &id, "/mnt/a/one").await,
        pairs(&[("one", "first")])
    );
    // What is there already is replaced.
    trial
        .upload(&id, "/mnt/a", &[("one", "third")])
        .await
        .unwrap();
    assert_eq!(trial.run(&id, "cat /mnt/a/one").await.1, "third");
}

pub(super) async fn files_go_into_containers_that_never_ran<E: Engine>(trial: &Trial<'_, E>) {
    let id = trial.create(&trial.container("one")).await;
    trial.upload(&id, "/mnt", &[("x", "there")]).await.unwrap();
    assert_eq!(
        downloaded(trial, &id, "/mnt/x").await,
        pairs(&[("x", "there")])
    );
    trial.engine.start_container(&id).await.unwrap();
    assert_eq!(trial.run(&id, "cat /mnt/x").await.1, "there");
}

pub(super) async fn an_upload_goes_through_to_the_volumes_below<E: Engine>(trial: &Trial<'_, E>) {
    let volume = trial.volume("data").await;
    let mut spec = trial.container("one");
    spec.volumes = vec![mounted(&volume, "/mnt/0")];
    let one = trial.create(&spec).await;
    let files = [("0/", ""), ("0/deep/", ""), ("0/deep/x", "there")];
    trial.upload(&one, "/mnt", &files).await.unwrap();
    spec.name = trial.name("two");
    spec.volumes = vec![mounted(&volume, "/elsewhere")];
    let two = trial.start(&spec).await;
    assert_eq!(trial.run(&two, "cat /elsewhere/deep/x").await.1, "there");
}

pub(super) async fn an_upload_needs_its_directory<E: Engine>(trial: &Trial<'_, E>) {
    let id = trial.create(&trial.container("one")).await;
    let err = trial.upload(&id, "/none", &[("x", "")]).await.unwrap_err();
    assert!(matches!(&err, Error::NotFound(_)), "{err:?}");
}

pub(super) async fn an_upload_that_breaks_off_on_our_side_is_our_error<E: Engine>(
    trial: &Trial<'_, E>,
) {
    let id = trial.create(&trial.container("one")).await;
    let begun = archive(&[("x", "there")]).slice(..512);
    let broken = std::io::Error::other("the disk is gone");
    let stream = futures_util::stream::iter([Ok(begun), Err(broken)]);
    let err = trial
        .engine
        .upload(&id, "/mnt", Box::pin(stream))
        .await
        .unwrap_err();
    assert!(
        matches!(&err, Error::Io(err) if err.to_string() == "the disk is gone"),
        "{err:?}"
    );
}

pub(super) async fn a_download_of_nothing_fails<E: Engine>(trial: &Trial<'_, E>) {
    let id = trial.create(&trial.container("one")).await;
    for (container, path) in [(id.as_str(), "/none"), (&trial.name("none"), "/mnt")] {
        let first = trial.engine.download(container, path).next().await;
        assert!(matches!(&first, Some(Err(_))), "{first:?}");
    }
}

pub(super) async fn the_content_of_a_directory_comes_without_its_name<E: Engine>(
    trial: &Trial<'_, E>,
) {
    let volume = trial.volume("data").await;
    let mut spec = trial.container("one");
    spec.volumes = vec![mounted(&volume, "/data")];
    let id = trial.start(&spec).await;
    trial.upload(&id, "/data", &[("x", "there")]).await.unwrap();
    let names: Vec<String> = downloaded(trial, &id, "/data/.")
        .await
        .into_iter()
        .map(|(name, _)| name.trim_start_matches("./").to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    assert_eq!(names, ["x"]);
}

pub(super) async fn a_read_only_container_can_only_write_to_volumes_and_memory<E: Engine>(
    trial: &Trial<'_, E>,
) {
    let (data, fixed) = (trial.volume("data").await, trial.volume("fixed").await);
    let mut spec = trial.container("one");
    spec.read_only = true;
    spec.volumes = vec![mounted(&data, "/data"), mounted(&fixed, "/fixed")];
    spec.volumes[1].read_only = true;
    spec.tmpfs = vec![Tmpfs {
        target: "/run".to_owned(),
        options: "rw,mode=1777".to_owned(),
        size: 1024 * 1024,
    }];
    let id = trial.start(&spec).await;
    assert_eq!(trial.run(&id, "touch /data/x").await.0, 0);
    assert_eq!(trial.run(&id, "touch /run/x").await.0, 0);
    for path in ["/etc/x", "/fixed/x", "/tmp/x", "/var/tmp/x"] {
        let (code, _, errors) = trial.run(&id, &format!("touch {path}")).await;
        assert_eq!(code, 1, "{path}");
        assert!(errors.contains("Read-only file system"), "{path}: {errors}");
    }
    // From outside neither.
    for path in ["/etc", "/fixed"] {
        let result = trial.upload(&id, path, &[("y", "")]).await;
        assert!(
            matches!(&result, Err(Error::Other(_))),
            "{path}: {result:?}"
        );
    }
    trial.upload(&id, "/data", &[("y", "there")]).await.unwrap();
    assert_eq!(trial.run(&id, "cat /data/y").await.1, "there");
}

pub(super) async fn what_is_written_in_a_container_itself_can_be_listed<E: Engine>(
    trial: &Trial<'_, E>,
) {
    let volume = trial.volume("data").await;
    let mut spec = trial.container("one");
    spec.volumes = vec![mounted(&volume, "/mnt")];
    let id = trial.start(&spec).await;
    for path in ["/etc/one", "/mnt/two"] {
        assert_eq!(trial.run(&id, &format!("touch {path}")).await.0, 0);
    }
    let found = trial.engine.changed_paths(&id).await.unwrap();
    assert!(found.contains(&"/etc/one".to_owned()), "{found:?}");
    assert!(!found.contains(&"/mnt/two".to_owned()), "{found:?}");
    let err = trial.engine.changed_paths("no-such").await.unwrap_err();
    assert!(matches!(&err, Error::NotFound(_)), "{err:?}");
}
