//! Where activities are kept: `activities/<id>.json` in the project's state directory, with `<id>.log` beside it.
//!
//! Whoever runs an activity holds a lock on its log for as long as that takes. The kernel lets go of it however the
//! process ends, so that a record that says "in progress" without such a lock is one of a process that was killed.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, OFlags, flock};

use super::log::LIMIT;
use super::{Activity, Draft, Place, Stamp, State};
use crate::event::Outcome;
use crate::stop_request::StopRequest;

/// How many activities are kept.
pub const KEPT: usize = 200;

/// How much the logs of a project's activities may have together, in bytes.
pub const ALL_LOGS: u64 = 500_000_000;

/// The largest record that is read, in bytes: none of ours comes near it.
const LARGEST: u64 = 4 << 20;

/// What file systems give files in pieces of, in bytes.
const BLOCK: usize = 4096;

/// How many characters an id of ours has.
const LENGTH: usize = 13;

/// What an id is made of. Its order is that of ASCII, so that ids sort as the numbers that they are.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Why activities are not recorded, or not as a whole.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct Trouble {
    /// The file or directory.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
    /// Whether it is only the log that is not whole.
    pub is_of_log: bool,
}

/// Why there is no activity to look at.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory cannot be read.
    #[error("the activities cannot be read: {0}")]
    Directory(Trouble),
    /// There is none with that id.
    #[error("there is no activity `{0}`")]
    Unknown(String),
    /// There is a record, and it says nothing.
    #[error("the activity `{id}` cannot be read: {path}: {source}")]
    Damaged {
        /// Its id.
        id: String,
        /// Its record.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Several ids begin or end so.
    #[error("`{text}` can be any of these activities: {}", ids.join(", "))]
    Ambiguous {
        /// What was given.
        text: String,
        /// Some of those that fit.
        ids: Vec<String>,
    },
}

/// The activities of one project, of all its environments.
#[derive(Debug, Clone)]
pub struct Store {
    directory: PathBuf,
}

/// An activity that runs in this process. Its lock goes with it.
#[derive(Debug)]
pub struct Open {
    /// As it is so far.
    pub activity: Activity,
    record: PathBuf,
    /// Its log, which carries the lock.
    log: File,
}

impl Open {
    /// Writes the record, in one piece: whoever reads it sees the old one or the new one.
    pub fn save(&mut self) -> Result<(), Trouble> {
        self.activity.updated_at = Some(Stamp::now());
        let written = serde_json::to_vec(&self.activity)
            .map_err(io::Error::from)
            .and_then(|bytes| write_record(&self.record, bytes));
        written.map_err(|source| Trouble {
            path: self.record.clone(),
            source,
            is_of_log: false,
        })
    }

    /// The log, to write to.
    pub fn log(&self) -> io::Result<File> {
        self.log.try_clone()
    }
}

/// An activity and how it was found.
pub type Found = std::result::Result<Activity, Error>;

impl Store {
    /// In a project's state directory. Nothing is made before something is recorded.
    pub fn of(state_directory: &Path) -> Self {
        Store {
            directory: state_directory.join("activities"),
        }
    }

    fn record(&self, id: &str) -> PathBuf {
        self.directory.join(format!("{id}.json"))
    }

    /// Opens the log of an activity.
    pub fn open_log(&self, id: &str) -> io::Result<File> {
        open(&self.log(id))
    }

    /// Where the log of an activity is.
    pub fn log(&self, id: &str) -> PathBuf {
        self.directory.join(format!("{id}.log"))
    }

    fn trouble(&self, source: io::Error) -> Trouble {
        Trouble {
            path: self.directory.clone(),
            source,
            is_of_log: false,
        }
    }

