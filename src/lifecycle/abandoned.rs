//! Ends operations whose `upsun-local` was killed. No other process waits for them or would end them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::execute::{Command, undeceived};
use super::{Mark, Result, Sandbox, sweep};
use crate::engine::spec::ExecSpec;
use crate::engine::{Engine, Error as EngineError};

const ABANDONED: &str = include_str!("scripts/abandoned.sh");

impl<E: Engine> Sandbox<'_, E> {
    /// Takes the lock if its last holder was killed, ends and mends what that left, and frees the lock again.
    pub async fn take_up(&self) -> Result<()> {
        // A holder that ends in order leaves an empty file.
        let is_left = std::fs::metadata(self.lock_path()).is_ok_and(|file| file.len() > 0);
        if is_left && !self.is_busy() {
            self.lock("serve").await?.release();
        }
        Ok(())
    }

    /// Ends the abandoned runs in all running containers. The caller must hold the lock of the environment: then no
    /// living `upsun-local` waits for a run that is found.
    pub(super) async fn end_abandoned(&self) -> Result<()> {
        for container in self.containers().await? {
            if !container.running || sweep::is_sweeper(&container) {
                continue;
            }
            let spec = ExecSpec {
                command: ["/bin/dash", "-c", ABANDONED].map(str::to_owned).to_vec(),
                variables: undeceived(),
                ..ExecSpec::default()
            };
            let found = match self.capture(&container.id, &spec).await {
                Ok((_, found, _)) => found,
                // The container ended in between, with everything in it.
                Err(super::Error::Engine(EngineError::NotFound(_) | EngineError::Conflict(_))) => {
                    continue;
                }
                Err(err) => return Err(err),
            };
            // Shells of `exec` hold no lock, so a user may still be working in one: end runs only.
            for mark in found.lines().filter_map(Mark::read) {
                self.end_run(&container.id, &container.name, mark).await?;
                self.events
                    .warn(
                        "an operation was still running whose upsun-local had been killed: it was ended",
                        None,
                    )
                    .await;
            }
        }
        Ok(())
    }

    /// Kills everything that carries the mark of a run. `title` is the name of the container in messages.
    pub async fn end_run(&self, container: &str, title: &str, mark: Mark) -> Result<()> {
        let command = Command {
            container,
            title,
            what: "a command",
            script: "",
            mark,
            variables: &BTreeMap::new(),
            stop: None,
            timeout: None,
            grace: Duration::ZERO,
        };
        self.end(&command, Duration::ZERO).await
    }
}
