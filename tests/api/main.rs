//! The server: Upsun's API, its safety, and the real `upsun` command as a client.

#![expect(
    clippy::unwrap_used,
    reason = "what is missing fails the test, also in functions that several tests share"
)]
#![expect(
    clippy::print_stderr,
    reason = "a test that has nothing to compare with says so"
)]

#[path = "../support/mod.rs"]
mod support;

mod activities;
mod bad_days;
mod client;
mod console;
mod console_calls;
#[cfg(feature = "test-docker")]
mod engine;
#[cfg(feature = "test-docker")]
mod engine_gone;
#[cfg(feature = "test-docker")]
mod every_command;
#[cfg(feature = "test-docker")]
mod everywhere;
mod projects;
mod reuse;
mod safety;
mod schema;
mod upsun;
mod variables;
