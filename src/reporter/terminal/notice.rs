//! Events that can happen at any time.

use super::{Screen, Terminal};
use crate::event::{Advice, Notice, Outcome};
use crate::text::{safe, safe_line};

impl<S: Screen> Terminal<S> {
    pub(super) fn notice(&mut self, event: Notice) {
        match event {
            Notice::Waiting { holder } => {
                self.step("Waiting", &format!("for {}", safe_line(&holder)));
            }
            Notice::Waited { .. } => {}
            Notice::Warning { message, hint } => {
                let mut text = format!("{}: {}", self.style.warning("warning"), safe(&message));
                if let Some(hint) = hint {
                    text.push_str(&format!(" ({})", safe(&hint)));
                }
                self.insist(&text);
            }
            Notice::Cancelling { reason, grace } => {
                // For other causes, the user is not at this terminal, or there is no user.
                let advice = if self.is_reached && reason == "Ctrl-C" {
                    " (press Ctrl-C again to kill it)"
                } else {
                    ""
                };
                let line = format!(
                    "{} because of {reason}: it has {} s to end{advice}",
                    self.style.warning("cancelling"),
                    grace.as_secs()
                );
                if self.cancelling.as_ref() != Some(&line) {
                    self.insist(&line);
                    self.cancelling = Some(line);
                }
            }
            Notice::Advice {
                subject,
                result,
                read_only,
                not_started,
                known,
                ..
            } => {
                let advice = Advice {
                    read_only,
                    not_started,
                    known,
                };
                match result {
                    Outcome::Success => self.warn_of(&subject, &advice),
                    _ => self.advise(&advice, None),
                }
            }
            Notice::Removed { kind, name } => {
                self.step("Removed", &format!("{kind} {}", safe_line(&name)));
            }
        }
    }
}