    /// Begins an activity, and removes the oldest ones that are too many.
    pub fn begin(&self, draft: &Draft, place: &Place) -> Result<Open, Trouble> {
        // What scripts print is nobody else's business.
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory)
            .map_err(|err| self.trouble(err))?;
        let mut activity = draft.activity(place);
        let log = loop {
            activity.id = new_id(activity.created_at.0, self.newest());
            let path = self.log(&activity.id);
            let made = OpenOptions::new()
                .append(true)
                .create_new(true)
                .mode(0o600)
                .open(&path);
            match made {
                Err(err) if err.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => {
                    return Err(Trouble {
                        path,
                        source,
                        is_of_log: false,
                    });
                }
                Ok(log) => break log,
            }
        };
        let mut open = Open {
            record: self.record(&activity.id),
            activity,
            log,
        };
        let begun = flock(&open.log, FlockOperation::NonBlockingLockExclusive)
            .map_err(|errno| self.trouble(errno.into()))
            .and_then(|()| open.save());
        if let Err(trouble) = begun {
            let _ = std::fs::remove_file(self.log(&open.activity.id));
            return Err(trouble);
        }
        self.prune(KEPT);
        self.limit_logs(ALL_LOGS);
        Ok(open)
    }

    /// The ids of all activities, the newest first.
    pub fn ids(&self) -> Result<Vec<String>, Trouble> {
        let mut ids = self.names(|name| name.strip_suffix(".json"))?;
        ids.sort_unstable_by(|one, other| other.cmp(one));
        Ok(ids)
    }

    /// The number of the newest that has an id of ours, whole or not.
    fn newest(&self) -> Option<u128> {
        let names = self.names(|name| name.split_once('.').map(|(stem, _)| stem));
        names.ok()?.iter().filter_map(|id| number(id)).max()
    }

    fn names(&self, id: impl Fn(&str) -> Option<&str>) -> Result<Vec<String>, Trouble> {
        let entries = match std::fs::read_dir(&self.directory) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|err| self.trouble(err))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(|err| self.trouble(err))?.file_name();
            let id = name.to_str().and_then(&id).filter(|id| is_id(id));
            names.extend(id.map(str::to_owned));
        }
        Ok(names)
    }

    /// Removes all but so many of the newest, and whatever still runs. What cannot be removed is no worse than it
    /// was, and the next one tries again.
    pub fn prune(&self, kept: usize) {
        // Also what a process left that was killed while it began.
        let stem = |name: &str| name.split_once('.').map(|(stem, _)| stem.len());
        let names = self.names(|name| stem(name).map(|at| &name[..at]));
        let ids: BTreeSet<String> = names.unwrap_or_default().into_iter().collect();
        for id in ids.iter().rev().skip(kept) {
            if self.is_running(id) {
                continue;
            }
            let record = self.record(id);
            let new = record.with_extension("json.new");
            for path in [new, record, self.log(id), self.request_file(id)] {
                let _ = std::fs::remove_file(path);
            }
        }
    }

    /// Removes logs, the oldest first, until those of all activities fit into so many bytes, also once those that are
    /// being written are as long as one may be. Their records stay, with a note.
    pub fn limit_logs(&self, total: u64) {
        let mut ids = self
            .names(|name| name.strip_suffix(".log"))
            .unwrap_or_default();
        ids.sort_unstable_by(|one, other| other.cmp(one));
        let (mut whole, mut left) = (Vec::new(), total);
        for id in ids {
            let length = std::fs::symlink_metadata(self.log(&id)).map_or(0, |log| log.len());
            match self.load(&id) {
                // It begins just now. To ask for its lock would be in the way of who takes it.
                Err(err) if err.kind() == io::ErrorKind::NotFound => {
                    left = left.saturating_sub(length);
                }
                Ok(activity) if activity.state.is_open() && self.is_running(&id) => {
                    left = left.saturating_sub(LIMIT);
                }
                _ => whole.push((id, length)),
            }
        }
        for (id, length) in whole {
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => self.drop_log(&id, total),
            }
        }
    }

    fn drop_log(&self, id: &str, total: u64) {
        // The record first: a log that is still there although its record says that it is not goes the next time.
        if let Some(mut activity) = self.read(id) {
            let size = crate::text::bytes(total);
            let note = format!("its log was removed: the logs of a project have at most {size}");
            activity.note = Some(match activity.note {
                Some(before) if before.contains(&note) => before,
                Some(before) => format!("{before}; {note}"),
                None => note,
            });
            let record = self.record(id);
            // A missing note does little harm: `activity log` then says that the log is gone.
            let _ = serde_json::to_vec(&activity)
                .map_err(io::Error::from)
                .and_then(|bytes| write_record(&record, bytes));
        }
        let _ = std::fs::remove_file(self.log(id));
    }

    /// Whether somebody runs it.
    pub fn is_running(&self, id: &str) -> bool {
        open(&self.log(id)).is_ok_and(|log| {
            let taken = flock(&log, FlockOperation::NonBlockingLockShared);
            taken == Err(rustix::io::Errno::WOULDBLOCK)
        })
    }

    /// An activity as it is now; `None` where there is none, or none that can be read.
    pub fn read(&self, id: &str) -> Option<Activity> {
        let first = self.load(id).ok()?;
        if !first.state.is_open() || self.is_running(id) {
            return Some(first);
        }
        // It may have ended between the two looks: the record is written before the lock goes.
        let mut activity = self.load(id).ok()?;
        if activity.state.is_open() {
            self.bury(&mut activity);
        }
        Some(activity)
    }

    /// Its process did not come to tell how it ended.
    fn bury(&self, activity: &mut Activity) {
        activity.state = State::Complete;
        activity.result = Some(Outcome::Failure);
        // The last sign of life.
        let touched = std::fs::metadata(self.log(&activity.id)).and_then(|log| log.modified());
        let touched = touched.ok().and_then(|time| Timestamp::try_from(time).ok());
        activity.completed_at = touched.map(Stamp).or(activity.updated_at);
        activity.completion_percent = 100;
        let note = "its process ended without saying how: it was killed, or the machine went down";
        activity.note = Some(note.to_owned());
    }

    fn load(&self, id: &str) -> io::Result<Activity> {
        let mut bytes = Vec::new();
        let file = open(&self.record(id))?;
        file.take(LARGEST).read_to_end(&mut bytes)?;
        let mut activity: Activity = serde_json::from_slice(&bytes)?;
        // The name of the file is what it was found by.
        id.clone_into(&mut activity.id);
        Ok(activity)
    }

    /// The activity with that id. The beginning or the end of one suffices where no other has it.
    pub fn find(&self, text: &str) -> Found {
        let ids = self.ids().map_err(Error::Directory)?;
        let unknown = || Error::Unknown(text.to_owned());
        let exact = ids.iter().find(|id| *id == text);
        let fits = |id: &&String| id.starts_with(text) || id.ends_with(text);
        let fitting: Vec<&String> = match exact {
            Some(id) => vec![id],
            None => ids.iter().filter(fits).collect(),
        };
        match fitting.as_slice() {
            [id] => self.read(id).ok_or_else(|| self.damaged(id)),
            [_, ..] if !text.is_empty() => Err(Error::Ambiguous {
                text: text.to_owned(),
                ids: fitting.into_iter().take(5).cloned().collect(),
            }),
            _ => Err(unknown()),
        }
    }

    /// Why one whose record was found cannot be read; it may be gone since.
    fn damaged(&self, id: &str) -> Error {
        match self.load(id) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Error::Damaged {
                id: id.to_owned(),
                path: self.record(id),
                source,
            },
            _ => Error::Unknown(id.to_owned()),
        }
    }

    /// Through which file an activity is asked to stop.
    pub fn request_file(&self, id: &str) -> PathBuf {
        self.record(id).with_extension("stop")
    }

    /// Asks an activity to stop, as Ctrl-C would; `None` where it does not run.
    pub fn ask_to_end(&self, activity: &Activity) -> Option<StopRequest> {
        if !self.is_running(&activity.id) {
            return None;
        }
        let request = StopRequest::send(&self.request_file(&activity.id)).ok();
        crate::lock::wake_holder(activity.process, &self.log(&activity.id));
        request
    }
}

