//! Finds the engine that the `docker` command would use, then the usual sockets of other engines.
//!
//! Order: the address that the caller names, `DOCKER_HOST`, `DOCKER_CONTEXT`, the current context of the docker
//! configuration, the system's socket, then the sockets of Docker Desktop, rootless Docker, Colima, Rancher Desktop,
//! OrbStack and Podman, and of Podman's virtual machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bollard::{ClientVersion, Docker};
use serde_json::Value;
use sha2_hex::hex_of_sha256;
use tokio::sync::OnceCell;

use super::error::{number, reason};
use super::patience::Patience;
use super::product::Product;
use super::sockets;
use super::transport::{self, Place};
use crate::engine::{Error, Result};

/// The oldest API version: Docker 20.10's. It is also used with newer engines, unless they refuse it.
const OLDEST: (usize, usize) = (1, 41);

/// The longest time to the first byte of any answer, in seconds; most calls have a shorter limit in
/// [`super::patience`].
const TIMEOUT: u64 = 600;

/// The longest time to the answer to the first call.
const GREETING: std::time::Duration = std::time::Duration::from_secs(20);

/// The variables of this process that say where the engine is, and the user's choice.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The address that the user gave with `--engine`; it has precedence over everything else.
    pub wanted: Option<String>,
    /// `DOCKER_HOST`.
    pub docker_host: Option<String>,
    /// `DOCKER_CONTEXT`.
    pub docker_context: Option<String>,
    /// `DOCKER_CONFIG`: the directory of docker's own configuration.
    pub docker_config: Option<PathBuf>,
    /// `DOCKER_CERT_PATH`.
    pub cert_path: Option<PathBuf>,
    /// Whether `DOCKER_TLS_VERIFY` is set and not empty.
    pub tls_verify: bool,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`.
    pub runtime_dir: Option<PathBuf>,
    /// `TMPDIR`.
    pub temporary_dir: Option<PathBuf>,
}

/// One way to reach an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Candidate {
    address: String,
    /// Where the address comes from, for messages: ` (from DOCKER_HOST)`.
    why: String,
    /// Directory with `ca.pem`, `cert.pem`, `key.pem`, for TLS.
    certificates: Option<PathBuf>,
}

/// The way to an engine that answers.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) docker: Docker,
    pub(super) address: String,
    /// Which product answers, if its first answer said so: ssh and TLS do not show that part of an answer.
    pub(super) product: Arc<OnceCell<Product>>,
}

/// Connects to the first engine that answers.
pub(super) async fn connect(surroundings: &Surroundings, patience: &Patience) -> Result<Connected> {
    let mut tried = Vec::new();
    let mut denied = false;
    let (candidates, explicit) = candidates(surroundings, &mut tried);
    for candidate in candidates {
        let product = Arc::default();
        match try_one(&candidate, &product, patience).await {
            Ok(docker) => {
                return Ok(Connected {
                    docker,
                    address: candidate.address,
                    product,
                });
            }
            Err(Attempt::TooOld(found)) => {
                return Err(Error::TooOld {
                    address: candidate.address,
                    found,
                    needed: format!("{}.{} (Docker 20.10)", OLDEST.0, OLDEST.1),
                    hint: "update Docker to 20.10 or newer".to_owned(),
                });
            }
            Err(Attempt::Failed(reason)) => {
                denied |= reason.contains("ermission denied");
                tried.push(format!("{}{}: {reason}", candidate.address, candidate.why));
            }
        }
    }
    let hint = if denied {
        "add yourself to the `docker` group (`sudo usermod -aG docker $USER`, then log in again), or use rootless Docker"
    } else if explicit {
        "start that engine, or unset what names it to let the usual sockets be tried"
    } else {
        "install and start Docker (https://docs.docker.com/engine/install/), or name an engine with `--engine` or `DOCKER_HOST`"
    };
    Err(Error::Unavailable {
        tried,
        hint: hint.to_owned(),
    })
}

enum Attempt {
    Failed(String),
    TooOld(String),
}

async fn try_one(
    candidate: &Candidate,
    product: &Arc<OnceCell<Product>>,
    patience: &Patience,
) -> Result<Docker, Attempt> {
    let (scheme, rest) = candidate
        .address
        .split_once("://")
        .unwrap_or(("unix", &candidate.address));
    // The `ssh` command would take such a part for an option, for example one that names a command to run.
    if scheme == "ssh" && rest.split('@').any(|part| part.starts_with('-')) {
        return Err(Attempt::Failed(
            "a user name and a host name cannot begin with `-`".to_owned(),
        ));
    }
    if scheme == "unix" {
        // bollard reports a missing or forbidden socket late and with an unclear message.
        if let Err(err) = std::os::unix::net::UnixStream::connect(rest) {
            return Err(Attempt::Failed(reason(&err)));
        }
    }
    let mut version = OLDEST;
    loop {
        let docker = client(candidate, scheme, rest, version, product)
            .map_err(|err| Attempt::Failed(reason(&err)))?;
        let ping = async { Ok(docker.ping().await) };
        let err = match patience
            .within("say that it is there", GREETING, ping)
            .await
        {
            Ok(Ok(_)) => return Ok(docker),
            Ok(Err(err)) => reason(&err),
            Err(Error::Unusable { what, .. }) => return Err(Attempt::Failed(what)),
            Err(err) => return Err(Attempt::Failed(reason(&err))),
        };
        if let Some(found) = version_after(&err, "aximum supported API version is ") {
            return Err(Attempt::TooOld(format!("{}.{}", found.0, found.1)));
        }
        match version_after(&err, "inimum supported API version is ") {
            Some(oldest) if oldest > version => version = oldest,
            _ => return Err(Attempt::Failed(err)),
        }
    }
}

fn client(
    candidate: &Candidate,
    scheme: &str,
    rest: &str,
    version: (usize, usize),
    product: &Arc<OnceCell<Product>>,
) -> Result<Docker, bollard::errors::Error> {
    let version = ClientVersion {
        major_version: version.0,
        minor_version: version.1,
    };
    let custom = |place: Place, address: String| {
        let product = Arc::clone(product);
        let transport =
            move |request| transport::send(place.clone(), Arc::clone(&product), request);
        Docker::connect_with_custom_transport(transport, Some(address), TIMEOUT, &version)
    };
    match scheme {
        "unix" => custom(Place::Socket(rest.into()), "http://localhost".to_owned()),
        "ssh" => Docker::connect_with_ssh(&candidate.address, TIMEOUT, &version, None),
        _ => match &candidate.certificates {
            Some(directory) => Docker::connect_with_ssl(
                &format!("tcp://{rest}"),
                &directory.join("key.pem"),
                &directory.join("cert.pem"),
                &directory.join("ca.pem"),
                TIMEOUT,
                &version,
            ),
            None => custom(
                Place::Address(rest.trim_end_matches('/').to_owned()),
                format!("http://{rest}"),
            ),
        },
    }
}

/// The version `major.minor` that follows `marker` in an engine's error message.
fn version_after(text: &str, marker: &str) -> Option<(usize, usize)> {
    number(&text[text.find(marker)? + marker.len()..])
}

/// The addresses to try, in order, and whether the user named the only one.
fn candidates(s: &Surroundings, tried: &mut Vec<String>) -> (Vec<Candidate>, bool) {
    let environment_tls = || {
        s.tls_verify
            .then(|| s.cert_path.clone().or_else(|| docker_config(s)))
            .flatten()
    };
    let one = |address: &str, why: &str, certificates| {
        vec![Candidate {
            address: address.to_owned(),
            why: why.to_owned(),
            certificates,
        }]
    };
    if let Some(wanted) = &s.wanted {
        if wanted.contains("://") {
            return (one(wanted, "", environment_tls()), true);
        }
        return match context(s, wanted) {
            Ok(candidate) => (vec![candidate], true),
            Err(reason) => {
                tried.push(reason);
                (Vec::new(), true)
            }
        };
    }
    if let Some(host) = s.docker_host.as_deref().filter(|host| !host.is_empty()) {
        return (one(host, " (from DOCKER_HOST)", environment_tls()), true);
    }
    let named = s.docker_context.clone().filter(|name| !name.is_empty());
    let current = named.clone().or_else(|| current_context(s));
    if let Some(name) = current.filter(|name| name != "default") {
        match context(s, &name) {
            Ok(candidate) => return (vec![candidate], true),
            Err(reason) => tried.push(reason),
        }
        if named.is_some() {
            return (Vec::new(), true);
        }
    }
    let candidates = sockets::usual(s)
        .into_iter()
        .map(|(path, why)| Candidate {
            address: format!("unix://{}", path.display()),
            why: why.to_owned(),
            certificates: None,
        })
        .collect();
    (candidates, false)
}

fn docker_config(s: &Surroundings) -> Option<PathBuf> {
    s.docker_config
        .clone()
        .or_else(|| Some(s.home.as_ref()?.join(".docker")))
}

fn read_json(path: &Path) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

fn current_context(s: &Surroundings) -> Option<String> {
    let config = read_json(&docker_config(s)?.join("config.json"))?;
    Some(config.get("currentContext")?.as_str()?.to_owned())
}

/// The address of a docker context. Docker keeps a context's metadata under the SHA-256 of its name.
fn context(s: &Surroundings, name: &str) -> Result<Candidate, String> {
    let missing = || format!("docker context `{name}`: not found");
    if name == "default" {
        return Ok(Candidate {
            address: "unix:///var/run/docker.sock".to_owned(),
            why: " (docker context `default`)".to_owned(),
            certificates: None,
        });
    }
    let config = docker_config(s).ok_or_else(missing)?;
    let digest = hex_of_sha256(name.as_bytes());
    let meta = read_json(&config.join("contexts/meta").join(&digest).join("meta.json"))
        .ok_or_else(missing)?;
    let endpoint = meta.pointer("/Endpoints/docker").ok_or_else(missing)?;
    let address = endpoint
        .get("Host")
        .and_then(Value::as_str)
        .ok_or_else(missing)?
        .to_owned();
    let tls = config.join("contexts/tls").join(&digest).join("docker");
    let certificates = tls.join("ca.pem").exists().then_some(tls);
    Ok(Candidate {
        address,
        why: format!(" (docker context `{name}`)"),
        certificates,
    })
}

/// SHA-256, for the one file name that Docker derives with it.
mod sha2_hex {
    use sha2::{Digest, Sha256};
    use std::fmt::Write;

    pub(super) fn hex_of_sha256(bytes: &[u8]) -> String {
        Sha256::digest(bytes)
            .iter()
            .fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(s: &Surroundings) -> Vec<String> {
        candidates(s, &mut Vec::new())
            .0
            .into_iter()
            .map(|c| c.address)
            .collect()
    }

    #[test]
    fn docker_host_comes_before_contexts_and_sockets() {
        let s = Surroundings {
            docker_host: Some("tcp://127.0.0.1:2375".into()),
            docker_context: Some("other".into()),
            ..Surroundings::default()
        };
        assert_eq!(addresses(&s), ["tcp://127.0.0.1:2375"]);
    }

    #[test]
    fn without_any_word_of_the_user_the_usual_sockets_are_tried() {
        let s = Surroundings {
            home: Some("/home/ada".into()),
            runtime_dir: Some("/run/user/1000".into()),
            ..Surroundings::default()
        };
        let all = addresses(&s);
        assert_eq!(all[0], "unix:///var/run/docker.sock");
        assert!(
            all.contains(&"unix:///run/user/1000/docker.sock".to_owned()),
            "{all:?}"
        );
        assert!(
            all.contains(&"unix:///home/ada/.colima/default/docker.sock".to_owned()),
            "{all:?}"
        );
    }

    #[tokio::test]
    async fn an_address_is_no_option_of_ssh() {
        for address in [
            "ssh://-oProxyCommand=false",
            "ssh://-lroot@host",
            "ssh://user@-oProxyCommand=false",
        ] {
            let s = Surroundings {
                wanted: Some(address.into()),
                ..Surroundings::default()
            };
            let Err(Error::Unavailable { tried, .. }) = connect(&s, &Patience::new(None)).await
            else {
                panic!("{address}");
            };
            assert!(tried[0].ends_with("cannot begin with `-`"), "{tried:?}");
        }
    }

    #[test]
    fn the_current_context_is_read_where_docker_keeps_it() {
        let dir = tempfile::tempdir().unwrap();
        let digest = hex_of_sha256(b"remote");
        let meta = dir.path().join("contexts/meta").join(&digest);
        std::fs::create_dir_all(&meta).unwrap();
        std::fs::write(
            dir.path().join("config.json"),
            r#"{"currentContext":"remote"}"#,
        )
        .unwrap();
        std::fs::write(
            meta.join("meta.json"),
            r#"{"Name":"remote","Endpoints":{"docker":{"Host":"ssh://ada@example.org"}}}"#,
        )
        .unwrap();
        let s = Surroundings {
            docker_config: Some(dir.path().into()),
            ..Surroundings::default()
        };
        assert_eq!(addresses(&s), ["ssh://ada@example.org"]);
        let missing = Surroundings {
            docker_context: Some("nope".into()),
            ..s
        };
        let mut tried = Vec::new();
        assert_eq!(candidates(&missing, &mut tried).0, []);
        assert_eq!(tried, ["docker context `nope`: not found"]);
    }

    #[test]
    fn an_engine_that_refuses_old_clients_says_which_version_it_wants() {
        let refusal =
            "client version 1.41 is too old. Minimum supported API version is 1.44, please upgrade";
        assert_eq!(
            version_after(refusal, "inimum supported API version is "),
            Some((1, 44))
        );
        let too_old = "client version 1.41 is too new. Maximum supported API version is 1.39";
        assert_eq!(
            version_after(too_old, "aximum supported API version is "),
            Some((1, 39))
        );
    }
}
