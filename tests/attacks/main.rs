//! Attacks on the machine that `upsun-local` runs on, each with what must happen instead. `docs/security.md` names them.
//!
//! A repository, a container, another user of the machine and a broken engine are the attackers. What needs a container
//! stands in the modules below `test-docker`.

#[path = "../support/mod.rs"]
mod support;

#[cfg(feature = "test-docker")]
#[path = "../engine/engine.rs"]
#[allow(
    dead_code,
    reason = "not every attack looks at everything on the engine"
)]
mod engine;
#[cfg(feature = "test-docker")]
#[path = "../engine/process.rs"]
#[allow(
    dead_code,
    reason = "not every attack watches the program in every way"
)]
mod process;

mod git;
mod settings;
mod users;

#[cfg(feature = "test-docker")]
mod holes;
#[cfg(feature = "test-docker")]
mod network;
#[cfg(feature = "test-docker")]
mod processes;
#[cfg(feature = "test-docker")]
mod resources;
#[cfg(feature = "test-docker")]
mod terminal;
