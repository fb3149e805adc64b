//! What a call must have to be answered: a host name of this machine, no other origin, and the key.
//!
//! A web page of another origin can send requests to this server through the browser of its reader. A name that the
//! page controls may lead to 127.0.0.1 (DNS rebinding), so `Host` must be an address or name of this machine itself;
//! a page that sends a request to this server's own name is named in `Origin`. The cookie is `SameSite=Strict` and
//! counts for the console only.

use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};

use super::answer::{Problem, Result};
use super::key::{Caller, Key};
use super::request::Call;

/// The names of this machine that a server answers to, without the port.
const HOSTS: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

/// The secrets of a server.
#[derive(Debug)]
pub(super) struct Guard {
    port: u16,
    pub(super) key: Key,
    /// What the console's cookie holds instead of the key.
    session: Key,
}

impl Guard {
    pub(super) fn new(port: u16, key: Key) -> std::io::Result<Self> {
        Ok(Guard {
            port,
            key,
            session: Key::new()?,
        })
    }

    /// Refuses calls that go to another host, or come from another origin.
    pub(super) fn admit(&self, call: &Call) -> Result<()> {
        let hosts = HOSTS.map(|host| format!("{host}:{}", self.port));
        let mut named = call.headers.get_all(HOST).iter();
        let host = named.next().and_then(|host| host.to_str().ok());
        if named.next().is_some() || !host.is_some_and(|host| hosts.iter().any(|it| it == host)) {
            return Err(Problem::new(
                StatusCode::MISDIRECTED_REQUEST,
                "this server answers to 127.0.0.1, [::1] and localhost only",
            ));
        }
        let own = host.map(|host| format!("http://{host}"));
        let origins = call.headers.get_all(ORIGIN).iter();
        for origin in origins {
            if origin.to_str().ok() != own.as_deref() {
                return Err(Problem::new(
                    StatusCode::FORBIDDEN,
                    "this server does not answer pages of other origins",
                ));
            }
        }
        Ok(())
    }

    /// The caller of the API, from `Authorization: Bearer <token>`.
    pub(super) fn bearer(&self, call: &Call) -> Result<Caller> {
        let value = call.header(AUTHORIZATION).unwrap_or_default();
        let (scheme, token) = value.split_once(' ').unwrap_or_default();
        let is_bearer = scheme.eq_ignore_ascii_case("bearer");
        let caller = self.key.caller(token.trim()).filter(|_| is_bearer);
        caller.ok_or_else(unknown_caller)
    }

    /// Refuses a call of the console that has neither the cookie nor a token. One that changes something must also
    /// name its origin, as all browsers do.
    pub(super) fn console(&self, call: &Call) -> Result<()> {
        if call.headers.contains_key(AUTHORIZATION) {
            return self.bearer(call).map(|_| ());
        }
        let name = self.cookie_name();
        let values = call.headers.get_all(COOKIE).iter();
        let mut cookies = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|text| text.split(';'));
        let is_known = cookies.any(|cookie| {
            let (key, value) = cookie.trim().split_once('=').unwrap_or_default();
            key == name && self.session.is(value)
        });
        if !is_known {
            return Err(unknown_caller());
        }
        if !call.method.is_safe() && !call.headers.contains_key(ORIGIN) {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "a call of the console that changes something needs `Origin`",
            ));
        }
        Ok(())
    }

    /// Cookies are sent to all ports of a host, so the name has the port.
    fn cookie_name(&self) -> String {
        format!("upsun_local_{}", self.port)
    }

    /// The cookie of the console.
    pub(super) fn cookie(&self) -> String {
        format!(
            "{}={}; Path=/console; HttpOnly; SameSite=Strict",
            self.cookie_name(),
            self.session.text()
        )
    }
}

fn unknown_caller() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "the token is missing, or belongs to another start of this server",
    )
}
