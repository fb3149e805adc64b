//! Copies the content of a running container's mounts into snapshots, and restores it.

mod compared;
mod look;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Seek};
use std::sync::Arc;
use std::time::Duration;

use self::look::Found;
use super::deploy::up_to_date;
use super::mounts::marked;
use super::{Error, OperationRun, Planned, Report, Result, Sandbox, archive};
use crate::engine::spec::{Container, ExecSpec};
use crate::engine::{Engine, Error as EngineError};
use crate::event;
use crate::event::on_one_line;
use crate::mount_snapshot::{self, Index, PutBack, Store, Taken, blocked, compare, is_same};

/// Unpacks the files that differ. The arguments are the lengths of the lists before the archive. An existing file is
/// overwritten rather than replaced, because a process may have it open. Permissions of directories are set last.
const PUT_BACK: &str = "cd /app || exit 2\n\
    head -c \"$1\" | xargs -0r chmod u+rwx -- || exit 2\n\
    head -c \"$2\" | xargs -0r rm -f -- || exit 2\n\
    head -c \"$3\" | xargs -0r rmdir --ignore-fail-on-non-empty -- || exit 2\n\
    head -c \"$4\" | xargs -0r -n 3 /bin/dash -c \
    'chmod \"$1\" -- \"$3\" && touch -c -d \"@$2\" -- \"$3\"' upsun-local || exit 2\n\
    exec tar --extract --preserve-permissions --overwrite --delay-directory-restore";

/// How often mounts are restored while another process writes to them.
const ATTEMPTS: usize = 2;

/// How many paths are shown.
const SHOWN: usize = 5;

/// How long restoring may continue after the user presses Ctrl-C. If this time is not enough, the snapshot still
/// exists.
const GRACE: Duration = Duration::from_secs(3);

/// After this time a message says that the work takes a while.
const SHORT: Duration = Duration::from_secs(1);

/// The snapshot that keeps the content of the mounts from before a run.
#[derive(Debug, Clone)]
pub struct Before<'a> {
    /// The snapshots of the container.
    pub store: Store,
    pub name: &'a str,
    /// The options by which `upsun-local mount` finds the container: ` --app one`, or nothing.
    pub flags: String,
}

/// The result of restoring mounts.
#[derive(Debug, Default)]
#[must_use]
pub struct Restored {
    /// The files that could not be read when the snapshot was taken and that have changed since. A warning has named
    /// them.
    pub lost: BTreeSet<String>,
    /// The files that differ from the snapshot for another reason.
    pub unlike: Vec<String>,
    /// Whether anything is missing that the snapshot has. Files that the app itself keeps writing do not count.
    pub is_incomplete: bool,
}

/// The steps that restored the mounts.
struct Done {
    is_nothing: bool,
    lost: Vec<String>,
    lost_mounts: Vec<String>,
}

