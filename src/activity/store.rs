//! The files of activities: `activities/<id>.json` in the project's state directory, with `<id>.log` beside it.
//!
//! The process that runs an activity holds a lock on the activity's log. The kernel releases the lock however the
//! process ends. A record that says "in progress" without such a lock is therefore one of a process that was killed.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, OFlags, flock};

use super::log::LIMIT;
use super::{Activity, Draft, Place, Selection, Stamp, State};
use crate::event::Outcome;
use crate::stop_request::StopRequest;

/// The maximum number of activities of a project.
pub const KEPT: usize = 200;

/// The maximum size of the logs of all activities of a project, in bytes.
pub const ALL_LOGS: u64 = 500_000_000;

/// The largest record that is read, in bytes. The records that `upsun-local` writes are much smaller.
const LARGEST: u64 = 4 << 20;

/// The size in which file systems usually allocate space for files, in bytes.
const BLOCK: usize = 4096;

/// The number of characters of an id.
const LENGTH: usize = 13;

/// The digits of an id. They are in ASCII order, so that ids sort by their numbers.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Why an activity is not recorded, or only in part.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct Trouble {
    /// The file or directory that failed.
    pub path: PathBuf,
    pub source: io::Error,
    /// Whether only the log is incomplete.
    pub is_of_log: bool,
}

/// Why an activity cannot be found or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory cannot be read.
    #[error("the activities cannot be read: {0}")]
    Directory(Trouble),
    /// There is no activity with that id.
    #[error("there is no activity `{0}`")]
    Unknown(String),
    /// The record of the activity cannot be read or parsed.
    #[error("the activity `{id}` cannot be read: {path}: {source}")]
    Damaged {
        id: String,
        path: PathBuf,
        source: io::Error,
    },
    /// Several activities have ids that begin or end with the text.
    #[error("`{text}` can be any of these activities: {}", ids.join(", "))]
    Ambiguous {
        /// The text that the user gave.
        text: String,
        /// Some of the ids that match.
        ids: Vec<String>,
    },
}

/// The activities of one project, in all its environments.
#[derive(Debug, Clone)]
pub struct Store {
    directory: PathBuf,
}

/// An activity that runs in this process. Dropping this value releases the lock.
#[derive(Debug)]
pub struct Open {
    /// The activity as it is so far.
    pub activity: Activity,
    record: PathBuf,
    /// The log's file, which carries the lock.
    log: File,
}

impl Open {
    /// Writes the record with a rename, so that a reader gets the old or the new one.
    pub(crate) fn save(&mut self) -> Result<(), Trouble> {
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

    /// A handle for writing to the log.
    pub fn log(&self) -> io::Result<File> {
        self.log.try_clone()
    }
}

/// An activity, or why it was not found.
pub type Found = std::result::Result<Activity, Error>;

impl Store {
    /// The activities in a project's state directory. The first activity that is recorded creates the directory.
    pub fn of(state_directory: &Path) -> Self {
        Store {
            directory: state_directory.join("activities"),
        }
    }

    pub(super) fn record(&self, id: &str) -> PathBuf {
        self.directory.join(format!("{id}.json"))
    }

    /// Opens the log of an activity for reading.
    pub fn open_log(&self, id: &str) -> io::Result<File> {
        open(&self.log(id))
    }

    /// The path of an activity's log.
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

