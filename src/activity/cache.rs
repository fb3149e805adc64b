//! Records of activities in memory, for a process that lists them again and again. The files decide: other processes
//! write them too, so each is looked at for each list, and read again if it has changed.

use std::collections::{HashMap, HashSet};
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::{Activity, Selection, Store, Trouble};

/// How old the last change of a file must be. The clock of a file system has steps, so a younger file may change once
/// more without another time.
const SETTLED: Duration = Duration::from_secs(2);

/// How many records are looked at before the selection is asked whether there are enough.
const AT_ONCE: usize = 256;

/// How many records a thread reads at least.
const OF_A_THREAD: usize = 32;

/// How many threads read.
const THREADS: usize = 4;

/// The records that were read.
#[derive(Debug)]
pub struct Cache {
    entries: Mutex<Entries>,
    settled: Duration,
}

/// By id.
type Entries = HashMap<String, Entry>;

#[derive(Debug)]
struct Entry {
    version: Version,
    activity: Arc<Activity>,
}

/// Tells a file from what it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Default for Cache {
    fn default() -> Self {
        Cache {
            entries: Mutex::default(),
            settled: SETTLED,
        }
    }
}

impl Cache {
    /// The newest activities that fit, at most `limit`, as [`Store::newest`] returns them. An activity that has not
    /// changed since the last call is the same `Arc`.
    pub fn newest(
        &self,
        store: &Store,
        limit: usize,
        selection: &Selection,
    ) -> Result<Vec<Arc<Activity>>, Trouble> {
        let ids = store.ids()?;
        // Entries are replaced whole, so a poisoned lock does no harm.
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() > ids.len() {
            let there: HashSet<&String> = ids.iter().collect();
            entries.retain(|id, _| there.contains(id));
        }
        let mut found = Vec::new();
        for ids in ids.chunks(limit.clamp(1, AT_ONCE)) {
            let all = self.look(store, ids, &mut entries);
            let fitting = all.into_iter().flatten();
            found.extend(fitting.filter(|activity| selection.fits(activity)));
            if found.len() >= limit {
                found.truncate(limit);
                break;
            }
        }
        Ok(found)
    }

    /// The activities of these ids, in their order; `None` for one that cannot be read.
    fn look(
        &self,
        store: &Store,
        ids: &[String],
        entries: &mut Entries,
    ) -> Vec<Option<Arc<Activity>>> {
        let now = SystemTime::now();
        let versions: Vec<Option<Version>> = ids
            .iter()
            .map(|id| version(store, id, now, self.settled))
            .collect();
        let mut found: Vec<Option<Arc<Activity>>> = Vec::with_capacity(ids.len());
        for (id, version) in ids.iter().zip(&versions) {
            let entry = entries
                .get(id)
                .filter(|entry| Some(entry.version) == *version);
            found.push(entry.map(|entry| Arc::clone(&entry.activity)));
        }
        let missing: Vec<usize> = (0..ids.len()).filter(|at| found[*at].is_none()).collect();
        let read = read(store, ids, &missing);
        for (at, activity) in missing.into_iter().zip(read) {
            let Some(activity) = activity else { continue };
            let activity = Arc::new(activity);
            match versions[at] {
                // That the process of an activity was killed is in the lock of the log, and not in the record.
                Some(version) if !activity.state.is_open() => {
                    let activity = Arc::clone(&activity);
                    entries.insert(ids[at].clone(), Entry { version, activity });
                }
                _ => {
                    entries.remove(&ids[at]);
                }
            }
            found[at] = Some(activity);
        }
        found
    }
}

/// Reads records, many of them by several threads.
fn read(store: &Store, ids: &[String], wanted: &[usize]) -> Vec<Option<Activity>> {
    let share = wanted.len().div_ceil(THREADS).max(OF_A_THREAD);
    let read = |part: &[usize]| -> Vec<Option<Activity>> {
        part.iter().map(|at| store.read(&ids[*at])).collect()
    };
    if wanted.len() <= share {
        return read(wanted);
    }
    std::thread::scope(|scope| {
        let parts = wanted.chunks(share);
        let threads: Vec<_> = parts.map(|part| scope.spawn(move || read(part))).collect();
        let parts = threads.into_iter().map(std::thread::ScopedJoinHandle::join);
        parts
            .flat_map(std::result::Result::unwrap_or_default)
            .collect()
    })
}

