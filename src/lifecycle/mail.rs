//! Handles the setting `mail`, except for the mail server itself, which starts as services do.

use super::{Result, Sandbox};
use crate::engine::Engine;
use crate::event;
use crate::labels::Kind;
use crate::services::{ServicePlan, mail};

impl<E: Engine> Sandbox<'_, E> {
    /// Sends where the mail is shown, or removes a server that is no longer wanted.
    pub(crate) async fn settle_mail(&self, wanted: Option<&ServicePlan>) -> Result<()> {
        if let Some(plan) = wanted {
            if let Some(url) = mail::address(plan) {
                self.emit(event::Deploy::MailShown { url }).await;
            }
            return Ok(());
        }
        for container in self.containers().await? {
            if Kind::of(&container.labels) == Some(Kind::Mail) {
                self.engine.remove_container(&container.id).await?;
                self.emit(event::Notice::Removed {
                    kind: "container".into(),
                    name: container.name,
                })
                .await;
            }
        }
        Ok(())
    }
}
