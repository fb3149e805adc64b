//! Notices that what Git would deploy from a repository has changed: soon, once for many changes, and not for files
//! that Git ignores.
//!
//! The kernel only says that something happened somewhere; whether that matters, a fingerprint of the tree says. So it
//! makes no difference how an editor replaces a file, or how many files a switch of branches touches.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

use crate::settings;
use crate::source::{self, Tree};

/// For how long nothing may happen before a change counts as done.
const QUIET: Duration = Duration::from_millis(40);

/// How long to wait for that at most: something may write all the time.
const LIMIT: Duration = Duration::from_millis(200);

/// How often to look where the kernel cannot tell.
const POLL: Duration = Duration::from_secs(1);

/// Says what matters of a repository, from our settings as bytes and from its files: whatever is different has changed.
pub type Fingerprint = Box<dyn Fn(&[u8], &Tree) -> Vec<u8> + Send + Sync>;

/// Watches one repository.
pub struct Watch {
    root: PathBuf,
    cache: PathBuf,
    fingerprint: Fingerprint,
    /// What it was when it was looked at last.
    state: Vec<u8>,
    /// How many files there are.
    files: usize,
    events: UnboundedReceiver<()>,
    /// Whether something was told that was not looked at yet.
    is_pending: bool,
    watcher: Option<RecommendedWatcher>,
    watched: HashSet<PathBuf>,
    // Without a watcher nobody sends, and this keeps the channel open.
    _sender: UnboundedSender<()>,
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
        let watcher = notify::recommended_watcher(move |_event| {
            let _ = tell.send(());
        });
        let mut watch = Watch {
            root: root.to_owned(),
            cache: cache.to_owned(),
            fingerprint,
            state: Vec::new(),
            files: 0,
            events,
            is_pending: false,
            watcher: watcher.ok(),
            watched: HashSet::new(),
            _sender: sender,
        };
        watch.watch_directories();
        watch.state = watch.look()?;
        Ok(watch)
    }

    /// How many files there are that matter.
    pub fn files(&self) -> usize {
        self.files
    }

    /// Whether the kernel tells of changes; else they are looked for every second.
    pub fn is_told(&self) -> bool {
        self.watcher.is_some()
    }

    /// Waits until something that matters has changed. Whoever stops waiting loses nothing.
    pub async fn changed(&mut self) -> Result<(), source::Error> {
        loop {
            if self.watcher.is_none() {
                tokio::time::sleep(POLL).await;
            } else {
                if !self.is_pending {
                    happened(&mut self.events).await;
                    self.is_pending = true;
                }
                settle(&mut self.events, QUIET, LIMIT).await;
            }
            self.is_pending = false;
            let state = self.look()?;
            // A new directory is watched from now on; what happened in it before is in what was looked at, or
            // is seen by looking once more.
            let newer = if self.watch_directories() {
                self.look()?
            } else {
                state
            };
            if newer != self.state {
                self.state = newer;
                return Ok(());
            }
        }
    }

    fn look(&mut self) -> Result<Vec<u8>, source::Error> {
        let tree = source::scan(&self.root, &self.cache)?;
        self.files = tree.size("").0;
        // Git may ignore them.
        let settings = std::fs::read(self.root.join(settings::FILE_NAME)).unwrap_or_default();
        Ok((self.fingerprint)(&settings, &tree))
    }

    /// Watches every directory that is not ignored, each by itself; true when there was a new one. Where the kernel
    /// takes no more watches, none is used.
    fn watch_directories(&mut self) -> bool {
        let Some(watcher) = &mut self.watcher else {
            return false;
        };
        let walk = ignore::WalkBuilder::new(&self.root)
            .hidden(false)
            .require_git(false)
            .filter_entry(|entry| {
                entry.file_type().is_some_and(|kind| kind.is_dir()) && entry.file_name() != ".git"
            })
            .build();
        let mut found = HashSet::new();
        let mut is_new = false;
        for entry in walk.flatten() {
            let path = entry.into_path();
            if !self.watched.contains(&path) {
                match watcher.watch(&path, RecursiveMode::NonRecursive) {
                    Ok(()) => is_new = true,
                    // It is gone again, or nobody may look into it.
                    Err(err) if !matches!(err.kind, ErrorKind::MaxFilesWatch) => continue,
                    Err(_) => {
                        self.watcher = None;
                        return true;
                    }
                }
            }
            found.insert(path);
        }
        // One that was removed and comes back is a new one to the kernel.
        self.watched = found;
        is_new
    }
}

/// Waits for an event; an end of them is never told.
async fn happened(events: &mut UnboundedReceiver<()>) {
    if events.recv().await.is_none() {
        std::future::pending::<()>().await;
    }
}

/// Waits until there were no events for `quiet`, but not longer than `limit`.
async fn settle(events: &mut UnboundedReceiver<()>, quiet: Duration, limit: Duration) {
    let end = Instant::now() + limit;
    loop {
        let next = tokio::time::timeout(quiet, events.recv());
        tokio::select! {
            result = next => match result {
                Ok(Some(())) => {}
                Ok(None) | Err(_) => return,
            },
            () = tokio::time::sleep_until(end) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn many_events_are_one_and_a_stream_of_them_is_not_waited_for_for_ever() {
        let (sender, mut events) = unbounded_channel();
        for _ in 0..5000 {
            sender.send(()).unwrap();
        }
        let began = Instant::now();
        happened(&mut events).await;
        settle(&mut events, QUIET, LIMIT).await;
        assert_eq!(began.elapsed().as_millis(), QUIET.as_millis());
        assert!(events.try_recv().is_err());

        let writer = tokio::spawn(async move {
            loop {
                sender.send(()).unwrap();
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        let began = Instant::now();
        settle(&mut events, QUIET, LIMIT).await;
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
}
