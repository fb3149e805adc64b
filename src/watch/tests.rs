use super::*;

#[tokio::test(start_paused = true)]
async fn many_events_are_one_and_a_stream_of_them_is_not_waited_for_for_ever() {
    let (sender, mut events) = unbounded_channel();
    for (count, patience) in [(10, 1), (5000, PATIENCE)] {
        for _ in 0..count {
            sender.send(()).unwrap();
        }
        let began = Instant::now();
        happened(&mut events).await;
        settle(&mut events, &mut Pending::now()).await;
        assert_eq!(began.elapsed().as_millis(), (QUIET * patience).as_millis());
        assert!(events.try_recv().is_err());
    }

    let writer = tokio::spawn(async move {
        loop {
            sender.send(()).unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let began = Instant::now();
    settle(&mut events, &mut Pending::now()).await;
    assert_eq!(began.elapsed().as_millis(), LIMIT.as_millis());
    writer.abort();
}

#[tokio::test]
async fn whoever_stops_waiting_in_the_middle_loses_no_change() {
    let (_dir, root) = repository();
    let mut watch = start(&root, &root.with_file_name("cache"));
    std::fs::write(root.join("a"), "2").unwrap();
    while watch.pending.is_none() {
        let _ = tokio::time::timeout(Duration::from_millis(2), watch.changed()).await;
    }
    assert!(changes(&mut watch).await);
}

#[tokio::test]
async fn a_caller_that_always_stops_waiting_in_the_middle_is_told_of_a_change() {
    let (_dir, root) = repository();
    let mut watch = start(&root, &root.with_file_name("cache"));
    std::fs::write(root.join("a"), "2").unwrap();
    let told_in_the_end = async |watch: &mut Watch| {
        let began = Instant::now();
        // Much less than the time for which it must be quiet.
        while tokio::time::timeout(QUIET / 10, watch.changed())
            .await
            .is_err()
        {
            assert!(began.elapsed() < Duration::from_secs(10));
        }
    };
    told_in_the_end(&mut watch).await;
    // Also where the kernel tells nothing.
    watch.watcher = None;
    std::fs::write(root.join("a"), "3").unwrap();
    told_in_the_end(&mut watch).await;
}

/// A repository with one file, in a directory that goes with the first value.
fn repository() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let root = std::fs::canonicalize(dir.path())
        .unwrap()
        .join("repository");
    std::fs::create_dir_all(&root).unwrap();
    std::fs::write(root.join("a"), "1").unwrap();
    (dir, root)
}

fn start(root: &Path, cache: &Path) -> Watch {
    let everything = |settings: &[u8], tree: &Tree| {
        let id = tree.id("").map(|id| id.to_string());
        [settings, id.unwrap_or_default().as_bytes()].concat()
    };
    Watch::start(root, cache, Box::new(everything)).unwrap()
}

async fn changes(watch: &mut Watch) -> bool {
    tokio::time::timeout(Duration::from_secs(3), watch.changed())
        .await
        .is_ok()
}

#[tokio::test]
async fn what_matters_is_told_however_it_is_written_and_what_git_ignores_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let root = std::fs::canonicalize(dir.path())
        .unwrap()
        .join("repository");
    let file = |name: &str, text: &str| std::fs::write(root.join(name), text).unwrap();
    std::fs::create_dir_all(root.join("src")).unwrap();
    std::fs::create_dir_all(root.join("logs")).unwrap();
    file(".gitignore", "logs\n*.log\n");
    file("src/a", "1");
    let mut watch = start(&root, &dir.path().join("cache"));
    assert_eq!(watch.warning(), None);
    assert_eq!(watch.files(), 2);

    file("src/a", "2");
    assert!(changes(&mut watch).await, "a file is written");
    // As editors do that never write into a file that somebody may read.
    file("src/.a.swp", "3");
    std::fs::rename(root.join("src/.a.swp"), root.join("src/a")).unwrap();
    assert!(changes(&mut watch).await, "a file is replaced");
    std::fs::create_dir_all(root.join("deep/er")).unwrap();
    file("deep/er/b", "1");
    assert!(changes(&mut watch).await, "a file in a new directory");
    file("deep/er/b", "2");
    assert!(changes(&mut watch).await, "it is written again");
    file(settings::FILE_NAME, "role: viewer\n");
    assert!(changes(&mut watch).await, "our settings");
    for number in 0..2000 {
        file(&format!("src/{number}"), "x");
    }
    assert!(changes(&mut watch).await, "many files at once");

    file("logs/x", "1");
    file("src/x.log", "1");
    file("src/a", "3");
    assert!(!changes(&mut watch).await, "ignored, or as it was");
}

/// A repository of Git's, and beside it a directory for the cache.
fn in_git() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let root = std::fs::canonicalize(dir.path())
        .unwrap()
        .join("repository");
    std::fs::create_dir_all(&root).unwrap();
    git(&root, &["init", "-q"]);
    (dir, root)
}

