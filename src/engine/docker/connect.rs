//! Finds the engine that the `docker` command would use, then the usual sockets of other engines.
//!
//! Order: the address that the caller names, `DOCKER_HOST`, `DOCKER_CONTEXT`, the current context of the docker
//! configuration, the system's socket, then the sockets of Docker Desktop, rootless Docker, Colima, Rancher Desktop,
//! OrbStack and Podman, and of Podman's virtual machine.

mod context;
mod hint;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use bollard::errors::Error as Bollard;
use bollard::{ClientVersion, Docker};
use tokio::sync::OnceCell;

use self::context::{context, current_context, docker_config};
use super::error::{number, plain, reason};
use super::patience::Patience;
use super::product::Product;
use super::sockets;
use super::ssh::{Destination, Ssh};
use super::tls::{Tls, TlsFiles};
use super::transport::{Place, Transport};
use crate::engine::{Error, Result};

/// The oldest API version: Docker 20.10's. It is also used with newer engines, unless they refuse it.
const OLDEST: (usize, usize) = (1, 41);

/// The longest time to the first byte of any answer, in seconds; most calls have a shorter limit in
/// [`super::patience`].
const TIMEOUT: u64 = 600;

/// The longest time to the answer to the first call.
const GREETING: std::time::Duration = std::time::Duration::from_secs(20);

/// How the reason begins where something answers, but not with success.
const ANSWERS_ERRORS: &str = "it answers with code ";

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
    /// Whether `DOCKER_TLS` is set and not empty: TLS, with any certificate of the engine.
    pub tls: bool,
    /// Whether `DOCKER_TLS_VERIFY` is set and not empty: TLS, with a certificate that `ca.pem` vouches for.
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
    /// The files for TLS; `None` for a connection without TLS, unless the address asks for TLS.
    tls: Option<TlsFiles>,
}

impl Candidate {
    /// The scheme of the address, and what follows it.
    fn parts(&self) -> (&str, &str) {
        self.address
            .split_once("://")
            .unwrap_or(("unix", &self.address))
    }
}

/// The way to an engine that answers.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) docker: Docker,
    pub(super) address: String,
    /// Which product answers, if its answers say so.
    pub(super) product: Arc<OnceCell<Product>>,
}

