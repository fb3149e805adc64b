//! What was on the mounts of a container at one moment: an archive in the state directory, and a list of what it
//! holds, by which a later state is compared with it. Says nothing of containers; `lifecycle` fills and restores them.

mod index;
mod store;
#[cfg(test)]
mod tests;

pub use self::index::{Change, Difference, Entry, Index, Kind, compare};
pub use self::store::{Error, Store, Taken};

/// The name of a snapshot to which none is given.
pub const DEFAULT_NAME: &str = "latest";
