//! `upsun-local` runs an Upsun project's runtime operations on your machine, in containers with the
//! same read-only file system, mounts, variables and roles as on Upsun.
//!
//! Who may import whom: a module imports only what stands on a lower line. `tests/architecture` reads this table
//! and fails for an import that goes up.
//!
//! ```text floors
//! front ends      | cli
//!                 | server
//! use cases       | actions
//!                 | push_hook
//!                 | failure
//!                 | workspace
//! what is fuzzed  | soundness
//! what happens    | lifecycle
//! what is kept    | activity tunnels
//! what it says    | plan
//!                 | comparison php_ini
//!                 | variables watch
//!                 | relationships
//!                 | images mount_suggestion suite web
//!                 | crons known_cause layout mount_advice revision routes settings
//! facts           | config made_anew scratch variable_store
//!                 | lock mount_snapshot not_started reporter services source
//! what runs it    | engine
//! leaves          | event project roles stop_request
//!                 | bounded image_ref json labels mask output pieces private runtimes schedule shutdown suggestion text user_variables wildcard
//! ```
//!
//! `plan` and everything of "what it says" is pure: no tokio, no environment, no clock.
//!
//! [`config`] turns files into a typed [`config::Config`] or all the problems, each with its place.
//! [`plan`] turns that into plain data: images, containers, volumes, hooks. [`lifecycle`] carries a
//! plan out on an [`engine::Engine`] and tells what it does as [`event::Event`]s. The engine speaks
//! containers and knows no Upsun word; bollard is named below `engine::docker` only.

pub mod actions;
pub mod activity;
pub mod bounded;
pub mod comparison;
pub mod config;
pub mod crons;
pub mod engine;
pub mod event;
pub mod failure;
pub mod image_ref;
pub mod images;
pub mod json;
pub mod known_cause;
pub mod labels;
pub mod layout;
pub mod lifecycle;
pub mod lock;
pub mod made_anew;
pub mod mask;
pub mod mount_advice;
pub mod mount_snapshot;
pub mod mount_suggestion;
pub mod not_started;
#[cfg(test)]
mod official_images;
pub mod output;
pub mod php_ini;
pub mod pieces;
pub mod plan;
pub mod private;
pub mod project;
pub mod push_hook;
pub mod relationships;
pub mod reporter;
pub mod revision;
pub mod roles;
pub mod routes;
pub mod runtimes;
pub mod schedule;
pub mod scratch;
pub mod server;
pub mod services;
pub mod settings;
pub mod shutdown;
pub mod soundness;
pub mod source;
pub mod stop_request;
pub mod suggestion;
pub mod suite;
pub mod text;
pub mod tunnels;
pub mod user_variables;
pub mod variable_store;
pub mod variables;
pub mod watch;
pub mod web;
pub mod wildcard;
pub mod workspace;
