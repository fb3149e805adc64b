//! The configuration reader against whole configurations: real ones, broken ones, and our own.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "these are tests: they may panic, and say what they left out"
)]

mod cases;
mod corpus;
mod fixtures;
mod mutations;
mod properties;
mod schema;
