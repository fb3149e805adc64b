//! Notices that what Git would deploy from a repository has changed: soon, once for many changes, and not for files
//! that Git ignores.
//!
//! The kernel only says that something happened somewhere; whether that matters, a fingerprint of the tree says. So it
//! makes no difference how an editor replaces a file, or how many files a switch of branches touches.

mod depends;
#[cfg(test)]
mod tests;

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
    tree: Arc<Tree>,
    events: UnboundedReceiver<()>,
    /// The events since the last look, if there were any.
    pending: Option<Pending>,
    /// When to look next where the kernel cannot tell.
    next_look: Option<Instant>,
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

/// Events that no look has followed yet. A caller that does something else in between does not begin the wait anew.
#[derive(Debug, Clone, Copy)]
struct Pending {
    /// When the first one arrived.
    began: Instant,
    /// When the last one arrived.
    last: Instant,
    count: u32,
}

impl Pending {
    fn now() -> Self {
        let now = Instant::now();
        Pending {
            began: now,
            last: now,
            count: 0,
        }
    }
}

/// What there is to see.
struct Seen {
    state: Vec<u8>,
    tree: Arc<Tree>,
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
            pending: None,
            next_look: None,
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

    /// The files as they were at the last report.
    pub fn tree(&self) -> &Arc<Tree> {
        &self.tree
    }

    /// Looks at once, also without an event: while a machine sleeps, events can be lost. Returns whether something
    /// that matters has changed.
    pub fn look_again(&mut self) -> Result<bool, source::Error> {
        let seen = self.look()?;
        let has_changed = seen.state != self.state;
        (self.state, self.tree) = (seen.state, seen.tree);
        Ok(has_changed)
    }

    /// Whether a file, relative to the repository, is one of them.
    pub fn has(&self, path: &str) -> bool {
        self.tree.has(path)
    }

    /// What the user should know if the kernel tells nothing, so that changes are looked for every second: a warning
    /// and its hint.
    pub fn warning(&self) -> Option<(&'static str, &'static str)> {
        self.watcher.is_none().then_some((
            "the kernel takes no more watches of directories: looking every second instead",
            "raise `fs.inotify.max_user_watches`",
        ))
    }

    /// Waits until something that matters has changed. It is cancel-safe. An error is returned once: the next call
    /// waits until the repository can be read.
    pub async fn changed(&mut self) -> Result<(), source::Error> {
        loop {
            if self.watcher.is_none() || self.is_lost {
                let next = *self.next_look.get_or_insert_with(|| Instant::now() + POLL);
                tokio::time::sleep_until(next).await;
            } else {
                if self.pending.is_none() {
                    happened(&mut self.events).await;
                }
                let pending = self.pending.get_or_insert_with(Pending::now);
                settle(&mut self.events, pending).await;
                if wait_for_git(self.tree.deciding()).await {
                    settle(&mut self.events, pending).await;
                }
            }
            (self.pending, self.next_look) = (None, None);
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
        tree: Arc::new(tree),
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
async fn settle(events: &mut UnboundedReceiver<()>, pending: &mut Pending) {
    loop {
        let patience = (1 + pending.count / MANY).min(PATIENCE);
        let quiet = pending.last + QUIET * patience;
        let end = quiet.min(pending.began + LIMIT * patience);
        match tokio::time::timeout_at(end, events.recv()).await {
            Ok(Some(())) => {
                pending.count += 1;
                pending.last = Instant::now();
                if pending.last >= pending.began + LIMIT * patience {
                    return;
                }
            }
            Ok(None) | Err(_) => return,
        }
    }
}
