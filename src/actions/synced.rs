//! Use an app as it is edited: `--synced`, while `dev` runs.

use std::time::Duration;

use tokio::time::Instant;

use super::Actions;
use super::prepared::Prepared;
use crate::engine::Engine;
use crate::event::Notice;
use crate::failure::Failure;
use crate::lifecycle::{self, Error, SyncState, SyncStore, synced_of};
use crate::shutdown::Urgency;
use crate::workspace::Workspace;

/// How long a file that was just saved may take to be in the container.
const LIMIT: Duration = Duration::from_secs(10);

/// How often to look.
const PAUSE: Duration = Duration::from_millis(10);

/// After this many looks, the files are read again: they may have changed since.
const SCAN: u32 = 20;

impl<E: Engine> Actions<E> {
    /// The id of the container of an app as it is edited, once what is saved is in it.
    pub async fn synced_container(
        &self,
        app: &crate::config::app::App,
        worker: Option<&str>,
    ) -> Result<String, Failure> {
        let tree = self.workspace.scan()?;
        let prepared = Prepared::of(&self.workspace, app, worker, &tree)?.synced();
        let act = async {
            self.wait_until_synced(&prepared).await?;
            let containers = self.sandbox().containers().await?;
            let found = synced_of(&app.name, &containers);
            found
                .map(|found| found.id.clone())
                .ok_or_else(|| not_edited(&prepared))
        };
        self.carry_out(act).await
    }

    /// Waits until the copy of an app is in step with the working tree.
    pub(super) async fn wait_until_synced(&self, prepared: &Prepared) -> lifecycle::Result<()> {
        if prepared.container().worker.is_some() || !self.sandbox().is_dev_running() {
            return Err(not_edited(prepared));
        }
        let workspace: &Workspace = &self.workspace;
        let store = SyncStore::of(&workspace.project, &workspace.environment.name);
        let (app, root) = (&prepared.plan.app, &prepared.plan.source_root);
        let mut wanted = SyncState::of(&prepared.tree, root);
        let mut began = Instant::now();
        let (mut looks, mut is_told) = (0, false);
        loop {
            let state = store.read(app);
            match state {
                Some(state) if state == wanted => return Ok(()),
                Some(SyncState::Building) => {
                    if !is_told {
                        is_told = true;
                        let holder = format!("`dev`, which builds {app} anew");
                        self.events.send(Notice::Waiting { holder }).await;
                    }
                    began = Instant::now();
                }
                Some(SyncState::Failed(why)) if began.elapsed() > LIMIT / 10 => {
                    return Err(Error::NotInStep {
                        app: app.clone(),
                        why,
                    });
                }
                None if !self.sandbox().is_dev_running() => return Err(not_edited(prepared)),
                None if began.elapsed() > LIMIT / 10 => return Err(not_edited(prepared)),
                _ if began.elapsed() > LIMIT => {
                    return Err(Error::NotInStep {
                        app: app.clone(),
                        why: format!("`dev` did not write it within {} s", LIMIT.as_secs()),
                    });
                }
                _ => {}
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = self.shutdown.reached(Urgency::Cancel) => return Err(Error::Interrupted),
            }
            looks += 1;
            if looks % SCAN == 0
                && let Ok(tree) = workspace.scan()
            {
                wanted = SyncState::of(&tree, root);
            }
        }
    }
}

fn not_edited(prepared: &Prepared) -> Error {
    Error::NotEdited {
        container: prepared.container().title(&prepared.plan.app),
    }
}
