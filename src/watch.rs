//! Notices that what Git would deploy from a repository has changed: soon, once for many changes, and not for files
//! that Git ignores.
//!
//! The kernel only says that something happened somewhere; whether that matters, a fingerprint of the tree says. So it
//! makes no difference how an editor replaces a file, or how many files a switch of branches touches.

mod depends;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

pub use self::depends::Scope;
use crate::settings::{self, Settings};
use crate::source::{self, Tree};

/// How long it must be quiet before a change counts as done.
const QUIET: Duration = Duration::from_millis(40);

/// How long to wait for that at most: something may write all the time.
const LIMIT: Duration = Duration::from_millis(200);

/// Number of events after which both delays grow by their initial length, up to `PATIENCE` times it: more events are
/// likely to follow.
const MANY: u32 = 100;
const PATIENCE: u32 = 10;

/// How often to look where the kernel cannot tell.
const POLL: Duration = Duration::from_secs(1);

/// How long Git may take over its index before it counts as killed in the middle.
const GIT: Duration = Duration::from_secs(5);

/// Reduces a repository to what matters, from the settings file and from the tree: if the result differs, something
/// has changed.
pub type Fingerprint = Box<dyn Fn(&[u8], &Tree) -> Vec<u8> + Send + Sync>;

/// Watches one repository.
pub struct Watch {
    root: PathBuf,
    cache: PathBuf,
    fingerprint: Fingerprint,
    /// The fingerprint at the last report.
    state: Vec<u8>,
    /// The files as they were then.
    tree: Tree,
    events: UnboundedReceiver<()>,
    /// Whether an event arrived since the last look.
    is_pending: bool,
    /// Whether the repository could not be read.
    is_lost: bool,
    watcher: Option<RecommendedWatcher>,
    watched: HashSet<PathBuf>,
    interest: Arc<Mutex<Interest>>,
    // Without a watcher there is no other sender, and this one keeps the channel open.
    _sender: UnboundedSender<()>,
}

/// What may matter of what the kernel tells.
#[derive(Debug, Default)]
struct Interest {
    /// Directories of the repository: whatever happens directly in them.
    directories: HashSet<PathBuf>,
    /// Single files anywhere.
    files: HashSet<PathBuf>,
    /// Directories that came, went or were moved since they were looked at: a watch stays with what has gone.
    replaced: HashSet<PathBuf>,
}

impl Interest {
    /// Whether an event is a reason to look. Reading a file is not: each look reads files itself.
    fn concerns(&mut self, event: &Event) -> bool {
        let is_written = event.kind == EventKind::Access(AccessKind::Close(AccessMode::Write));
        if event.kind.is_access() && !is_written {
            return false;
        }
        let comes_or_goes = matches!(
            event.kind,
            EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))
        );
        let mut matters = event.need_rescan();
        for path in &event.paths {
            let is_directory = self.directories.contains(path);
            if is_directory && comes_or_goes {
                self.replaced.insert(path.clone());
            }
            let is_in = |parent| self.directories.contains(parent);
            matters |=
                is_directory || self.files.contains(path) || path.parent().is_some_and(is_in);
        }
        matters
    }
}

/// What there is to see.
struct Seen {
    state: Vec<u8>,
    tree: Tree,
    /// Files that matter wherever they are.
    files: HashSet<PathBuf>,
}

impl Watch {
    /// Begins to watch `root`, an absolute path. What is learnt of its files is kept in `cache`.
    pub fn start(
        root: &Path,
        cache: &Path,
        fingerprint: Fingerprint,
    ) -> Result<Watch, source::Error> {
        let (sender, events) = unbounded_channel();
        let tell = sender.clone();
        let interest = Arc::new(Mutex::new(Interest::default()));
        let own = Arc::clone(&interest);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let concerns = |event: &Event| {
                let mut interest = own.lock().unwrap_or_else(PoisonError::into_inner);
                interest.concerns(event)
            };
            if event.as_ref().is_ok_and(concerns) || event.is_err() {
                let _ = tell.send(());
            }
        });
        let first = look(root, cache, &fingerprint)?;
        let mut watch = Watch {
            root: root.to_owned(),
            cache: cache.to_owned(),
            fingerprint,
            state: Vec::new(),
            tree: first.tree,
            events,
            is_pending: false,
            is_lost: false,
            watcher: watcher.ok(),
            watched: HashSet::new(),
            interest,
            _sender: sender,
        };
        let seen = watch.look()?;
        (watch.state, watch.tree) = (seen.state, seen.tree);
        Ok(watch)
    }

    /// How many files there are that matter.
    pub fn files(&self) -> usize {
        self.tree.size("").0
    }

    /// Whether a file, relative to the repository, is one of them.
    pub fn has(&self, path: &str) -> bool {
        self.tree.has(path)
    }

    /// Whether the kernel tells of changes; else they are looked for every second.
    pub fn is_told(&self) -> bool {
        self.watcher.is_some()
    }

    /// Waits until something that matters has changed. It is cancel-safe. An error is returned once: the next call
    /// waits until the repository can be read.
    pub async fn changed(&mut self) -> Result<(), source::Error> {
        loop {
            if self.watcher.is_none() || self.is_lost {
                tokio::time::sleep(POLL).await;
            } else {
                if !self.is_pending {
                    happened(&mut self.events).await;
                    self.is_pending = true;
                }
                settle(&mut self.events).await;
                if wait_for_git(self.tree.deciding()).await {
                    settle(&mut self.events).await;
                }
            }
            self.is_pending = false;
            let seen = match self.look() {
                Ok(seen) => seen,
                Err(_) if self.is_lost => continue,
                Err(err) => {
                    self.is_lost = true;
                    self.watched.clear();
                    return Err(err);
                }
            };
            self.is_lost = false;
            if seen.state != self.state {
                self.state = seen.state;
                self.tree = seen.tree;
                return Ok(());
            }
        }
    }

    /// Looks, and watches what is new from now on; what happened in it before is seen by looking once more.
    fn look(&mut self) -> Result<Seen, source::Error> {
        let seen = look(&self.root, &self.cache, &self.fingerprint)?;
        if self.watch_for(&seen) {
            return look(&self.root, &self.cache, &self.fingerprint);
        }
        Ok(seen)
    }

    /// Watches every directory of the tree, each by itself, and the directories of other files that matter; true if
    /// one of them is new. If the kernel accepts no more watches, the watcher is dropped.
    fn watch_for(&mut self, seen: &Seen) -> bool {
        let Some(watcher) = &mut self.watcher else {
            return false;
        };
        let directories: HashSet<PathBuf> = seen.tree.directories().collect();
        let replaced = {
            // The lock is released before the watcher is called, because the watcher's thread waits for it.
            let mut interest = self.interest.lock().unwrap_or_else(PoisonError::into_inner);
            interest.directories.clone_from(&directories);
            interest.files.clone_from(&seen.files);
            std::mem::take(&mut interest.replaced)
        };
        let is_replaced = |path: &Path| path.ancestors().any(|above| replaced.contains(above));
        let elsewhere = seen.files.iter().filter_map(|file| file.parent());
        let mut found = HashSet::new();
        let mut is_new = false;
        for path in directories.iter().map(PathBuf::as_path).chain(elsewhere) {
            if found.contains(path) {
                continue;
            }
            if !self.watched.contains(path) || is_replaced(path) {
                match watcher.watch(path, RecursiveMode::NonRecursive) {
                    Ok(()) => is_new = true,
                    // The directory is gone again, or it cannot be read.
                    Err(err) if !matches!(err.kind, ErrorKind::MaxFilesWatch) => continue,
                    Err(_) => {
                        self.watcher = None;
                        return true;
                    }
                }
            }
            found.insert(path.to_owned());
        }
        self.watched = found;
        is_new
    }
}

