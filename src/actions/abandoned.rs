//! Take up what a killed `upsun-local` left.

use super::Actions;
use crate::engine::Engine;
use crate::failure::Failure;

impl<E: Engine> Actions<E> {
    /// Ends the operation of an `upsun-local` that was killed, if the environment has one. It is no activity.
    pub async fn take_up(&self) -> Result<(), Failure> {
        let sandbox = self.sandbox();
        self.carry_out(async move { sandbox.take_up().await }).await
    }
}
