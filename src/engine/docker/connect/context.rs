//! The configuration of the `docker` command: its contexts, and which of them is the current one.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Candidate, Surroundings};
use crate::engine::docker::tls::TlsFiles;

pub(super) fn docker_config(s: &Surroundings) -> Option<PathBuf> {
    s.docker_config
        .clone()
        .or_else(|| Some(s.home.as_ref()?.join(".docker")))
}

fn read_json(path: &Path) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

pub(super) fn current_context(s: &Surroundings) -> Option<String> {
    let config = read_json(&docker_config(s)?.join("config.json"))?;
    Some(config.get("currentContext")?.as_str()?.to_owned())
}

/// The address of a docker context. Docker keeps a context's metadata under the SHA-256 of its name.
pub(super) fn context(s: &Surroundings, name: &str) -> Result<Candidate, String> {
    let missing = || format!("docker context `{name}`: not found");
    if name == "default" {
        return Ok(Candidate {
            address: "unix:///var/run/docker.sock".to_owned(),
            why: " (docker context `default`)".to_owned(),
            tls: None,
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
    let accepts_any = endpoint.get("SkipTLSVerify").and_then(Value::as_bool) == Some(true);
    let directory = config.join("contexts/tls").join(&digest).join("docker");
    let tls = (accepts_any || directory.is_dir()).then(|| TlsFiles {
        accepts_any,
        ..TlsFiles::in_directory(&directory)
    });
    Ok(Candidate {
        address,
        why: format!(" (docker context `{name}`)"),
        tls,
    })
}

pub(super) fn hex_of_sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
