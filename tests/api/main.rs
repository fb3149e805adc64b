//! The server: Upsun's API, its safety, and the real `upsun` command as a client.

#[path = "../support/mod.rs"]
mod support;

mod activities;
mod client;
mod console;
mod console_calls;
#[cfg(feature = "test-docker")]
mod engine;
#[cfg(feature = "test-docker")]
mod every_command;
mod safety;
mod schema;
mod upsun;
mod variables;
