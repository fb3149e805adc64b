//! What a user can do about an engine that does not answer.

use super::Candidate;
use crate::engine::docker::ssh::Destination;

/// The hint for an address that was tried, where the reason says enough.
pub(super) fn of(candidate: &Candidate, reason: &str) -> Option<String> {
    let says = |part: &str| reason.contains(part);
    // Codes from 500 on are the engine's own errors.
    let code = reason.strip_prefix(super::ANSWERS_ERRORS);
    if code.is_some_and(|code| code.starts_with('5')) {
        return Some(
            "the engine is there, but does not work: its log says why; restart the engine, or name another one with `--engine` or `DOCKER_HOST`".to_owned(),
        );
    }
    let (scheme, rest) = candidate.parts();
    match scheme {
        "unix" if says("ermission denied") => Some(
            "add yourself to the `docker` group (`sudo usermod -aG docker $USER`, then log in again), or use rootless Docker".to_owned(),
        ),
        "unix" if rest.contains("podman") => Some(
            "start Podman's service: `systemctl --user start podman.socket`, or `podman system service --time 0`; without `--time 0`, the service stops by itself when it has had nothing to do for a few seconds".to_owned(),
        ),
        "ssh" => Some(of_ssh(&Destination::of(&candidate.address).ok()?, reason)),
        "tcp" | "http" | "https" => of_tcp(candidate, reason),
        _ => None,
    }
}

/// The hint for a docker context that does not exist.
pub(super) fn of_context(name: &str) -> String {
    let list = "`docker context ls` lists the contexts";
    if name.contains([',', ';', ' ']) {
        format!("{list}; only `test` takes several engines, each with an `--engine` of its own")
    } else {
        format!("{list}; unset what names this one to let the usual sockets be tried")
    }
}

/// The hint where nothing that was tried says enough. `explicit`: whether the user named the engine.
pub(super) fn general(explicit: bool) -> &'static str {
    if explicit {
        "start that engine, or unset what names it to let the usual sockets be tried"
    } else {
        "install and start Docker (https://docs.docker.com/engine/install/), or name an engine with `--engine` or `DOCKER_HOST`"
    }
}

fn of_ssh(destination: &Destination, reason: &str) -> String {
    let says = |part: &str| reason.contains(part);
    let by_hand = destination.command();
    if says("IDENTIFICATION HAS CHANGED") {
        format!(
            "the machine has another host key than before: ask its administrator why; `ssh-keygen -R` removes the old key, and `{by_hand}` then shows the new one"
        )
    } else if says("Host key verification failed") {
        format!(
            "connect once with `{by_hand}`, and compare the key that it shows with the key of the machine"
        )
    } else if says("permission denied") && says("ocker") {
        format!(
            "the user there has to be in the group `docker`: `{by_hand} docker info` has to work"
        )
    } else if says("Cannot connect to the Docker daemon") || says("dial unix") {
        format!("start the engine on that machine: `{by_hand} docker info` has to work")
    } else if says("Permission denied") || says("Too many authentication failures") {
        format!(
            "`{by_hand}` has to work without a question: `ssh-add` gives a key with a passphrase to the agent, `ssh-copy-id` installs a key there"
        )
    } else if says("not found") || says("No such file") {
        format!("the machine needs the `docker` command; `{by_hand} docker info` has to work")
    } else {
        format!("check the address; `{by_hand} docker info` has to work without a question")
    }
}

fn of_tcp(candidate: &Candidate, reason: &str) -> Option<String> {
    let says = |part: &str| reason.contains(part);
    let files = || {
        let file = candidate.tls.as_ref()?.authority.as_ref()?;
        Some(file.display().to_string())
    };
    if says("HTTP request to an HTTPS server") {
        return Some(
            "the engine wants TLS: set `DOCKER_TLS_VERIFY=1`, and `DOCKER_CERT_PATH` to the directory with ca.pem, cert.pem and key.pem, or use a docker context".to_owned(),
        );
    }
    if says("UnknownIssuer") || says("NotValidForName") || says("invalid peer certificate") {
        let file = files().unwrap_or_else(|| "the authorities of this system".to_owned());
        return Some(format!(
            "{file} must vouch for the certificate of the engine, and the certificate must name the host of the address"
        ));
    }
    if says("CertificateRequired") || says("certificate required") || says("BadCertificate") {
        return Some(
            "the engine wants to know who connects: cert.pem and key.pem must be beside ca.pem"
                .to_owned(),
        );
    }
    if says("refused") || says("timed out") || says("lookup") || says("resolve") {
        return Some(
            "check the address, and that the engine there listens on that port".to_owned(),
        );
    }
    None
}
