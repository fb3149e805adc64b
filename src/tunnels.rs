//! The tunnels that are open on this machine. Each process that keeps tunnels open has a record,
//! `tunnels/<id>.json` in the project's state directory, and holds the lock `tunnels/<id>.lock`. The kernel frees the
//! lock however the process ends, so a record without a held lock is one of a process that was killed.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::lock::{self, Lock};
use crate::private;
use crate::shutdown::Shutdown;

/// The directory of the records in the state directory of a project.
const DIRECTORY: &str = "tunnels";

/// The largest record that is read, in bytes. The records that `upsun-local` writes are much smaller.
const LARGEST: u64 = 4 << 20;

/// How often to look whether a process has closed its tunnels.
const POLL: Duration = Duration::from_millis(10);

/// How long a process may take to close its tunnels.
const LIMIT: Duration = Duration::from_secs(5);

/// One tunnel: a port of this machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tunnel {
    /// The port of this machine.
    pub port: u16,
    /// What answers: the relationship, or what [`ROUTES`] and [`MAIL`] say.
    pub name: String,
    /// The address, with the credentials: `pgsql://main:main@127.0.0.1:30000/main`.
    pub url: String,
    /// What `PLATFORM_RELATIONSHIPS` holds for the relationship, with the address of this machine.
    pub payload: Option<Value>,
}

/// The name of the tunnel to the routes. No relationship can have it.
pub const ROUTES: &str = "(routes)";

/// The name of the tunnel to the page that shows mail. No relationship can have it.
pub const MAIL: &str = "(mail)";

/// The tunnels that one process keeps open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The project's id.
    pub project: String,
    /// The name of the environment.
    pub environment: String,
    /// `app` or `app--worker`; `None` for tunnels of no app.
    pub app: Option<String>,
    pub tunnels: Vec<Tunnel>,
}

/// The records of one project.
#[derive(Debug, Clone)]
pub struct Store {
    directory: PathBuf,
}

/// A record of a process that keeps its tunnels open.
#[derive(Debug, Clone)]
pub struct Open {
    pub record: Record,
    lock: PathBuf,
}

/// The record of this process, for as long as it keeps its tunnels open.
#[derive(Debug)]
pub struct Kept {
    lock: Lock,
    path: PathBuf,
}

impl Store {
    /// The records of the project with this state directory.
    pub fn of(state_dir: &Path) -> Self {
        Store {
            directory: state_dir.join(DIRECTORY),
        }
    }

    /// The records of all projects, whose state is in directories below `state`.
    pub fn everywhere(state: &Path) -> Vec<Self> {
        let projects = std::fs::read_dir(state).into_iter().flatten().flatten();
        projects.map(|entry| Store::of(&entry.path())).collect()
    }

    /// Records that this process keeps tunnels open, until `shutdown` or until the user closes them.
    pub fn keep(&self, record: &Record, shutdown: &Shutdown) -> Result<Kept, lock::Error> {
        let id = lock::new_token();
        let mut lock = Lock::try_take(&self.directory.join(format!("{id}.lock")), "tunnel")?;
        lock.heed(shutdown);
        let path = self.directory.join(format!("{id}.json"));
        let written = private::file(&path)
            .and_then(|mut file| file.write_all(serde_json::to_string(record)?.as_bytes()));
        match written {
            Ok(()) => Ok(Kept { lock, path }),
            Err(source) => Err(lock::Error::File { path, source }),
        }
    }

    /// The records of processes that run, by the first port. Removes the records of processes that were killed.
    pub fn open(&self) -> Vec<Open> {
        let entries = std::fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .flatten();
        let mut open = Vec::new();
        for entry in entries {
            let path = entry.path();
            let lock = path.with_extension("lock");
            let is_record = path.extension().is_some_and(|name| name == "json");
            if Lock::is_taken(&lock) {
                if is_record && let Ok(record) = read(&path) {
                    open.push(Open { record, lock });
                }
            } else if is_record {
                let _ = std::fs::remove_file(&path);
                let _ = std::fs::remove_file(&lock);
            }
        }
        open.sort_by_key(|open| open.record.tunnels.first().map(|tunnel| tunnel.port));
        open
    }

