//! `web`: what the container runs, and what the web server in front of it serves.
//!
//! Source: <https://docs.upsun.com/create-apps/image-properties/web.html>

use std::time::Duration;

use indexmap::IndexMap;

/// The largest request unless `request_buffering.max_request_size` says otherwise, in bytes.
pub const MAX_REQUEST_SIZE: u64 = 250 * 1024 * 1024;

/// What runs in a PHP app that has no `web.commands.start`: PHP's FPM.
pub const START_PHP_APP: &str = "/usr/bin/start-php-app";

/// `web`.
#[derive(Debug, Clone, PartialEq)]
pub struct Web {
    /// What runs in the web container; for PHP, [`START_PHP_APP`] unless something else is given.
    pub commands: Commands,
    /// `web.upstream.socket_family`; by default `unix` for PHP and `tcp` for all others.
    pub socket_family: SocketFamily,
    /// `web.upstream.protocol`; by default `fastcgi` for PHP and `http` for all others.
    pub protocol: Protocol,
    /// `web.locations."/".root`, relative to the app's root, without slashes at its ends; empty when not given.
    pub document_root: String,
    /// `web.locations`, in the order in which they are written.
    pub locations: Vec<Location>,
}

/// Commands of `web` or of a worker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commands {
    /// Runs before `start`.
    pub pre_start: Option<String>,
    /// The process; started again whenever it ends.
    pub start: Option<String>,
    /// Runs after `start`, before requests are let in.
    pub post_start: Option<String>,
}

/// How requests reach the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SocketFamily {
    /// A TCP port, in `PORT`.
    Tcp,
    /// A Unix socket, in `SOCKET`.
    Unix,
}

/// What the application speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Http,
    /// FastCGI.
    FastCgi,
}

/// One entry of `web.locations`.
#[derive(Debug, Clone, PartialEq)]
pub struct Location {
    /// The path: starts with a slash, and ends with one only when it is nothing else.
    pub path: String,
    /// The directory whose files are served, relative to the app's root, without slashes at its ends; empty
    /// for the app's root itself, `None` when it is not given.
    pub root: Option<String>,
    /// Names of files that stand for their directory.
    pub index: Vec<String>,
    /// What happens to requests that no rule matches.
    pub properties: Properties,
    /// Regular expressions on the whole path, each with what it overrides; the first that matches counts.
    pub rules: Vec<(String, Properties)>,
    /// `request_buffering`.
    pub request_buffering: RequestBuffering,
}

/// What a location and its rules have in common; `None` where nothing is written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Properties {
    /// What becomes of requests for what is missing or not allowed.
    pub passthru: Option<Passthru>,
    /// Whether files are served.
    pub allow: Option<bool>,
    /// Whether PHP's scripts are run.
    pub scripts: Option<bool>,
    /// How long browsers may keep files.
    pub expires: Option<Expires>,
    /// Headers that are sent with files.
    pub headers: Option<IndexMap<String, String>>,
}

/// `passthru`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passthru {
    /// `false`: an error.
    Never,
    /// `true`: the app gets them.
    App,
    /// The request is handled as one for this path, which starts with a slash and may hold `$name` for what the
    /// rule's group of that name matched.
    Path(String),
}

/// `expires`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expires {
    /// `-1`: nothing is said about it.
    Unsaid,
    /// After this time.
    After(Duration),
}

/// `request_buffering`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestBuffering {
    /// Whether a request is taken in as a whole before the app gets it.
    pub enabled: bool,
    /// The largest request, in bytes.
    pub max_request_size: u64,
}

impl Default for RequestBuffering {
    fn default() -> Self {
        RequestBuffering {
            enabled: true,
            max_request_size: MAX_REQUEST_SIZE,
        }
    }
}

impl Properties {
    /// These properties, completed by those of the location.
    #[must_use]
    pub fn or(&self, location: &Properties) -> Properties {
        Properties {
            passthru: self.passthru.clone().or_else(|| location.passthru.clone()),
            allow: self.allow.or(location.allow),
            scripts: self.scripts.or(location.scripts),
            expires: self.expires.or(location.expires),
            headers: self.headers.clone().or_else(|| location.headers.clone()),
        }
    }
}
