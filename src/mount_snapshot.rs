//! What was on the mounts of a container at one moment: a list of everything, by which a later state is compared with
//! it, and an archive of what the files hold, in the state directory. Says nothing of containers; `lifecycle` fills
//! and restores them.

mod archive;
mod content;
mod index;
mod listing;
mod members;
mod names;
mod put_back;
mod store;
#[cfg(test)]
mod tests;

pub use self::archive::{is_whole, read};
pub use self::index::{Entry, Index, Kind, Stat, compare, is_same, unlike};
pub use self::listing::Listing;
pub use self::names::text as text_of;
pub use self::put_back::{PutBack, blocked};
pub use self::store::{Error, Store, Taken};

/// The name of a snapshot if the user gives none.
pub const DEFAULT_NAME: &str = "latest";

/// The snapshot that `run --undo` and `test` take. It is only left when the mounts could not be put back.
pub(crate) const BEFORE_RUN: &str = "before-run";
