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

/// What the names of snapshots begin with that runs keep.
const OF_RUN: &str = "run-";

/// The name of the snapshot that the run of an activity keeps. Later activities have ids that sort later.
pub fn of_run(activity: &str) -> String {
    format!("{OF_RUN}{activity}")
}

/// The activity of a name of [`of_run`].
pub fn run_of(name: &str) -> Option<&str> {
    let is_digit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let id = name.strip_prefix(OF_RUN)?;
    (id.len() == 13 && id.bytes().all(is_digit)).then_some(id)
}

/// Whether a name is one of [`of_run`].
pub fn is_of_run(name: &str) -> bool {
    run_of(name).is_some()
}
