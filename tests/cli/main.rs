//! The binary without an engine: arguments, roles, lists, plans and what it says when something is wrong.

#[path = "../support/mod.rs"]
mod support;

mod access;
mod activity;
mod check;
mod check_images;
mod config;
mod cron;
mod diagnostics;
mod doctor;
mod errors;
mod features;
mod hook;
mod list;
mod mounts;
mod operation_tests;
mod output;
mod plan;
mod repository;
mod roles;
mod source_operation;
mod upsuns_words;
mod variables;
