//! The record of a running server, which only this user can read: where it answers, with which key, and what it was
//! started with. The server holds a lock on its record. The kernel releases the lock however the server ends, so a
//! record without a lock is one of a server that was killed.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::key::{Caller, Key};
use crate::private;
use crate::project::hash;
use crate::workspace::Surroundings;

/// Variables that change what a server does, besides those of [`PREFIXES`].
const VARIABLES: [&str; 14] = [
    "HOME",
    "XDG_STATE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// How the names of further variables begin that change what a server does.
const PREFIXES: [&str; 2] = ["UPSUN_LOCAL_", "DOCKER_"];

/// Variables with such a name that change nothing which a client can see.
const WITHOUT_EFFECT: [&str; 3] = [
    "UPSUN_LOCAL_LOG",
    "UPSUN_LOCAL_PROGRESS",
    "UPSUN_LOCAL_BRIDGE",
];

/// The largest record that is read, in bytes.
const LARGEST: u64 = 64 << 10;

/// How long a server may take to say which projects it serves.
const PATIENCE: Duration = Duration::from_secs(5);

/// The largest list of projects that is read, in bytes.
const LARGEST_LIST: u64 = 4 << 20;

/// What a server was started with: another one that was started with the same answers the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manner(String);

impl Manner {
    /// `engine` is the engine that the command line names.
    pub fn of(surroundings: &Surroundings, engine: Option<&str>) -> Self {
        let variables = &surroundings.variables;
        let is_counted = |name: &&str| {
            let is_ours = PREFIXES.iter().any(|prefix| name.starts_with(prefix));
            (is_ours || VARIABLES.contains(name)) && !WITHOUT_EFFECT.contains(name)
        };
        let names = variables.names().filter(is_counted);
        let variables: Vec<_> = names.map(|name| (name, variables.get(name))).collect();
        let all = (
            engine,
            &surroundings.environment,
            surroundings
                .environment_type
                .map(|kind| kind.name().to_owned()),
            variables,
        );
        Manner(hash(format!("{all:?}").as_bytes()))
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Content {
    address: String,
    key: String,
    version: String,
    manner: String,
    process: u32,
}

/// The record of this process's server. It goes with this value.
#[derive(Debug)]
pub(super) struct Record {
    path: PathBuf,
    /// Carries the lock.
    file: File,
}

impl Record {
    /// Writes the record. It is whole and locked as soon as the file has its name.
    pub(super) fn write(state: &Path, port: u16, key: &Key, manner: &Manner) -> io::Result<Self> {
        private::directory(state).map_err(io::Error::other)?;
        let path = state.join(format!("server-{port}.json"));
        let new = path.with_extension("new");
        let mut file = private::file(&new)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        file.set_len(0)?;
        let content = Content {
            address: address(port),
            key: key.text().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            manner: manner.0.clone(),
            process: std::process::id(),
        };
        file.write_all(format!("{}\n", serde_json::to_string(&content)?).as_bytes())?;
        std::fs::rename(&new, &path)?;
        Ok(Record { path, file })
    }

    /// Removes the record.
    pub(super) fn remove(self) {
        if private::is_at(&self.file, &self.path) {
            let _ = std::fs::remove_file(self.path);
        }
    }
}

/// The address of the server at a port, without a slash at the end.
pub(super) fn address(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// A server that runs, of this process or of another one, as clients find it.
#[derive(Debug, Clone)]
pub struct Running {
    /// The address, without a slash at the end.
    pub address: String,
    key: Key,
    /// The id of the client's project in the API.
    pub project: String,
}

impl Running {
    pub(super) fn new(address: String, key: Key, project: String) -> Self {
        Running {
            address,
            key,
            project,
        }
    }

    /// The token of a caller.
    pub fn token(&self, caller: &Caller) -> String {
        self.key.token(caller)
    }

    /// The repository of a project of the server at an address.
    pub fn root_of(address: &str, token: &str, project: &str) -> Option<PathBuf> {
        let list = projects(address, token)?;
        let found = list.iter().find(|one| one["id"] == project)?;
        found["root"].as_str().map(PathBuf::from)
    }

    /// A server that answers for the repository at `root`, that has the version of this program, and that was
    /// started with the same options and variables. Records of servers that were killed are removed.
    pub fn find(state: &Path, manner: &Manner, root: &Path) -> Option<Self> {
        let entries = std::fs::read_dir(state).ok()?.filter_map(Result::ok);
        let records = entries.map(|entry| entry.path()).filter(|path| {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let is_json = path
                .extension()
                .is_some_and(|extension| extension == "json");
            is_json && stem.is_some_and(|stem| stem.starts_with("server-"))
        });
        records
            .filter_map(|path| read(&path))
            .filter(|found| found.version == env!("CARGO_PKG_VERSION") && found.manner == manner.0)
            .find_map(|found| {
                let project = project_at(&found, root)?;
                Some(Running::new(found.address, Key::of(found.key), project))
            })
    }
}

/// The record of a server that runs.
fn read(path: &Path) -> Option<Content> {
    let file = private::read(path).ok()?;
    let found = file.metadata().ok()?;
    if found.uid() != private::user() || found.mode() & 0o077 != 0 {
        return None;
    }
    if flock(&file, FlockOperation::NonBlockingLockShared) != Err(rustix::io::Errno::WOULDBLOCK) {
        if private::is_at(&file, path) {
            let _ = std::fs::remove_file(path);
        }
        return None;
    }
    let mut text = String::new();
    file.take(LARGEST).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// The id under which a server serves the repository at `root`; `None` if the server does not serve it, or does not
/// answer.
fn project_at(found: &Content, root: &Path) -> Option<String> {
    let root = root.to_string_lossy();
    let list = projects(&found.address, &found.key)?;
    let mut here = list.iter().filter(|one| one["root"] == root.as_ref());
    Some(here.next()?["id"].as_str()?.to_owned())
}

/// The projects of a server; `None` if the server does not answer.
fn projects(address: &str, token: &str) -> Option<Vec<Value>> {
    let host = address.strip_prefix("http://")?;
    let port = host.rsplit_once(':')?.1.parse().ok()?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let request = format!(
        "GET /console/api/projects HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.take(LARGEST_LIST).read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8(answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let is_fine = head.split(' ').nth(1) == Some("200");
    serde_json::from_str(body).ok().filter(|_| is_fine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Variables;

    fn manner(engine: Option<&str>, variables: &[(&str, &str)]) -> Manner {
        let variables = variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        let surroundings = Surroundings {
            variables: Variables::new(variables),
            ..Surroundings::default()
        };
        Manner::of(&surroundings, engine)
    }

    #[test]
    fn servers_with_other_options_or_variables_are_told_apart() {
        let usual = manner(None, &[("HOME", "/a"), ("TERM", "xterm")]);
        let same = [
            ("HOME", "/a"),
            ("TERM", "dumb"),
            ("UPSUN_LOCAL_LOG", "debug"),
        ];
        assert_eq!(manner(None, &same), usual);
        for (engine, variables) in [
            (Some("podman"), &[("HOME", "/a")][..]),
            (None, &[("HOME", "/b")]),
            (None, &[("HOME", "/a"), ("DOCKER_HOST", "tcp://x")]),
            (None, &[("HOME", "/a"), ("UPSUN_LOCAL_ROLE", "viewer")]),
            (None, &[("HOME", "/a"), ("https_proxy", "http://x")]),
        ] {
            assert_ne!(manner(engine, variables), usual, "{engine:?} {variables:?}");
        }
    }

    #[test]
    fn a_record_is_for_this_user_alone_and_goes_with_its_server() {
        let state = tempfile::tempdir().unwrap();
        let key = Key::new().unwrap();
        let manner = manner(None, &[]);
        let record = Record::write(state.path(), 4000, &key, &manner).unwrap();
        let path = record.path.clone();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        let found = read(&path).unwrap();
        assert_eq!(found.key, key.text());
        // A server that is killed cannot remove its record, but it loses its lock.
        drop(record.file);
        assert!(read(&path).is_none() && !path.exists());
        let record = Record::write(state.path(), 4000, &key, &manner).unwrap();
        record.remove();
        assert!(!path.exists());
    }
}
