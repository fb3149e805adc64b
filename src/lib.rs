//! `upsun-local` runs an Upsun project's runtime operations on your machine, in containers with the
//! same read-only file system, mounts, variables and roles as on Upsun.
//!
//! Who may import whom; arrows go down only:
//!
//! ```text
//!  front ends      cli                                   (only cli starts the others)
//!                   |
//!  what happens    lifecycle                             reporter → event only
//!                  activity → reporter, event, lock      (records what the lifecycle tells)
//!                   |
//!  what it says    plan ← config  roles  variables  images  services  relationships  routes  web
//!                  comparison ← config, routes   (pure: no tokio, no env, no clock)
//!                  revision ← config, source     (a configuration at a Git commit)
//!                  scratch ← source, lock        (the clone that a source operation works on)
//!                   |
//!  what runs it    engine (trait + plain spec types) ← engine::docker, engine::fake
//!  leaves          bounded  event  json  private  shutdown  project  settings  source
//!
//!  what is fuzzed  soundness → config, lifecycle, settings, source   (nobody imports it)
//! ```
//!
//! [`config`] turns files into a typed [`config::Config`] or all the problems, each with its place.
//! [`plan`] turns that into plain data: images, containers, volumes, hooks. [`lifecycle`] carries a
//! plan out on an [`engine::Engine`] and tells what it does as [`event::Event`]s. The engine speaks
//! containers and knows no Upsun word; bollard is named below `engine::docker` only.

pub mod activity;
pub mod bounded;
pub mod cli;
pub mod comparison;
pub mod config;
pub mod crons;
pub mod engine;
pub mod event;
pub mod images;
pub mod json;
pub mod known_cause;
pub mod lifecycle;
pub mod lock;
pub mod mask;
pub mod mount_advice;
pub mod mount_snapshot;
pub mod mount_suggestion;
pub mod not_started;
pub mod php_ini;
pub mod plan;
pub mod private;
pub mod project;
pub mod relationships;
pub mod reporter;
pub mod revision;
pub mod roles;
pub mod routes;
pub mod scratch;
pub mod services;
pub mod settings;
pub mod shutdown;
pub mod soundness;
pub mod source;
pub mod suggestion;
pub mod suite;
pub mod variables;
pub mod watch;
pub mod web;
