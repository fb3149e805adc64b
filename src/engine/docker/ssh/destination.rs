//! Addresses of engines that `ssh` leads to, as the `docker` command takes them.

use percent_encoding::percent_decode_str;

/// Why an address is not one for `ssh`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::engine::docker) enum BadAddress {
    #[error("it is not an address of the form `ssh://user@host:port`")]
    Form,
    #[error("a password in the address is not used")]
    Password,
    /// The `ssh` command would take such a part for an option, for example one that names a command to run.
    #[error("a user name and a host name cannot begin with `-`")]
    Option,
}

/// `ssh://[user@]host[:port][/path]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine::docker) struct Destination {
    user: Option<String>,
    pub(super) host: String,
    port: Option<u16>,
    /// The socket of the engine there, where it is not the one that `docker` uses there.
    pub(super) socket: Option<String>,
}

impl Destination {
    pub(in crate::engine::docker) fn of(address: &str) -> Result<Self, BadAddress> {
        let url = url::Url::parse(address).map_err(|_| BadAddress::Form)?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(BadAddress::Form);
        }
        if url.password().is_some() {
            return Err(BadAddress::Password);
        }
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let host = decoded(url.host_str().unwrap_or_default());
        let destination = Destination {
            user: Some(decoded(url.username())).filter(|user| !user.is_empty()),
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port(),
            socket: Some(decoded(url.path())).filter(|path| path.len() > 1),
        };
        let is_option = |part: &String| part.starts_with('-');
        if is_option(&destination.host) || destination.user.as_ref().is_some_and(is_option) {
            return Err(BadAddress::Option);
        }
        if destination.host.is_empty() {
            return Err(BadAddress::Form);
        }
        Ok(destination)
    }

    pub(in crate::engine::docker) fn host(&self) -> &str {
        &self.host
    }

    /// The words after `ssh` that name the machine.
    pub(super) fn words(&self) -> Vec<String> {
        let user = self.user.iter().flat_map(|user| ["-l", user]);
        let mut words: Vec<String> = user.map(str::to_owned).collect();
        if let Some(port) = self.port {
            words.extend(["-p".to_owned(), port.to_string()]);
        }
        words.extend(["--".to_owned(), self.host.clone()]);
        words
    }

    /// The command with which a user connects by hand: `ssh -p 2222 ada@example.org`.
    pub(in crate::engine::docker) fn command(&self) -> String {
        let port = self.port.map(|port| format!("-p {port} "));
        let user = self.user.as_ref().map(|user| format!("{user}@"));
        format!(
            "ssh {}{}{}",
            port.unwrap_or_default(),
            user.unwrap_or_default(),
            self.host
        )
    }

    /// The command to run there. The login shell of the user there splits it into words.
    pub(super) fn remote(&self) -> String {
        match &self.socket {
            None => "docker system dial-stdio".to_owned(),
            Some(path) => {
                let quoted = path.replace('\'', r"'\''");
                format!("docker --host 'unix://{quoted}' system dial-stdio")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(address: &str) -> Result<String, BadAddress> {
        let destination = Destination::of(address)?;
        Ok(format!(
            "{} | {}",
            destination.words().join(" "),
            destination.remote()
        ))
    }

    #[test]
    fn user_host_port_and_socket_reach_ssh_as_separate_words() {
        for (address, expected) in [
            ("ssh://host", "-- host | docker system dial-stdio"),
            (
                "ssh://ada@host:2222",
                "-l ada -p 2222 -- host | docker system dial-stdio",
            ),
            ("ssh://[::1]:22/", "-p 22 -- ::1 | docker system dial-stdio"),
            (
                "ssh://a%40b@Host",
                "-l a@b -- Host | docker system dial-stdio",
            ),
            (
                "ssh://host/run/it's.sock",
                r"-- host | docker --host 'unix:///run/it'\''s.sock' system dial-stdio",
            ),
        ] {
            assert_eq!(parsed(address).as_deref(), Ok(expected), "{address}");
        }
    }

    #[test]
    fn what_no_machine_can_be_reached_by_is_refused() {
        for (address, expected) in [
            ("ssh://", BadAddress::Form),
            ("ssh://host:99999", BadAddress::Form),
            ("ssh://host?x=y", BadAddress::Form),
            ("ssh://ada:secret@host", BadAddress::Password),
            ("ssh://-oProxyCommand=false", BadAddress::Option),
            ("ssh://-lroot@host", BadAddress::Option),
            ("ssh://%2DoProxyCommand=false@host", BadAddress::Option),
            ("ssh://user@-oProxyCommand=false", BadAddress::Option),
        ] {
            assert_eq!(parsed(address), Err(expected), "{address}");
        }
    }

    #[test]
    fn a_user_can_repeat_the_call_by_hand() {
        let by_hand = |address: &str| Destination::of(address).unwrap().command();
        assert_eq!(by_hand("ssh://host"), "ssh host");
        assert_eq!(by_hand("ssh://ada@host:2222"), "ssh -p 2222 ada@host");
    }
}
