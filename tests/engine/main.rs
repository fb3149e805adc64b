//! The binary on the real Docker Engine: what it builds, runs, stops and leaves behind.
//!
//! Every test has a project of its own and removes everything made for it. The image that the apps run in is
//! shared: it is made once per machine and stays.

#[path = "../support/mod.rs"]
mod support;

mod engine;
mod php_settings;
mod process;
mod pseudo_terminal;

mod activities;
mod bad_days;
mod build;
mod build_caches;
mod clients;
mod commands;
mod coreutils;
mod crashes;
mod crons;
mod deploy;
mod dev;
mod doctor;
mod file_system;
mod fronts;
mod held_requests;
mod hints;
mod in_one_process;
mod isolation;
mod kept_source;
mod mail;
mod mount_commands;
mod mount_snapshots;
mod mounts;
mod operation_tests;
mod php;
mod progress;
mod queueing;
mod readers;
mod roles;
mod routes;
mod run_output;
mod run_script;
mod sandboxes;
mod secrets;
mod services;
mod several_engines;
mod source;
mod source_operations;
mod stopping;
mod suggestions;
mod tunnels;
mod watch;
