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
        /// What the branch is called in the clone.
        branch: String,
        /// The commit.
        commit: String,
    },
    /// A source operation ended well; its commits are asked for.
    #[serde(rename = "commits-requested")]
    CommitsRequested {
        /// The app.
        app: String,
    },
    /// What a source operation committed.
    #[serde(rename = "committed")]
    Committed {
        /// The app.
        app: String,
        /// The branch in the clone.
        branch: String,
        /// The new commits, the oldest first; none where nothing was committed.
        commits: Vec<Commit>,
        /// Whether the branch no longer holds the commit that it stood at.
        rewrote_history: bool,
    },
    /// All that source operations changed.
    #[serde(rename = "patch")]
    Patch {
        /// As `git diff` prints it (UTF-8; what is not becomes U+FFFD).
        patch: String,
    },
    /// The commits of source operations are in the repository.
    #[serde(rename = "commits-applied")]
    CommitsApplied {
        /// The branch that has them.
        branch: String,
        /// The commit that it stands at.
        commit: String,
        /// Why it is not the checked-out branch; `None` where it is.
        because: Option<String>,
    },
}
