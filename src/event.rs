//! Events: what happens, as plain data. The lifecycle sends events; the terminal, JSON and other listeners consume
//! them. Nothing here prints.
//!
//! An [`Event`] travels in an [`Envelope`], which has the time and the id of the activity. As JSON, the fields of the
//! event stand beside those of the envelope, with the event's name in `type`; `docs/events.md` describes them for
//! programs that read them.

mod advice;
mod build;
mod channel;
mod commit;
mod cron;
mod deploy;
mod dev;
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
pub use self::build::{Build, CacheResult};
pub use self::channel::{Events, Permit, Receiver};
pub use self::commit::Commit;
pub use self::cron::Cron;
pub use self::deploy::{Address, Deploy};
pub use self::dev::Dev;
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

/// Something that happened. In JSON, `type` is unique among the events of all groups; the groups do not appear.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "an event of a type that this version knows, with all its fields"
)]
pub enum Event {
    /// Events that can happen at any time.
    Notice(Notice),
    /// Images that are pulled or built.
    Image(Image),
    /// Builds of apps.
    Build(Build),
    /// Steps of builds, and hooks.
    Script(Script),
    /// Containers and services that start.
    Deploy(Deploy),
    /// The operation that runs.
    Run(Run),
    /// Changes of mounts.
    Mounts(Mounts),
    /// Changes that a source operation makes to the repository.
    Source(Source),
    /// Crons that run.
    Cron(Cron),
    /// Apps that are edited while they run.
    Dev(Dev),
}

/// Converts the events of a group into [`Event`], so that senders name the group once.
macro_rules! belongs {
    ($($group:ident)*) => {
        $(impl From<$group> for Event {
            fn from(event: $group) -> Self {
                Event::$group(event)
            }
        })*
    };
}

belongs!(Notice Image Build Script Deploy Run Mounts Source Cron Dev);

impl Event {
    pub fn warning(message: impl Into<String>, hint: Option<String>) -> Self {
        Event::Notice(Notice::Warning {
            message: message.into(),
            hint,
        })
    }

    /// The output of a script, if the event carries output.
    pub fn text(&self) -> Option<&Text> {
        match self {
            Event::Run(Run::Output { output })
            | Event::Mounts(Mounts::CheckOutput { output })
            | Event::Script(Script::Output { output, .. })
            | Event::Cron(Cron::Output { output, .. })
            | Event::Dev(Dev::Output { output, .. }) => Some(output),
            _ => None,
        }
    }

    /// The output of a script, for changing it.
    pub(crate) fn text_mut(&mut self) -> Option<&mut Text> {
        match self {
            Event::Run(Run::Output { output })
            | Event::Mounts(Mounts::CheckOutput { output })
            | Event::Script(Script::Output { output, .. })
            | Event::Cron(Cron::Output { output, .. })
            | Event::Dev(Dev::Output { output, .. }) => Some(output),
            _ => None,
        }
    }
}
