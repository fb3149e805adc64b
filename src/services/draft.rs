//! What a service's own file says about it, before it gets names and labels.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Endpoint, Error, Inputs, Ready, ServiceFile, SetupStep, image};
use crate::engine::spec::{Link, Port};

/// What stands for a service.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    /// Whether it is a container at all.
    pub(super) runs: bool,
    /// The image's reference.
    pub(super) image: String,
    /// The user in the container. Official images start as root only to give the data directory to their
    /// own user; an empty volume takes over the directory's owner from the image, so that user can be asked
    /// for at once and no capability is needed.
    pub(super) user: String,
    /// The command; empty for the image's own.
    pub(super) command: Vec<String>,
    /// Whether the image's entry point stays.
    pub(super) entry_point: bool,
    /// Environment variables.
    pub(super) variables: BTreeMap<String, String>,
    /// Its data.
    pub(super) data: Option<Data>,
    /// Names of other containers.
    pub(super) links: Vec<Link>,
    /// Ports that can be reached from this machine.
    pub(super) ports: Vec<Port>,
    /// Lines of `/etc/hosts`.
    pub(super) hosts: BTreeMap<String, String>,
    /// Capabilities to give back.
    pub(super) capabilities: Vec<String>,
    /// The size of `/dev/shm`.
    pub(super) shared_memory: Option<u64>,
    /// How long it may take to stop.
    pub(super) stop_grace: Duration,
    /// Files to put into it.
    pub(super) files: Vec<ServiceFile>,
    /// How to see that it answers.
    pub(super) ready: Ready,
    /// What is run in it then.
    pub(super) setup: Vec<SetupStep>,
    /// Its endpoints.
    pub(super) endpoints: Vec<Endpoint>,
    /// Whether it runs elsewhere.
    pub(super) external: bool,
    /// What people should know.
    pub(super) warnings: Vec<String>,
}

/// The data of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Data {
    /// Where they are in the container.
    pub(super) path: String,
    /// Whose format they have: `postgresql:17`.
    pub(super) version: String,
}

impl Draft {
    /// Nothing but endpoints.
    pub(super) fn nothing() -> Draft {
        Draft {
            runs: false,
            image: String::new(),
            user: String::new(),
            command: Vec::new(),
            entry_point: true,
            variables: BTreeMap::new(),
            data: None,
            links: Vec::new(),
            ports: Vec::new(),
            hosts: BTreeMap::new(),
            capabilities: Vec::new(),
            shared_memory: None,
            stop_grace: Duration::from_secs(30),
            files: Vec::new(),
            ready: Ready::Runs,
            setup: Vec::new(),
            endpoints: Vec::new(),
            external: false,
            warnings: Vec::new(),
        }
    }

    /// A container of the service's image.
    pub(super) fn container(inputs: &Inputs<'_>) -> Result<Draft, Error> {
        Ok(Draft {
            runs: true,
            image: image::of(inputs)?,
            ..Draft::nothing()
        })
    }

    pub(super) fn user(mut self, user: &str) -> Draft {
        user.clone_into(&mut self.user);
        self
    }

    /// For images that have to start as root, give the data directory to their own user and become that.
    pub(super) fn steps_down(mut self) -> Draft {
        self.capabilities = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"]
            .map(str::to_owned)
            .to_vec();
        self
    }

    /// The command that the entry point gets.
    pub(super) fn command<S: Into<String>>(mut self, words: impl IntoIterator<Item = S>) -> Draft {
        self.command = words.into_iter().map(Into::into).collect();
        self
    }

    pub(super) fn variable(mut self, name: &str, value: impl Into<String>) -> Draft {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// Keeps what is written at `path`; `version` says whose format that has.
    pub(super) fn data(mut self, path: &str, version: String) -> Draft {
        self.data = Some(Data {
            path: path.to_owned(),
            version,
        });
        self
    }

    /// Ready when this command ends with code 0.
    pub(super) fn ready<S: Into<String>>(mut self, words: impl IntoIterator<Item = S>) -> Draft {
        self.ready = Ready::Command(words.into_iter().map(Into::into).collect());
        self
    }

    /// A further step of the setup.
    pub(super) fn step<S: Into<String>>(
        mut self,
        title: &str,
        words: impl IntoIterator<Item = S>,
    ) -> Draft {
        self.setup.push(SetupStep {
            title: title.to_owned(),
            command: words.into_iter().map(Into::into).collect(),
            user: String::new(),
        });
        self
    }

    pub(super) fn endpoints(mut self, endpoints: Vec<Endpoint>) -> Draft {
        self.endpoints = endpoints;
        self
    }

    pub(super) fn warn(mut self, warnings: impl IntoIterator<Item = String>) -> Draft {
        self.warnings.extend(warnings);
        self
    }
}

/// For a service that copies another one.
pub(super) fn replica(inputs: &Inputs<'_>) -> Result<Draft, Error> {
    Err(Error::Unsupported {
        service: inputs.service.name.to_owned(),
        reason: format!(
            "`{}` is a copy of another service, and nothing copies it here",
            inputs.kind().0
        ),
    })
}

/// Asks for a page over HTTP with nothing but bash: few images have a client. `status` is a part of the
/// answer's first line.
pub(super) fn http_check(port: u16, path: &str, status: &str) -> [String; 3] {
    let script = format!(
        "exec 3<>/dev/tcp/127.0.0.1/{port} && printf 'GET {path} HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && read -r -t 5 answer <&3 && [[ $answer == HTTP/*{status}* ]]"
    );
    ["bash".to_owned(), "-c".to_owned(), script]
}
