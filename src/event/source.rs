//! What a source operation does to the repository.

use serde::{Deserialize, Serialize};

use super::Commit;

/// What a source operation does to the repository.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "snake_case")]
pub enum Source {
    /// HEAD is being cloned for a source operation.
    #[serde(rename = "clone-started")]
    CloneStarted {
        /// The branch's name in the clone.
        branch: String,
        commit: String,
    },
    /// A source operation ended well; its commits are asked for.
    #[serde(rename = "commits-requested")]
    CommitsRequested { app: String },
    /// What a source operation committed.
    #[serde(rename = "committed")]
    Committed {
        app: String,
        /// The branch in the clone.
        branch: String,
        /// The new commits, the oldest first; empty if the operation committed nothing.
        commits: Vec<Commit>,
        /// Whether the branch no longer contains the commit that it pointed to before.
        rewrote_history: bool,
    },
    /// All changes of the source operations.
    #[serde(rename = "patch")]
    Patch {
        /// The patch as `git diff` prints it. U+FFFD replaces bytes that are not UTF-8.
        patch: String,
    },
    /// The commits of source operations are in the repository.
    #[serde(rename = "commits-applied")]
    CommitsApplied {
        /// The branch that contains the commits.
        branch: String,
        /// The commit that the branch points to.
        commit: String,
        /// Why the branch is not the checked-out one; `None` if it is.
        because: Option<String>,
    },
}