    /// Whether a tunnel of that name is open for an environment.
    pub fn leads_to(&self, environment: &str, name: &str) -> bool {
        self.open().iter().any(|open| {
            let mut tunnels = open.record.tunnels.iter();
            open.record.environment == environment && tunnels.any(|tunnel| tunnel.name == name)
        })
    }

    /// Closes the tunnels of an environment, or of all environments. Returns how many were closed.
    pub async fn close(&self, environment: Option<&str>) -> usize {
        let mut closed = 0;
        for open in self.open() {
            if environment.is_none_or(|name| name == open.record.environment) && open.close().await
            {
                closed += open.record.tunnels.len();
            }
        }
        closed
    }

    /// The file for messages of processes in the background.
    pub fn log(&self) -> io::Result<(std::fs::File, PathBuf)> {
        private::directory(&self.directory).map_err(io::Error::other)?;
        let path = self.directory.join("tunnels.log");
        let file = private::file(&path)?;
        if file.metadata()?.len() > LARGEST {
            file.set_len(0)?;
        }
        drop(file);
        let file = std::fs::OpenOptions::new().append(true).open(&path)?;
        Ok((file, path))
    }
}

impl Open {
    /// Asks the process to close its tunnels, and waits until it has. Returns whether the tunnels are closed.
    pub async fn close(&self) -> bool {
        let _request = Lock::ask_to_end(&self.lock);
        let closed = async {
            while Lock::is_taken(&self.lock) {
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::time::timeout(LIMIT, closed).await.is_ok()
    }
}

impl Kept {
    /// Removes the record after the tunnels were closed.
    pub fn remove(self) {
        let _ = std::fs::remove_file(&self.path);
        self.lock.remove();
    }
}

fn read(path: &Path) -> io::Result<Record> {
    let mut text = String::new();
    private::read(path)?
        .take(LARGEST)
        .read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shutdown::Urgency;

    fn record(environment: &str, port: u16) -> Record {
        Record {
            project: "shop".to_owned(),
            environment: environment.to_owned(),
            app: Some("app".to_owned()),
            tunnels: vec![Tunnel {
                port,
                name: "database".to_owned(),
                url: format!("pgsql://main:main@127.0.0.1:{port}/main"),
                payload: None,
            }],
        }
    }

    fn ports(store: &Store) -> Vec<u16> {
        let open = store.open();
        open.iter()
            .map(|open| open.record.tunnels[0].port)
            .collect()
    }

    #[tokio::test]
    async fn a_record_lasts_as_long_as_its_process_keeps_the_lock() {
        let state = tempfile::tempdir().unwrap();
        let store = Store::of(state.path());
        assert_eq!(ports(&store), [0; 0]);
        let second = store.keep(&record("main", 30001), &Shutdown::new());
        let first = store.keep(&record("main", 30000), &Shutdown::new());
        assert_eq!(ports(&store), [30000, 30001]);
        first.unwrap().remove();
        assert_eq!(ports(&store), [30001]);
        // A process that is killed removes nothing.
        drop(second.unwrap());
        assert_eq!(ports(&store), [0; 0]);
        let left = std::fs::read_dir(state.path().join(DIRECTORY))
            .unwrap()
            .count();
        assert_eq!(left, 0);
    }

    #[tokio::test]
    async fn only_the_tunnels_of_the_environment_are_closed() {
        let state = tempfile::tempdir().unwrap();
        let store = Store::of(state.path());
        let shutdowns = [Shutdown::new(), Shutdown::new()];
        for (shutdown, name) in shutdowns.iter().zip(["main", "other"]) {
            let kept = store.keep(&record(name, 30000), shutdown).unwrap();
            let shutdown = shutdown.clone();
            tokio::spawn(async move {
                shutdown.reached(Urgency::Cancel).await;
                kept.remove();
            });
        }
        assert_eq!(store.close(Some("main")).await, 1);
        assert_eq!(shutdowns[1].urgency(), Urgency::None);
        assert_eq!(store.open().len(), 1);
        assert_eq!(store.close(None).await, 1);
        assert_eq!(store.open().len(), 0);
    }
}