impl<E: Engine> Sandbox<'_, E> {
    /// Runs an operation and restores the mounts of its container to their state before the operation.
    pub(crate) async fn run_and_undo(
        &self,
        planned: &Planned<'_>,
        run: &OperationRun<'_>,
        containers: &[Container],
        undo: &Before<'_>,
    ) -> Result<Report> {
        let mounts = &run.container.mounts;
        let title = run.container.title(&planned.plan.app);
        let deployed = self
            .ensure_ready(planned, run.container, containers, run.listens_at)
            .await?;
        // An earlier run may have left a snapshot that could not be restored. Do not replace it with the changes of
        // that run.
        if undo.store.has(undo.name) {
            return Err(Error::NotUndone {
                container: title,
                snapshot: undo.name.to_owned(),
                flags: undo.flags.clone(),
            });
        }
        let before = self
            .take_snapshot(&deployed.id, &title, mounts, &undo.store, undo.name)
            .await?;
        let _held = undo.store.hold(undo.name);
        let containers = self.containers().await?;
        let result = self.run_operation(&planned.built(), run, &containers).await;
        let undone = async {
            let id = self.replaced(run, deployed.id).await?;
            let now = self.index_of_mounts(&id, mounts, &before.index).await?;
            let changes = compare(&before.index, &now);
            let mut restored = Restored::default();
            if !is_same(&before.index, &now) {
                let (before, archive) = undo.store.open(undo.name)?;
                restored = self.restore_snapshot(&id, &title, before, archive).await?;
            }
            self.warn_unlike(&title, &restored, &undo.flags, undo.name)
                .await;
            if restored.is_incomplete {
                undo.store.give_up(undo.name);
                return Ok(());
            }
            undo.store.remove(undo.name)?;
            self.emit(event::Mounts::Restored {
                container: title.clone(),
                changes,
                lost: restored.lost.len(),
            })
            .await;
            Ok::<_, Error>(())
        };
        match (undone.await, result) {
            (Ok(()), result) => result,
            // The error of the operation is the cause of the other error.
            (Err(_), Err(err)) => Err(err),
            (Err(err), Ok(_)) => Err(err),
        }
    }

    /// The container in which an operation ran: another one than before if the app was built again for the operation.
    async fn replaced(&self, run: &OperationRun<'_>, before: String) -> Result<String> {
        let containers = self.containers().await?;
        Ok(up_to_date(run.container, &containers).unwrap_or(before))
    }

    /// Keeps the content of all mounts of a container under a name.
    pub async fn take_snapshot(
        &self,
        container: &str,
        title: &str,
        mounts: &[String],
        store: &Store,
        name: &str,
    ) -> Result<Taken> {
        let file = store.begin()?;
        let out = file.reopen().map_err(|source| store.not_written(source))?;
        let found = self.look(container, mounts, Index::default(), Vec::new(), out);
        let tell = async {
            tokio::time::sleep(SHORT).await;
            let container = title.to_owned();
            self.emit(event::Mounts::Keeping { container }).await;
            std::future::pending().await
        };
        let found = async {
            tokio::select! {
                found = found => found,
                found = tell => found,
            }
        };
        let found = self.interruptible(container, Duration::ZERO, found).await;
        let Found { index, missing, .. } = match found? {
            Ok(found) => found,
            Err(source) => return Err(store.not_written(source).into()),
        };
        let taken = Taken {
            taken_at: jiff::Timestamp::now().to_string(),
            mounts: mounts.to_vec(),
            index,
        };
        store.keep(name, file, &taken)?;
        if !missing.is_empty() {
            // Most of the missing files were deleted while the snapshot was taken.
            let now = self
                .index_of_mounts(container, mounts, &taken.index)
                .await?;
            let mut missing = missing;
            missing.retain(|path| now.0.contains_key(path));
            self.warn_missing(title, &missing).await;
        }
        Ok(taken)
    }

    /// Lists the current content of all mounts of a container. Only files that can have changed since `known` are
    /// read.
    pub(crate) async fn index_of_mounts(
        &self,
        container: &str,
        mounts: &[String],
        known: &Index,
    ) -> Result<Index> {
        let found = self.find_on_mounts(container, mounts, known, Vec::new());
        let found = self.interruptible(container, GRACE, found).await?;
        Ok(found.index)
    }

    async fn warn_missing(&self, title: &str, paths: &[String]) {
        if paths.is_empty() {
            return;
        }
        let (is, it) = match paths.len() {
            1 => ("is", "it"),
            _ => ("are", "they"),
        };
        let message = format!(
            "{} of `{title}` {is} not in the snapshot: {it} could not be read",
            some(paths)
        );
        self.events.warn(message, None).await;
    }

    /// Warns about files on the mounts of a container that differ from the snapshot although it was restored.
    pub(crate) async fn warn_unlike(
        &self,
        title: &str,
        restored: &Restored,
        flags: &str,
        snapshot: &str,
    ) {
        let paths = &restored.unlike;
        if paths.is_empty() {
            return;
        }
        let is = if paths.len() == 1 { "is" } else { "are" };
        let message = format!(
            "{} of `{title}` {is} not as before: another process wrote there while it was put back",
            some(paths)
        );
        let hint = restored.is_incomplete.then(|| {
            format!(
                "end what writes there; `upsun-local mount restore{flags} {snapshot}` tries again"
            )
        });
        self.events.warn(message, hint).await;
    }

    /// Restores a snapshot: new files are deleted, and changed files get their old content. Another process that
    /// writes at the same time can spoil the result, so the result is checked and, if necessary, restored once more.
    pub async fn restore_snapshot(
        &self,
        container: &str,
        title: &str,
        before: Taken,
        archive: File,
    ) -> Result<Restored> {
        let restore = self.restore(container, title, before, archive);
        self.interruptible(container, GRACE, restore).await
    }

    async fn restore(
        &self,
        container: &str,
        title: &str,
        before: Taken,
        mut archive: File,
    ) -> Result<Restored> {
        let (mounts, before) = (before.mounts, Arc::new(before.index));
        let mut lost = BTreeSet::new();
        let mut unlike = Vec::new();
        let mut is_incomplete = false;
        for _ in 0..ATTEMPTS {
            archive.rewind().map_err(EngineError::Io)?;
            let copy = archive.try_clone().map_err(EngineError::Io)?;
            let found = self.put_back(container, &mounts, &before, copy).await?;
            lost.extend(found.lost);
            if !found.lost_mounts.is_empty() {
                self.warn_lost(title, &lost).await;
                return Err(Error::MountsLost {
                    container: title.to_owned(),
                    mounts: found.lost_mounts,
                });
            }
            if found.is_nothing {
                unlike.clear();
                break;
            }
            let found = self.find_on_mounts(container, &mounts, &before, Vec::new());
            let now = found.await?.index;
            unlike = mount_snapshot::unlike(&before, &now)
                .into_iter()
                .filter(|path| !lost.contains(*path))
                .map(str::to_owned)
                .collect();
            is_incomplete = unlike
                .iter()
                .any(|path| before.0.contains_key(path) && !now.0.contains_key(path));
            if unlike.is_empty() {
                break;
            }
        }
        self.warn_lost(title, &lost).await;
        is_incomplete &= !unlike.is_empty();
        Ok(Restored {
            lost,
            unlike,
            is_incomplete,
        })
    }

    async fn warn_lost(&self, title: &str, lost: &BTreeSet<String>) {
        for path in lost {
            let message = format!(
                "`/{}` of `{title}` is not as it was: it could not be read when the snapshot was taken",
                on_one_line(path)
            );
            self.events.warn(message, None).await;
        }
    }

    async fn put_back(
        &self,
        container: &str,
        mounts: &[String],
        before: &Arc<Index>,
        archive: File,
    ) -> Result<Done> {
        let mut opened = Vec::new();
        let found = loop {
            let opening = PutBack::opening(&opened);
            let found = self
                .find_on_mounts(container, mounts, before, opening)
                .await?;
            // The content of a directory can only be listed once the directory is readable.
            let blocked = blocked(before, &found.index);
            if blocked.is_empty() || blocked == opened {
                break found;
            }
            opened = blocked;
        };
        let put_back = PutBack::new(before, &found.index, mounts, &found.lost_mounts);
        let done = Done {
            is_nothing: put_back.is_nothing(),
            lost: put_back.lost.clone(),
            lost_mounts: found.lost_mounts,
        };
        if !done.is_nothing {
            let lists = put_back.lists(before);
            let lengths: Vec<String> = lists.iter().map(|list| list.len().to_string()).collect();
            let command = marked(PUT_BACK, &lengths);
            let before = Arc::clone(before);
            let stream = archive::stream(move |mut out| {
                for list in lists {
                    out.write_all(&list)?;
                }
                put_back.write(&before, BufReader::new(archive), &mut out)
            });
            let spec = ExecSpec {
                command,
                stdin: true,
                ..ExecSpec::default()
            };
            self.feed(container, &spec, stream).await?;
        }
        Ok(done)
    }
}

/// The first few paths, and the number of the other ones.
pub(super) fn some(paths: &[String]) -> String {
    let mut shown: Vec<String> = paths
        .iter()
        .take(SHOWN)
        .map(|path| format!("`/{}`", on_one_line(path)))
        .collect();
    if paths.len() > SHOWN {
        shown.push(format!("{} more", paths.len() - SHOWN));
    }
    let last = shown.pop().unwrap_or_default();
    if shown.is_empty() {
        return last;
    }
    format!("{} and {last}", shown.join(", "))
}
