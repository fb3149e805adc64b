//! Builds of apps.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Outcome, seconds};

/// Builds of apps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "snake_case")]
pub enum Build {
    /// An app's build is there already.
    #[serde(rename = "build-reused")]
    Reused { app: String, build: String },
    /// A build began.
    #[serde(rename = "build-started")]
    Started {
        app: String,
        build: String,
        /// The number of files in the source.
        files: usize,
        /// The size of the source in bytes.
        bytes: u64,
    },
    /// A directory of `build.caches` was put into the app of a build, or there was nothing to put there.
    #[serde(rename = "build-cache")]
    Cache {
        app: String,
        /// The name of the cache.
        cache: String,
        /// The directory, relative to the app's root.
        directory: String,
        /// `hit`, `stale` or `miss`.
        result: CacheResult,
    },
    /// A build was copied from another engine.
    #[serde(rename = "build-carried")]
    Carried {
        app: String,
        build: String,
        /// How long the copy took, in seconds.
        #[serde(with = "seconds")]
        duration: Duration,
    },
    /// A build ended without a result.
    #[serde(rename = "build-failed")]
    Failed {
        app: String,
        build: String,
        /// `failure`, `cancelled` or `timeout`.
        result: Outcome,
        /// How long the build took, in seconds.
        #[serde(with = "seconds")]
        duration: Duration,
    },
    /// A build is finished and frozen.
    #[serde(rename = "build-finished")]
    Finished {
        app: String,
        build: String,
        /// How long the build took, in seconds.
        #[serde(with = "seconds")]
        duration: Duration,
    },
}

/// What a build found of a directory of `build.caches`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CacheResult {
    /// The cache of the same watched files.
    Hit,
    /// The last cache, of other watched files.
    Stale,
    /// Nothing.
    Miss,
}
