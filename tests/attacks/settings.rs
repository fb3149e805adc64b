//! Committed settings that reach for what lies outside the repository.
