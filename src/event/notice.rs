//! Events that can happen at any time.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{KnownCause, NotStarted, Outcome, ReadOnlyWrite, seconds};

/// Events that can happen at any time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "events travel in boxes, and the small ones are not kept"
)]
pub enum Notice {
    /// Another activity of this environment runs, and this one waits for it.
    #[serde(rename = "waiting")]
    Waiting {
        /// How the other activity describes itself: `run next-build (process 4711)`.
        holder: String,
    },
    /// The other activity has ended, and this one goes on.
    #[serde(rename = "waited")]
    Waited {
        /// How the last activity that was waited for describes itself.
        holder: String,
        /// How long the wait took, in seconds.
        #[serde(with = "seconds")]
        duration: Duration,
    },
    /// Something that deserves a look but stops nothing.
    #[serde(rename = "warning")]
    Warning {
        /// The warning.
        message: String,
        /// What the user can do about it.
        hint: Option<String>,
    },
    /// The operation is being cancelled.
    #[serde(rename = "cancelling")]
    Cancelling {
        /// The cause: `Ctrl-C`, `the time limit of 30 s`.
        reason: String,
        /// How long the operation may still take before it is killed, in seconds.
        #[serde(with = "seconds")]
        grace: Duration,
    },
    /// What helps with something else that ended: a step of a build or a deploy, or a command.
    #[serde(rename = "advice")]
    Advice {
        /// The app, or `app--worker`.
        container: String,
        /// The subject of the advice: `` `hooks.deploy` ``, `the command`.
        subject: String,
        /// `success` or `failure`.
        result: Outcome,
        /// A write to a path that is not writable.
        read_only: Option<ReadOnlyWrite>,
        /// A command that could not be started, for the exit codes 126 and 127.
        not_started: Option<NotStarted>,
        /// A cause of the failure that the output shows.
        known: Option<KnownCause>,
    },
    /// Something of the sandbox was removed.
    #[serde(rename = "removed")]
    Removed {
        /// The kind of the object: `container`, `volume`, `network`, `image`.
        kind: Cow<'static, str>,
        name: String,
    },
}
