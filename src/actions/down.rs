//! Take an environment down.

use super::Actions;
use crate::engine::Engine;
use crate::failure::{BUSY, Failure};
use crate::lifecycle::{self, Down, Error, Kept};
use crate::lock::{self, Lock};

impl<E: Engine> Actions<E> {
    /// Removes the environment's containers. With `force`, ends the activities that run in the environment first.
    pub async fn down(&self, down: Down, force: bool) -> Result<Kept, Failure> {
        let act = async {
            let sandbox = self.sandbox();
            let lock = match sandbox.try_lock("down") {
                Err(Error::Lock(lock::Error::Busy { .. })) if force => {
                    sandbox.lock_by_force("down").await?
                }
                lock => Some(lock?),
            };
            let kept = sandbox.down(down).await?;
            lock.into_iter().for_each(Lock::release);
            Ok::<_, lifecycle::Error>(kept)
        };
        let result = self.carry_out(act).await.map_err(busy);
        self.finish(result, |_| 0).await
    }
}

/// Adds to the failure how to go on if another activity holds the environment's lock.
pub(super) fn busy(failure: Failure) -> Failure {
    if failure.code == BUSY {
        failure.hint("wait for it, or end it with `upsun-local down --force`")
    } else {
        failure
    }
}