/// Connects to the first engine that answers.
pub(super) async fn connect(surroundings: &Surroundings, patience: &Patience) -> Result<Connected> {
    let mut tried = Vec::new();
    let mut hint = None;
    let (candidates, explicit) = candidates(surroundings, &mut tried);
    if candidates.is_empty() {
        let named = surroundings.wanted.as_ref();
        let named = named.or(surroundings.docker_context.as_ref());
        hint = named.map(|name| hint::of_context(name));
    }
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
                hint = hint.or_else(|| hint::of(&candidate, &reason));
                tried.push(format!("{}{}: {reason}", candidate.address, candidate.why));
            }
        }
    }
    let hint = hint.unwrap_or_else(|| hint::general(explicit).to_owned());
    Err(Error::Unavailable { tried, hint })
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
    let (scheme, rest) = candidate.parts();
    if scheme == "unix" {
        // bollard reports a missing or forbidden socket late and with an unclear message.
        if let Err(err) = std::os::unix::net::UnixStream::connect(rest) {
            return Err(Attempt::Failed(reason(&err)));
        }
    }
    let place = place(candidate).map_err(Attempt::Failed)?;
    let transport = Arc::new(Transport::new(place, Arc::clone(product)));
    let mut version = OLDEST;
    loop {
        let transport = Arc::clone(&transport);
        let docker = Docker::connect_with_custom_transport(
            move |request| Arc::clone(&transport).send(request),
            Some("http://localhost"),
            TIMEOUT,
            &ClientVersion {
                major_version: version.0,
                minor_version: version.1,
            },
        );
        let docker = docker.map_err(|err| Attempt::Failed(reason(&err)))?;
        let ping = async { Ok(docker.ping().await) };
        let err = match patience
            .within("say that it is there", GREETING, ping)
            .await
        {
            Ok(Ok(_)) => return Ok(docker),
            Ok(Err(Bollard::DockerResponseServerError {
                status_code,
                message,
            })) => format!("{ANSWERS_ERRORS}{status_code}: {}", plain(&message)),
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

/// How to connect to a candidate.
fn place(candidate: &Candidate) -> Result<Place, String> {
    let (scheme, rest) = candidate.parts();
    match (scheme, &candidate.tls) {
        ("unix", _) => Ok(Place::Socket(rest.into())),
        ("ssh", _) => {
            let destination = Destination::of(&candidate.address).map_err(|err| err.to_string())?;
            Ok(Place::Ssh(Arc::new(Ssh::new(destination))))
        }
        ("https", None) => with_tls(rest, &TlsFiles::default()),
        ("tcp" | "http" | "https", Some(files)) => with_tls(rest, files),
        ("tcp" | "http", None) => Ok(Place::Address(host_and_port(rest, 2375))),
        _ => Err(format!(
            "`{scheme}://` is not supported; `unix://`, `tcp://`, `https://` and `ssh://` are"
        )),
    }
}

fn with_tls(rest: &str, files: &TlsFiles) -> Result<Place, String> {
    let address = host_and_port(rest, 2376);
    let (host, _) = address.rsplit_once(':').unwrap_or((&address, ""));
    let tls = Tls::new(host, files)?;
    Ok(Place::Tls(address, tls))
}

/// `host:port` of an address without its scheme. The default ports are those of the `docker` command.
fn host_and_port(rest: &str, default: u16) -> String {
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((_, port)) if port.parse::<u16>().is_ok() => authority.to_owned(),
        _ => format!("{authority}:{default}"),
    }
}

/// The machine of the engine that would be tried first, unless it is this machine.
pub(super) fn named_machine(surroundings: &Surroundings) -> Option<String> {
    let (candidates, _) = candidates(surroundings, &mut Vec::new());
    other_machine(&candidates.first()?.address)
}

/// The machine of an engine's address, unless it is this machine. Virtual machines of this machine are at sockets.
pub(super) fn other_machine(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://")?;
    let host = match scheme {
        "ssh" => Destination::of(address).ok()?.host().to_owned(),
        "tcp" | "http" | "https" => {
            let authority = host_and_port(rest, 0);
            let host = authority.rsplit_once(':')?.0;
            host.trim_matches(['[', ']']).to_owned()
        }
        _ => return None,
    };
    let is_loopback = host == "localhost"
        || host.ends_with(".localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified());
    // An engine that `ssh` leads to may be behind a forwarded port of this machine.
    (scheme == "ssh" || !is_loopback).then_some(host)
}

/// The version `major.minor` that follows `marker` in an engine's error message.
fn version_after(text: &str, marker: &str) -> Option<(usize, usize)> {
    number(&text[text.find(marker)? + marker.len()..])
}

/// The addresses to try, in order, and whether the user named the only one.
fn candidates(s: &Surroundings, tried: &mut Vec<String>) -> (Vec<Candidate>, bool) {
    let one = |address: &str, why: &str| {
        vec![Candidate {
            address: address.to_owned(),
            why: why.to_owned(),
            tls: tls_of_variables(s),
        }]
    };
    if let Some(wanted) = &s.wanted {
        if wanted.contains("://") {
            return (one(wanted, ""), true);
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
        return (one(host, " (from DOCKER_HOST)"), true);
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
            tls: None,
        })
        .collect();
    (candidates, false)
}

/// What the variables of the `docker` command say of TLS.
fn tls_of_variables(s: &Surroundings) -> Option<TlsFiles> {
    if !s.tls && !s.tls_verify {
        return None;
    }
    let directory = s.cert_path.clone().or_else(|| docker_config(s))?;
    let files = TlsFiles::in_directory(&directory);
    Some(TlsFiles {
        // Where the engine has to be verified, a missing file is an error.
        authority: s.tls_verify.then(|| directory.join("ca.pem")),
        accepts_any: !s.tls_verify,
        ..files
    })
}
