//! Files on their way to mounts and back.

use super::super::mounts::download::PACK;
use super::*;
use crate::engine::fake::{Living, Process};
use crate::event;
use crate::mount_snapshot::{Index, Store, Taken};
use crate::shutdown::Urgency;

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

/// What packs a mount does this.
fn packing<F, T>(world: &World, program: F)
where
    F: Fn(Process) -> T + Send + Sync + 'static,
    T: Future<Output = i64> + Send + 'static,
{
    let is_packing =
        |command: &[String]| command.get(2).is_some_and(|script| script.ends_with(PACK));
    world.engine.program(is_packing, program);
}

/// What it prints: that there is nothing but files, and the archive.
fn packed(process: &Process) -> Vec<u8> {
    let mount = process.command().last().cloned().unwrap_or_default();
    let path = format!("/app/{mount}/.");
    let archive = process.store().download(process.container(), &path);
    [b"\0".to_vec(), archive.unwrap()].concat()
}

#[tokio::test(start_paused = true)]
async fn what_goes_onto_a_mount_comes_back_the_same() {
    let (world, id) = world().await;
    packing(&world, async |process| {
        let archive = packed(&process);
        process.print(archive).await;
        0
    });
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
    packing(&world, async |process| {
        let archive = packed(&process);
        process.print(archive[..archive.len() / 2].to_vec()).await;
        process.complain("tar: ./x: File removed\n").await;
        2
    });
    let err = world
        .on(async |sandbox| sandbox.download_from_mount(&id, "files", &to).await)
        .await
        .unwrap_err();
    let expected = format!("{}: tar: ./x: File removed", to.display());
    assert_eq!(err.to_string(), expected);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_downloaded_is_named() {
    let (world, id) = world().await;
    let to = world.dir.path().join("to");
    packing(&world, async |process| {
        let archive = packed(&process);
        process.print("deep/pi\x1bpe\0socket\0").await;
        process.print(archive).await;
        process
            .complain("tar: ./closed: Cannot open\ntar: ./other: Cannot open\n")
            .await;
        1
    });
    world
        .on(async |sandbox| sandbox.download_from_mount(&id, "files", &to).await)
        .await
        .unwrap();
    let warnings: Vec<String> = world
        .take_told()
        .into_iter()
        .filter_map(|event| match event {
            Event::Notice(event::Notice::Warning { message, .. }) => Some(message),
            _ => None,
        })
        .collect();
    assert_eq!(
        warnings,
        [
            "`/files/deep/pi\\u{1b}pe` and `/files/socket` are not copied: they are named pipes, sockets or devices",
            "not all of `/files` could be copied: tar: ./closed: Cannot open (and 1 more)"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_first_ctrl_c_ends_a_download_and_what_packs_it() {
    let (world, id) = world().await;
    let to = world.dir.path().join("to");
    let (begun, mut has_begun) = tokio::sync::mpsc::channel(1);
    packing(&world, move |process| {
        let begun = begun.clone();
        async move {
            process.print("\0").await;
            let _ = begun.send(()).await;
            std::future::pending().await
        }
    });
    let err = world
        .on(async |sandbox| {
            let press = async {
                has_begun.recv().await;
                sandbox.shutdown.press(2);
            };
            let download = sandbox.download_from_mount(&id, "files", &to);
            tokio::join!(download, press).0
        })
        .await
        .unwrap_err();
    assert!(matches!(err, Error::Interrupted), "{err}");
    let packs = |living: &std::sync::Arc<Living>| {
        living
            .command
            .get(2)
            .is_some_and(|script| script.ends_with(PACK))
    };
    let left = world.engine.store().processes(&id);
    assert!(!left.iter().any(packs));
}

/// What looks at mounts begins, and never ends.
fn looking(world: &World) -> tokio::sync::mpsc::Receiver<()> {
    let (begun, has_begun) = tokio::sync::mpsc::channel(8);
    let looks = |command: &[String]| {
        command
            .get(2)
            .is_some_and(|script| script.contains("find \"$@\""))
    };
    world.engine.program(looks, move |process| {
        let begun = begun.clone();
        async move {
            let _ = begun.send(()).await;
            // What it could still print is not over as long as it lives.
            let _living = process;
            std::future::pending().await
        }
    });
    has_begun
}

#[tokio::test(start_paused = true)]
async fn the_first_ctrl_c_ends_a_snapshot_and_leaves_none() {
    let (world, id) = world().await;
    let mut has_begun = looking(&world);
    let store = Store::of(&world.project.state_dir, "local", "shop");
    let err = world
        .on(async |sandbox| {
            let press = async {
                has_begun.recv().await;
                sandbox.shutdown.press(2);
            };
            let mounts = ["files".to_owned()];
            let taking = sandbox.take_snapshot(&id, "shop", &mounts, &store, "kept");
            tokio::join!(taking, press).0.map(|_| ())
        })
        .await
        .unwrap_err();
    assert!(matches!(err, Error::Interrupted), "{err}");
    assert_eq!(store.names().unwrap(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn mounts_are_put_back_after_a_ctrl_c_and_left_after_one_more() {
    for pressed in [0, 1] {
        let (world, id) = world().await;
        let mut has_begun = looking(&world);
        let err = world
            .on(async |sandbox| {
                for _ in 0..pressed {
                    sandbox.shutdown.press(2);
                }
                let press = async {
                    has_begun.recv().await;
                    // It goes on, and has some time left.
                    sandbox.shutdown.press(2);
                    let is_told = || {
                        let told = world.told.lock().unwrap();
                        told.iter().any(|event| {
                            matches!(event, Event::Notice(event::Notice::Cancelling { .. }))
                        })
                    };
                    while !is_told() {
                        tokio::task::yield_now().await;
                    }
                    assert_eq!(sandbox.shutdown.urgency() > Urgency::Cancel, pressed > 0);
                    sandbox.shutdown.press(2);
                };
                let taken = Taken {
                    taken_at: String::new(),
                    mounts: vec!["files".to_owned()],
                    index: Index::default(),
                };
                let archive = tempfile::tempfile().unwrap();
                let restoring = sandbox.restore_snapshot(&id, "shop", taken, archive);
                tokio::join!(restoring, press).0.map(|_| ())
            })
            .await
            .unwrap_err();
        assert!(matches!(err, Error::Interrupted), "{err}");
        let told = world.take_told();
        let is_told =
            |event: &Event| matches!(event, Event::Notice(event::Notice::Cancelling { .. }));
        assert_eq!(
            told.iter().filter(|event| is_told(event)).count(),
            1,
            "{told:?}"
        );
    }
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
            Event::Notice(event::Notice::Warning { message, .. }) => Some(message),
            _ => None,
        })
        .collect();
    assert_eq!(
        warnings,
        ["`shop`: The mount '/files' has a path that overlaps with a non-empty folder"]
    );
}
