//! What happens, told as plain data. The lifecycle emits events; terminal, JSON and other listeners consume them.
//! Nothing here prints.
//!
//! An [`Event`] travels in an [`Envelope`], which says when it happened and to which activity it belongs. As JSON, the
//! fields of the event stand beside those of the envelope, with the event's name in `type`; `docs/events.md` describes
//! them for programs that read them.

mod advice;
mod build;
mod channel;
mod commit;
mod cron;
mod deploy;
mod difference;
mod envelope;
mod image;
mod mounts;
mod notice;
mod outcome;
mod run;
mod script;
mod seconds;
mod source;
mod suggestion;
#[cfg(test)]
mod tests;
mod text;

use serde::{Deserialize, Serialize};

pub use self::advice::{
    Advice, Hidden, KnownCause, NotStarted, ReadOnlyWrite, Refusal, Unstartable,
};
pub use self::build::Build;
pub use self::channel::{Events, Permit, Receiver};
pub use self::commit::Commit;
pub use self::cron::Cron;
pub use self::deploy::{Address, Deploy};
pub use self::difference::{Change, Difference, on_one_line};
pub use self::envelope::{Envelope, Numbering, VERSION};
pub use self::image::Image;
pub use self::mounts::{MountCheck, Mounts, Trouble};
pub use self::notice::Notice;
pub use self::outcome::Outcome;
pub use self::run::Run;
pub use self::script::{Script, Step};
pub use self::source::Source;
pub use self::suggestion::{Elsewhere, NewMount, Reason, Suggestion, Writer};
pub use self::text::Text;

/// One thing that happened. As JSON, `type` names it among those of all groups, and the groups do not show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "an event of a type that this version knows, with all its fields"
)]
pub enum Event {
    /// What can be told at any time.
    Notice(Notice),
    /// An image is pulled or made.
    Image(Image),
    /// An app is built.
    Build(Build),
    /// A step of a build, or a hook, runs.
    Script(Script),
    /// A container or a service is started.
    Deploy(Deploy),
    /// The operation runs.
    Run(Run),
    /// Something becomes of mounts.
    Mounts(Mounts),
    /// A source operation does something to the repository.
    Source(Source),
    /// A cron runs.
    Cron(Cron),
}

/// Lets an event be told without naming its group twice.
macro_rules! belongs {
    ($($group:ident)*) => {
        $(impl From<$group> for Event {
            fn from(event: $group) -> Self {
                Event::$group(event)
            }
        })*
    };
}

belongs!(Notice Image Build Script Deploy Run Mounts Source Cron);

impl Event {
    /// A warning.
    pub fn warning(message: impl Into<String>, hint: Option<String>) -> Self {
        Event::Notice(Notice::Warning {
            message: message.into(),
            hint,
        })
    }

    /// What a script printed, where the event carries that.
    pub fn text(&self) -> Option<&Text> {
        match self {
            Event::Run(Run::Output { output })
            | Event::Mounts(Mounts::CheckOutput { output })
            | Event::Script(Script::Output { output, .. })
            | Event::Cron(Cron::Output { output, .. }) => Some(output),
            _ => None,
        }
    }

    /// The same, to change it.
    pub fn text_mut(&mut self) -> Option<&mut Text> {
        match self {
            Event::Run(Run::Output { output })
            | Event::Mounts(Mounts::CheckOutput { output })
            | Event::Script(Script::Output { output, .. })
            | Event::Cron(Cron::Output { output, .. }) => Some(output),
            _ => None,
        }
    }
}
