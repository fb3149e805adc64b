//! Images that are pulled or made.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::seconds;

/// Images that are pulled or made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "snake_case")]
pub enum Image {
    /// A pull began.
    #[serde(rename = "pull-started")]
    PullStarted {
        /// The image's reference.
        image: String,
    },
    /// A pull went on.
    #[serde(rename = "pull-progress")]
    PullProgress {
        /// The image's reference.
        image: String,
        /// Bytes done.
        done: u64,
        /// Bytes in all, as far as known.
        total: u64,
    },
    /// A pull ended well.
    #[serde(rename = "pull-finished")]
    PullFinished {
        /// The image's reference.
        image: String,
        /// How long it took, in seconds.
        #[serde(with = "seconds")]
        duration: Duration,
    },
    /// Building the image that apps of a runtime share began.
    #[serde(rename = "image-started")]
    Started {
        /// The image's reference.
        image: String,
        /// What it is made from.
        base: String,
    },
    /// A line that the image's build printed.
    #[serde(rename = "image-line")]
    Line {
        /// The line.
        line: String,
    },
    /// The image is there.
    #[serde(rename = "image-finished")]
    Finished {
        /// The image's reference.
        image: String,
        /// How long it took, in seconds.
        #[serde(with = "seconds")]
        duration: Duration,
    },
}