/// Writes a record in one piece.
fn write_record(record: &Path, mut bytes: Vec<u8>) -> io::Result<()> {
    // Whole blocks: on a full disk a record can still be written where the one before it stands.
    bytes.resize(bytes.len().next_multiple_of(BLOCK), b' ');
    let new = record.with_extension("json.new");
    let result = std::fs::write(&new, &bytes).and_then(|()| std::fs::rename(&new, record));
    let Err(err) = result else {
        return Ok(());
    };
    let _ = std::fs::remove_file(&new);
    let length = std::fs::metadata(record).map(|record| record.len());
    if err.kind() == io::ErrorKind::StorageFull && length.is_ok_and(|it| it == bytes.len() as u64) {
        let mut old = OpenOptions::new().write(true).open(record)?;
        return io::Write::write_all(&mut old, &bytes);
    }
    Err(err)
}

/// Opens a file to read. What is no file is not waited for, and a link is not followed.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
        .open(path)?;
    if !file.metadata()?.is_file() {
        let what = "it is not a regular file";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    Ok(file)
}

fn is_id(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=32).contains(&text.len()) && text.bytes().all(is_digit)
}

/// The number that an id of ours is.
fn number(id: &str) -> Option<u128> {
    let mut digits = id.bytes().map(|byte| {
        let digit = DIGITS.iter().position(|digit| *digit == byte)?;
        u128::try_from(digit).ok()
    });
    let number = digits.try_fold(0, |number, digit| Some(number << 5 | digit?));
    number.filter(|_| id.len() == LENGTH)
}

/// 13 characters, as many as Upsun's have: nine of the time in milliseconds, four by chance. A clock may have been
/// ahead, and what is new comes after `newest` all the same.
fn new_id(now: Timestamp, newest: Option<u128>) -> String {
    let time = u128::try_from(now.as_millisecond()).unwrap_or_default();
    let chance = u128::from(RandomState::new().build_hasher().finish());
    let number = time << 20 | chance & ((1 << 20) - 1);
    // After the last of all ids there is none.
    let next = newest.map(|newest| newest + 1);
    let next = next.filter(|next| next >> (LENGTH * 5) == 0);
    let number = number.max(next.unwrap_or_default());
    (0..LENGTH)
        .rev()
        .map(|at| {
            let digit = usize::try_from(number >> (at * 5) & 31).unwrap_or_default();
            char::from(DIGITS[digit])
        })
        .collect()
}
