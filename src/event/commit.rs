//! Commits of source operations.

/// A commit that an operation made.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Commit {
    pub id: String,
    /// The first line of its message.
    pub subject: String,
}