/// The version of a record that can be told from all later ones.
fn version(store: &Store, id: &str, now: SystemTime, settled: Duration) -> Option<Version> {
    let found = std::fs::symlink_metadata(store.record(id)).ok()?;
    let age = now.duration_since(found.modified().ok()?).ok()?;
    let since = now.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let changed = u64::try_from(found.ctime()).ok()?;
    let is_settled = age >= settled && since.as_secs().checked_sub(changed)? >= settled.as_secs();
    is_settled.then(|| Version {
        inode: found.ino(),
        size: found.size(),
        modified: (found.mtime(), found.mtime_nsec()),
        changed: (found.ctime(), found.ctime_nsec()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::{Draft, Place, State};
    use crate::event::Outcome;

    fn cache() -> Cache {
        Cache {
            settled: Duration::ZERO,
            ..Cache::default()
        }
    }

    fn begin(store: &Store) -> super::super::Open {
        let draft = Draft::Push { apps: Vec::new() };
        let place = Place {
            project: "shop".to_owned(),
            environment: "local".to_owned(),
            environment_type: "development".to_owned(),
        };
        store.begin(&draft, &place).unwrap()
    }

    fn ended(store: &Store) -> String {
        let mut open = begin(store);
        open.activity.state = State::Complete;
        open.activity.result = Some(Outcome::Success);
        open.save().unwrap();
        open.activity.id.clone()
    }

    fn newest(cache: &Cache, store: &Store, limit: usize) -> Vec<Arc<Activity>> {
        cache.newest(store, limit, &Selection::default()).unwrap()
    }

    #[test]
    fn a_record_is_read_once_until_another_process_writes_it() {
        let dir = tempfile::tempdir().unwrap();
        let (store, cache) = (Store::of(dir.path()), cache());
        let id = ended(&store);
        let first = newest(&cache, &store, 10);
        let again = newest(&cache, &store, 10);
        assert!(Arc::ptr_eq(&first[0], &again[0]));
        // As `Store` writes it: a new file with the name of the old one, here of the same length.
        let path = store.record(&id);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(dir.path().join("new"), text.replace("success", "failure")).unwrap();
        std::fs::rename(dir.path().join("new"), &path).unwrap();
        let changed = newest(&cache, &store, 10);
        assert_eq!(changed[0].result, Some(Outcome::Failure));
        std::fs::remove_file(&path).unwrap();
        assert!(newest(&cache, &store, 10).is_empty());
        assert!(cache.entries.lock().unwrap().is_empty());
    }

    #[test]
    fn an_activity_that_runs_and_a_record_that_is_young_are_read_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let (store, usual, quick) = (Store::of(dir.path()), Cache::default(), cache());
        ended(&store);
        let open = begin(&store);
        for cache in [&usual, &quick] {
            let all = newest(cache, &store, 10);
            assert_eq!(all[0].state, State::InProgress);
            assert_eq!(all[1].state, State::Complete);
        }
        assert!(usual.entries.lock().unwrap().is_empty());
        assert_eq!(quick.entries.lock().unwrap().len(), 1);
        // Its process is killed: the record stays as it is.
        drop(open);
        for cache in [&usual, &quick] {
            let all = newest(cache, &store, 10);
            assert_eq!(all[0].result, Some(Outcome::Failure));
        }
    }

    #[test]
    fn many_records_are_those_that_a_store_returns_and_no_more_than_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let (store, cache) = (Store::of(dir.path()), cache());
        let id = ended(&store);
        let text = std::fs::read(store.record(&id)).unwrap();
        for number in 0..700 {
            std::fs::write(store.record(&format!("0{number:03}")), &text).unwrap();
        }
        std::fs::write(store.record("0500"), "{").unwrap();
        for limit in [0, 1, 5, 300, 699, 1000] {
            let expected = store.newest(limit, &Selection::default()).unwrap();
            for _ in 0..2 {
                let found = newest(&cache, &store, limit);
                let found: Vec<Activity> = found.iter().map(|it| (**it).clone()).collect();
                assert!(
                    found == expected,
                    "{limit}: {} of {}",
                    found.len(),
                    expected.len()
                );
            }
        }
    }
}
