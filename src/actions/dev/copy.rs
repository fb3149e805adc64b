//! The copy of one app that follows the working tree.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::Engine;
use crate::lifecycle::{Frame, Sandbox, Session, Synced};
use crate::source::{Changes, Tree};

/// How many bytes of files are sent at once. A file is never divided.
const PIECE: u64 = 32 * 1024 * 1024;

/// How long the helper may take to answer, and how much longer for each megabyte, before it counts as gone. An engine
/// may keep the connection to a command open whose container has ended, and does nothing else meanwhile.
const LIMIT: Duration = Duration::from_secs(10);
const LIMIT_OF_MEGABYTE: Duration = Duration::from_secs(1);

/// An edited app.
pub(super) struct Copy {
    pub(super) app: String,
    /// Where its source stands in the repository.
    pub(super) root: String,
    pub(super) synced: Synced,
    /// What the copy is in step with,
    base: Arc<Tree>,
    /// but for these files, relative to the app's root.
    again: BTreeSet<Vec<u8>>,
    session: Option<Session>,
    /// The files of the last build, if it failed.
    failed: Option<Arc<Tree>>,
    /// What could not be written the last time.
    trouble: Option<String>,
}

impl Copy {
    /// A copy of a build of this tree.
    pub(super) fn new(synced: Synced, tree: Arc<Tree>) -> Self {
        Copy {
            app: synced.plan.app.app.clone(),
            root: synced.plan.app.source_root.clone(),
            synced,
            base: tree,
            again: BTreeSet::new(),
            session: None,
            failed: None,
            trouble: None,
        }
    }

    /// What has to be written to be in step with a tree.
    pub(super) fn changes(&self, tree: &Tree) -> Changes {
        tree.changes_since(&self.base, &self.root, &self.again)
    }

    /// Remembers that a build of this tree failed.
    pub(super) fn has_failed(&mut self, tree: &Arc<Tree>) {
        self.failed = Some(Arc::clone(tree));
    }

    /// What has changed since the last build, if that failed.
    pub(super) fn changes_since_failure(&self, tree: &Tree) -> Option<Changes> {
        let failed = self.failed.as_ref()?;
        Some(tree.changes_since(failed, &self.root, &BTreeSet::new()))
    }

    /// Notes what came of writing. Returns what could not be written, if that is new.
    pub(super) fn news(&mut self, written: &Result<(), String>) -> Option<String> {
        let now = written.as_ref().err().cloned();
        let is_new = now != self.trouble;
        self.trouble.clone_from(&now);
        now.filter(|_| is_new)
    }

    /// Whether all files are as the last tree says.
    pub(super) fn is_in_step(&self) -> bool {
        self.again.is_empty()
    }

    /// Writes changes. If that fails, the next changes have them again; the text says what failed.
    pub(super) async fn write<E: Engine>(
        &mut self,
        sandbox: &Sandbox<'_, E>,
        changes: &Changes,
        tree: &Arc<Tree>,
    ) -> Result<(), String> {
        let mut moved = BTreeSet::new();
        if !changes.is_empty() || !changes.emptied.is_empty() {
            // Whatever happens now, these files may be half written.
            self.again.extend(changes.written.iter().cloned());
            let batches = tree.batches(&self.root, &changes.written, PIECE);
            for (number, batch) in batches.into_iter().enumerate() {
                let (own, root, user) = (
                    Arc::clone(tree),
                    self.root.clone(),
                    self.synced.plan.app.build.user,
                );
                let packed = tokio::task::spawn_blocking(move || {
                    let mut archive = Vec::new();
                    let ids = (user.uid, user.gid);
                    let moved = own.write_changes((&root, ""), &batch, ids, &mut archive);
                    moved.map(|moved| (archive, moved))
                });
                let packed = packed.await.map_err(|err| err.to_string())?;
                let (archive, left_out) = packed.map_err(|err| err.to_string())?;
                moved.extend(left_out);
                let frame = if number == 0 {
                    Frame::new(changes, archive)
                } else {
                    Frame::new(&Changes::default(), archive)
                };
                self.send(sandbox, &frame).await?;
            }
        }
        self.base = Arc::clone(tree);
        self.again = moved;
        Ok(())
    }

    async fn send<E: Engine>(
        &mut self,
        sandbox: &Sandbox<'_, E>,
        frame: &Frame,
    ) -> Result<(), String> {
        let mut last = String::new();
        let megabytes = u32::try_from(frame.archive.len() >> 20).unwrap_or(u32::MAX);
        let limit = LIMIT.saturating_add(LIMIT_OF_MEGABYTE.saturating_mul(megabytes));
        // The helper may have been killed since the last time.
        for _ in 0..2 {
            let session = match &mut self.session {
                Some(session) => session,
                none => {
                    let begun = sandbox.begin_session(&self.synced).await;
                    none.insert(begun.map_err(|err| err.to_string())?)
                }
            };
            match tokio::time::timeout(limit, session.apply(frame)).await {
                Ok(Ok(written)) => return written,
                Ok(Err(err)) => last = err.to_string(),
                Err(_) => "the container engine does not answer".clone_into(&mut last),
            }
            self.session = None;
        }
        Err(last)
    }
}
