//! Images that are pulled or built.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::seconds;

/// Images that are pulled or built.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "snake_case")]
pub enum Image {
    /// A pull began.
    #[serde(rename = "pull-started")]
    PullStarted { image: String },
    /// A pull went on.
    #[serde(rename = "pull-progress")]
    PullProgress {
        image: String,
        /// The bytes pulled so far.
        done: u64,
        /// The bytes in total, as far as they are known.
        total: u64,
    },
    /// A pull ended well.
    #[serde(rename = "pull-finished")]
    PullFinished {
        image: String,
        /// How long the pull took, in seconds.
        #[serde(with = "seconds")]
        duration: Duration,
    },
    /// Building the image that apps of a runtime share began.
    #[serde(rename = "image-started")]
    Started {
        image: String,
        /// The reference of the base image.
        base: String,
    },
    /// A line that the image's build printed.
    #[serde(rename = "image-line")]
    Line { line: String },
    /// The image is there.
    #[serde(rename = "image-finished")]
    Finished {
        image: String,
        /// How long the build took, in seconds.
        #[serde(with = "seconds")]
        duration: Duration,
    },
}
