//! Files on their way to mounts and back.

use super::*;
use crate::engine::fake::Fault;

const USER: User = User {
    uid: 10_000,
    gid: 10_000,
};

/// An environment that is up, with the id of its web container.
async fn world() -> (World, String) {
    let world = World::new(SHOP);
    let id = world.up().await.unwrap()[0].id.clone();
    (world, id)
}

#[tokio::test(start_paused = true)]
async fn what_goes_onto_a_mount_comes_back_the_same() {
    let (world, id) = world().await;
    let (from, to) = (world.dir.path().join("from"), world.dir.path().join("to"));
    std::fs::create_dir_all(from.join("deep")).unwrap();
    std::fs::write(from.join("deep/one"), "first").unwrap();
    std::fs::write(from.join("empty"), "").unwrap();
    std::os::unix::fs::symlink("deep/one", from.join("link")).unwrap();
    world
        .on(async |sandbox| {
            sandbox.upload_to_mount(&id, "files", &from, USER).await?;
            sandbox.download_from_mount(&id, "files", &to).await
        })
        .await
        .unwrap();
    assert_eq!(
        std::fs::read_to_string(to.join("deep/one")).unwrap(),
        "first"
    );
    assert_eq!(std::fs::read_to_string(to.join("empty")).unwrap(), "");
    assert_eq!(
        std::fs::read_link(to.join("link")).unwrap().to_str(),
        Some("deep/one")
    );
    // It all belongs to the app's user, in the volume behind the mount.
    let store = world.engine.store();
    let name = world.project.name(&["local", "shop", "storage"]);
    let files = &store.volumes[&name].files;
    let (_, one) = files
        .iter()
        .find(|(path, _)| *path == "files/deep/one")
        .unwrap();
    assert_eq!((one.uid, one.gid), (10_000, 10_000));
}

#[tokio::test(start_paused = true)]
async fn a_download_that_breaks_off_is_told() {
    let (world, id) = world().await;
    let to = world.dir.path().join("to");
    world.engine.fault_on(
        "download",
        0,
        Fault::Cut(|| crate::engine::Error::Lost("reset".to_owned())),
    );
    let err = world
        .on(async |sandbox| sandbox.download_from_mount(&id, "files", &to).await)
        .await
        .unwrap_err();
    assert_eq!(
        err.to_string(),
        "the container engine stopped answering: reset"
    );
}

#[tokio::test(start_paused = true)]
async fn only_tmp_mounts_start_empty_in_a_new_container() {
    let (world, id) = world().await;
    for mount in ["files", "scratch", "own"] {
        let archive = super::super::archive::directories(["kept"], 10_000, 10_000).unwrap();
        let path = format!("/app/{mount}");
        world.engine.store().unpack(&id, &path, &archive).unwrap();
    }
    world.file("server.js", "listen(8080)");
    let id = world.up().await.unwrap()[0].id.clone();
    let store = world.engine.store();
    let there = |mount: &str| store.file(&id, &format!("/app/{mount}/kept")).is_some();
    assert!(there("files"));
    assert!(there("own"));
    assert!(!there("scratch"));
}

#[tokio::test(start_paused = true)]
async fn a_mount_over_files_of_the_source_is_worth_a_warning() {
    let world = World::new(SHOP);
    std::fs::create_dir(world.project.root.join("files")).unwrap();
    world.file("files/readme", "hidden");
    world.up().await.unwrap();
    let warnings: Vec<String> = world
        .take_told()
        .into_iter()
        .filter_map(|event| match event {
            Event::Warning { message, .. } => Some(message),
            _ => None,
        })
        .collect();
    assert_eq!(
        warnings,
        ["`shop`: The mount '/files' has a path that overlaps with a non-empty folder"]
    );
}
