//! Containers and services that are started, and where they answer.

use super::{Screen, Terminal};
use crate::event::{Address, Deploy};
use crate::text::{self, safe_line};

impl<S: Screen> Terminal<S> {
    pub(super) fn deploy(&mut self, event: Deploy) {
        match event {
            Deploy::ServiceStarted { service, kind } => {
                let what = format!("{} ({})", safe_line(&service), safe_line(&kind));
                self.step("Starting", &what);
            }
            Deploy::ServiceFinished { service, duration } => {
                let what = format!("{} in {}", safe_line(&service), text::duration(duration));
                self.step("Started", &what);
            }
            Deploy::MailShown { url } => self.step("Mail", &format!("is at {}", safe_line(&url))),
            Deploy::RoutesReady { routes } => {
                for address in routes {
                    self.address(&address);
                }
            }
            Deploy::Started { .. } | Deploy::ReadyAwaited { .. } => {}
            Deploy::Finished {
                container,
                duration,
            } => {
                self.step(
                    "Started",
                    &format!("{} in {}", safe_line(&container), text::duration(duration)),
                );
            }
        }
    }

    /// Prints an address and what answers there.
    fn address(&mut self, address: &Address) {
        let url = safe_line(&address.url);
        let service = safe_line(address.service.as_deref().unwrap_or_default());
        match &address.redirects_to {
            Some(to) => self.step("", &format!("{url} redirects to {}", safe_line(to))),
            None if address.direct => self.step(
                "",
                &format!("{url} leads directly to {service}, without any route"),
            ),
            None => self.step("Open", &format!("{url} for {service}")),
        }
    }
}