    /// Begins an activity, and removes the oldest ones beyond [`KEPT`].
    pub fn begin(&self, draft: &Draft, place: &Place) -> Result<Open, Trouble> {
        // The output of scripts may be confidential, so other users get no access.
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory)
            .map_err(|err| self.trouble(err))?;
        let mut activity = draft.activity(place);
        let log = loop {
            activity.id = new_id(activity.created_at.0, self.newest_number());
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

    /// The newest activities that fit, at most `limit`. An activity that cannot be read is left out.
    pub fn newest(&self, limit: usize, selection: &Selection) -> Result<Vec<Activity>, Trouble> {
        let ids = self.ids()?;
        let all = ids.iter().filter_map(|id| self.read(id));
        let fitting = all.filter(|activity| selection.fits(activity));
        Ok(fitting.take(limit).collect())
    }

    /// The number of the newest id, whether or not its record can be read.
    fn newest_number(&self) -> Option<u128> {
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

    /// Removes all activities except this many of the newest and those that still run. A file that cannot be removed
    /// stays until the next call, which tries again.
    pub(crate) fn prune(&self, kept: usize) {
        // Include the files of a process that was killed while it began an activity.
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

    /// Removes logs, the oldest first, until the logs of all activities fit into `total` bytes. Each log that is
    /// being written counts with the size that it may reach. The records of removed logs stay, with a note.
    pub(crate) fn limit_logs(&self, total: u64) {
        let mut ids = self
            .names(|name| name.strip_suffix(".log"))
            .unwrap_or_default();
        ids.sort_unstable_by(|one, other| other.cmp(one));
        let (mut whole, mut left) = (Vec::new(), total);
        for id in ids {
            let length = std::fs::symlink_metadata(self.log(&id)).map_or(0, |log| log.len());
            match self.load(&id) {
                // This activity is beginning. Testing its lock could make the process that takes the lock fail.
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
        // Write the record first. If removing the log then fails, the next call removes it.
        if let Some(mut activity) = self.read(id) {
            let size = crate::text::bytes(total);
            let note = format!("its log was removed: the logs of a project have at most {size}");
            activity.note = Some(match activity.note {
                Some(before) if before.contains(&note) => before,
                Some(before) => format!("{before}; {note}"),
                None => note,
            });
            let record = self.record(id);
            // A missing note does little harm: `activity log` then says that the log does not exist.
            let _ = serde_json::to_vec(&activity)
                .map_err(io::Error::from)
                .and_then(|bytes| write_record(&record, bytes));
        }
        let _ = std::fs::remove_file(self.log(id));
    }

    /// Whether a process runs the activity: that process holds the lock on the log.
    pub fn is_running(&self, id: &str) -> bool {
        open(&self.log(id)).is_ok_and(|log| {
            let taken = flock(&log, FlockOperation::NonBlockingLockShared);
            taken == Err(rustix::io::Errno::WOULDBLOCK)
        })
    }

    /// An activity as it is now; `None` if it does not exist or cannot be read.
    pub fn read(&self, id: &str) -> Option<Activity> {
        let first = self.load(id).ok()?;
        if !first.state.is_open() || self.is_running(id) {
            return Some(first);
        }
        // The activity may have ended between the two checks. The record is written before the lock is released.
        let mut activity = self.load(id).ok()?;
        if activity.state.is_open() {
            self.bury(&mut activity);
        }
        Some(activity)
    }

    /// Marks an activity as failed whose process was killed.
    fn bury(&self, activity: &mut Activity) {
        activity.state = State::Complete;
        activity.result = Some(Outcome::Failure);
        // The log's last change is the last known time at which the process was alive.
        let touched = std::fs::metadata(self.log(&activity.id)).and_then(|log| log.modified());
        let touched = touched.ok().and_then(|time| Timestamp::try_from(time).ok());
        activity.completed_at = touched.map(Stamp).or(activity.updated_at);
        activity.completion_percent = 100;
        let note = "its process ended without saying how: it was killed, or the machine went down";
        activity.note = Some(note.to_owned());
    }

    fn load(&self, id: &str) -> io::Result<Activity> {
        let file = open(&self.record(id))?;
        // A buffer that grows takes nine reads for what fits into one.
        let length = file.metadata()?.len().min(LARGEST);
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default() + 1);
        file.take(LARGEST).read_to_end(&mut bytes)?;
        let mut activity: Activity = serde_json::from_slice(&bytes)?;
        // The file's name is the id by which the activity was found.
        id.clone_into(&mut activity.id);
        Ok(activity)
    }

    /// Finds an activity by its id, or by the beginning or end of the id if no other id has the same.
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

    /// Why an activity cannot be read. Its record was found, but may have been removed since.
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

    /// The path of the file through which an activity is asked to stop.
    pub(crate) fn request_file(&self, id: &str) -> PathBuf {
        self.record(id).with_extension("stop")
    }

    /// Asks an activity to stop, as Ctrl-C would; `None` if the activity does not run.
    pub fn ask_to_end(&self, activity: &Activity) -> Option<StopRequest> {
        if !self.is_running(&activity.id) {
            return None;
        }
        let request = StopRequest::send(&self.request_file(&activity.id)).ok();
        crate::lock::wake_holder(activity.process, &self.log(&activity.id));
        request
    }
}

/// Replaces a record with a rename.
fn write_record(record: &Path, mut bytes: Vec<u8>) -> io::Result<()> {
    // The record fills whole blocks, so that it can be rewritten in the space it has when the disk is full.
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

/// Opens a file for reading. Does not follow a link, and does not block on a named pipe.
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

/// The number that an id stands for.
fn number(id: &str) -> Option<u128> {
    let mut digits = id.bytes().map(|byte| {
        let digit = DIGITS.iter().position(|digit| *digit == byte)?;
        u128::try_from(digit).ok()
    });
    let number = digits.try_fold(0, |number, digit| Some(number << 5 | digit?));
    number.filter(|_| id.len() == LENGTH)
}

/// A new id of 13 characters, as long as Upsun's: nine for the time in milliseconds, four random. The id always sorts
/// after `newest`, even if the clock was ahead when that one was made.
fn new_id(now: Timestamp, newest: Option<u128>) -> String {
    let time = u128::try_from(now.as_millisecond()).unwrap_or_default();
    let chance = u128::from(RandomState::new().build_hasher().finish());
    let number = time << 20 | chance & ((1 << 20) - 1);
    // The largest possible id has no successor; then the time alone decides.
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