fn look(root: &Path, cache: &Path, fingerprint: &Fingerprint) -> Result<Seen, source::Error> {
    let tree = source::scan(root, cache)?;
    // Git may ignore them.
    let file = root.join(settings::FILE_NAME);
    let settings = settings::read(root).ok().flatten().unwrap_or_default();
    let named = Settings::parse(&settings, "").ok();
    let named = named.and_then(|settings| settings.env_file);
    let mut files: HashSet<PathBuf> = tree.deciding().iter().cloned().collect();
    files.extend(named.map(|path| root.join(path)));
    files.insert(file);
    Ok(Seen {
        state: fingerprint(settings.as_bytes(), &tree),
        tree,
        files,
    })
}

/// Waits while Git changes the index and the files, as a switch of branches does; true if it did so. `deciding` has
/// the index, of each submodule too. The wait has a limit, because a killed Git leaves its lock behind.
async fn wait_for_git(deciding: &[PathBuf]) -> bool {
    let indexes = deciding.iter().filter(|path| path.ends_with("index"));
    let locks: Vec<PathBuf> = indexes.map(|path| path.with_extension("lock")).collect();
    let is_held = |lock: &PathBuf| {
        let since = std::fs::metadata(lock).and_then(|lock| lock.modified());
        since.is_ok_and(|since| since.elapsed().is_ok_and(|age| age < GIT))
    };
    let end = Instant::now() + GIT;
    let mut waited = false;
    while locks.iter().any(is_held) && Instant::now() < end {
        tokio::time::sleep(QUIET).await;
        waited = true;
    }
    waited
}

/// Waits for an event; an end of them is never told.
async fn happened(events: &mut UnboundedReceiver<()>) {
    if events.recv().await.is_none() {
        std::future::pending::<()>().await;
    }
}

/// Waits until there were no events for a while. The wait has a limit, which grows with the number of events.
async fn settle(events: &mut UnboundedReceiver<()>) {
    let began = Instant::now();
    let mut count = 0;
    loop {
        let patience = (1 + count / MANY).min(PATIENCE);
        let next = tokio::time::timeout(QUIET * patience, events.recv());
        tokio::select! {
            result = next => match result {
                Ok(Some(())) => count += 1,
                Ok(None) | Err(_) => return,
            },
            () = tokio::time::sleep_until(began + LIMIT * patience) => return,
        }
    }
}

#[cfg(test)]
mod tests {
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
            settle(&mut events).await;
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
        settle(&mut events).await;
        assert_eq!(began.elapsed().as_millis(), LIMIT.as_millis());
        writer.abort();
    }

    #[tokio::test]
    async fn whoever_stops_waiting_in_the_middle_loses_no_change() {
        let dir = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(dir.path())
            .unwrap()
            .join("repository");
        std::fs::create_dir_all(&root).unwrap();
        std::fs::write(root.join("a"), "1").unwrap();
        let mut watch = start(&root, &dir.path().join("cache"));
        std::fs::write(root.join("a"), "2").unwrap();
        while !watch.is_pending {
            let _ = tokio::time::timeout(Duration::from_millis(2), watch.changed()).await;
        }
        let _ = tokio::time::timeout(Duration::from_millis(2), watch.changed()).await;
        assert!(watch.is_pending);
        assert!(changes(&mut watch).await);
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
        assert!(watch.is_told());
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
}
