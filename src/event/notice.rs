//! What can be told at any time.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{KnownCause, NotStarted, Outcome, ReadOnlyWrite, seconds};

/// What can be told at any time.
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
        /// What the other one says of itself: `run next-build (process 4711)`.
        holder: String,
    },
    /// Something that deserves a look but stops nothing.
    #[serde(rename = "warning")]
    Warning {
        /// What.
        message: String,
        /// How to mend it.
        hint: Option<String>,
    },
    /// The operation is being cancelled.
    #[serde(rename = "cancelling")]
    Cancelling {
        /// Why: `Ctrl-C`, `the time limit of 30 s`.
        reason: String,
        /// How long it has before it is killed, in seconds.
        #[serde(with = "seconds")]
        grace: Duration,
    },
    /// What helps with something else that ended: a step of a build or a deploy, or a command.
    #[serde(rename = "advice")]
    Advice {
        /// The container.
        container: String,
        /// What ran in it: `` `hooks.deploy` ``, `the command`.
        subject: String,
        /// `success` or `failure`.
        result: Outcome,
        /// What it tried to write where nothing may be written.
        read_only: Option<ReadOnlyWrite>,
        /// What it could not start, with the exit codes 126 and 127.
        not_started: Option<NotStarted>,
        /// A cause of its failure that its output gives away.
        known: Option<KnownCause>,
    },
    /// Something of the sandbox was removed.
    #[serde(rename = "removed")]
    Removed {
        /// `container`, `volume`, `network`, `image`.
        kind: Cow<'static, str>,
        /// Its name.
        name: String,
    },
}