fn git(root: &Path, arguments: &[&str]) {
    let git = std::process::Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@b.c"])
        .args(arguments)
        .current_dir(root)
        .status();
    assert!(git.unwrap().success(), "{arguments:?}");
}

#[tokio::test]
async fn nobody_looks_again_because_of_a_look() {
    let (dir, root) = in_git();
    std::fs::create_dir_all(root.join("src")).unwrap();
    std::fs::write(root.join("src/a"), "1").unwrap();
    let mut watch = start(&root, &dir.path().join("cache"));
    while watch.events.try_recv().is_ok() {}
    watch.look().unwrap();
    std::fs::read(root.join("src/a")).unwrap();
    std::fs::read_dir(root.join("src")).unwrap();
    // What happened before this has been told once this has.
    std::fs::write(root.join("src/b"), "1").unwrap();
    happened(&mut watch.events).await;
    let mut told = 1;
    while let Ok(Some(())) = tokio::time::timeout(POLL, watch.events.recv()).await {
        told += 1;
    }
    // It was made, written and closed.
    assert!(told <= 3, "{told}");
}

#[tokio::test]
async fn what_git_deploys_is_watched_wherever_it_is_and_so_is_what_decides_that() {
    let (dir, root) = in_git();
    let file = |name: &str, text: &str| std::fs::write(root.join(name), text).unwrap();
    for directory in ["built", "data", "secrets"] {
        std::fs::create_dir_all(root.join(directory)).unwrap();
    }
    file(".gitignore", "built\nsecrets\nlocal\n");
    // Git knows nothing of these.
    file(".ignore", "data\n");
    file("built/kept", "1");
    file("data/a", "1");
    file("local", "1");
    file("secrets/env", "A=1\n");
    file(settings::FILE_NAME, "env_file: secrets/env\n");
    git(&root, &["add", "-f", "built/kept"]);
    let own = root.clone();
    let fingerprint = move |_: &[u8], tree: &Tree| {
        let secret = std::fs::read(own.join("secrets/env")).unwrap();
        [tree.id("").unwrap().bytes(), secret.as_slice()].concat()
    };
    let cache = dir.path().join("cache");
    let mut watch = Watch::start(&root, &cache, Box::new(fingerprint)).unwrap();

    file("built/kept", "2");
    assert!(changes(&mut watch).await, "tracked in an ignored directory");
    file("data/a", "2");
    assert!(changes(&mut watch).await, "in a directory of `.ignore`");
    file("secrets/env", "A=2\n");
    assert!(changes(&mut watch).await, "what the settings name");
    git(&root, &["add", "-f", "local"]);
    assert!(changes(&mut watch).await, "`git add -f`");
    file(".git/info/exclude", "data\n");
    assert!(changes(&mut watch).await, "Git's own list");
    std::fs::rename(root.join("built"), root.join("away")).unwrap();
    assert!(changes(&mut watch).await, "a directory goes");
    std::fs::rename(root.join("away"), root.join("built")).unwrap();
    assert!(changes(&mut watch).await, "it comes back");
    file("built/kept", "3");
    assert!(changes(&mut watch).await, "it is written in again");
    git(&root, &["commit", "-qm", "a"]);
    git(&root, &["status"]);
    assert!(!changes(&mut watch).await, "only Git's own files");
}

#[tokio::test]
async fn git_is_waited_for_and_a_lock_that_was_left_behind_is_not() {
    let (dir, root) = in_git();
    std::fs::write(root.join("a"), "1").unwrap();
    let mut watch = start(&root, &dir.path().join("cache"));
    let lock = root.join(".git/index.lock");
    std::fs::write(&lock, "").unwrap();
    std::fs::write(root.join("a"), "2").unwrap();
    let early = tokio::time::timeout(LIMIT * 2, watch.changed()).await;
    assert!(early.is_err(), "Git is not done");
    std::fs::remove_file(&lock).unwrap();
    assert!(changes(&mut watch).await);

    let file = std::fs::File::create(&lock).unwrap();
    file.set_modified(std::time::SystemTime::now() - GIT)
        .unwrap();
    assert!(!wait_for_git(watch.tree.deciding()).await);
}

#[tokio::test]
async fn a_repository_that_goes_is_waited_for_and_told_once() {
    let (dir, root) = in_git();
    std::fs::write(root.join("a"), "1").unwrap();
    let mut watch = start(&root, &dir.path().join("cache"));
    let away = dir.path().join("away");
    std::fs::rename(&root, &away).unwrap();
    assert!(watch.changed().await.is_err());
    assert!(!changes(&mut watch).await);
    std::fs::rename(&away, &root).unwrap();
    std::fs::write(root.join("a"), "2").unwrap();
    assert!(changes(&mut watch).await);
    assert!(watch.has("a") && !watch.has("b"));
    std::fs::write(root.join("a"), "3").unwrap();
    assert!(changes(&mut watch).await);
}
