//! Runs an operation, and finds what it changed on the mounts of its container.

use super::super::{OperationRun, Planned, Report, Result, Sandbox};
use super::Before;
use crate::engine::Engine;
use crate::engine::spec::Container;
use crate::event;
use crate::mount_snapshot::{Store, compare, is_of_run};

/// How many snapshots of runs are kept of a container. Each holds everything that was on its mounts.
const KEPT: usize = 3;

impl<E: Engine> Sandbox<'_, E> {
    /// Runs an operation and lists what it changed on the mounts of its container. The snapshot from before the
    /// operation is kept if anything changed.
    pub(crate) async fn run_and_compare(
        &self,
        planned: &Planned<'_>,
        run: &OperationRun<'_>,
        containers: &[Container],
        before: &Before<'_>,
    ) -> Result<Report> {
        let mounts = &run.container.mounts;
        if mounts.is_empty() {
            return self.run_operation(planned, run, containers).await;
        }
        let title = run.container.title(&planned.plan.app);
        let deployed = self
            .ensure_ready(planned, run.container, containers, run.listens_at)
            .await?;
        let (store, name) = (&before.store, before.name);
        let taken = self
            .take_snapshot(&deployed.id, &title, mounts, store, name)
            .await?;
        self.emit(event::Mounts::Kept {
            container: title.clone(),
            snapshot: name.to_owned(),
        })
        .await;
        let containers = self.containers().await?;
        let result = self.run_operation(&planned.built(), run, &containers).await;
        let compared = async {
            let id = self.replaced(run, deployed.id).await?;
            let now = self.index_of_mounts(&id, mounts, &taken.index).await?;
            let changes = compare(&taken.index, &now);
            if changes.is_empty() {
                store.remove(name)?;
            } else {
                prune(store);
            }
            self.emit(event::Mounts::Changed {
                container: title.clone(),
                snapshot: (!changes.is_empty()).then(|| name.to_owned()),
                changes,
                flags: before.flags.clone(),
            })
            .await;
            Ok(())
        };
        match (compared.await, result) {
            (Ok(()), result) => result,
            // The error of the operation is the cause of the other error.
            (Err(_), Err(err)) => Err(err),
            (Err(err), Ok(_)) => Err(err),
        }
    }
}

/// Removes the snapshots of earlier runs, except the newest.
fn prune(store: &Store) {
    let names = store.names().unwrap_or_default();
    let of_runs: Vec<String> = names.into_iter().filter(|name| is_of_run(name)).collect();
    for name in of_runs.iter().rev().skip(KEPT) {
        // A snapshot that cannot be removed now is removed after a later run.
        let _ = store.remove(name);
    }
}
