//! The sandbox as a server on this machine: Upsun's API for the `upsun` command, and the console for a browser.
//!
//! Everything that happens here is a use case of [`crate::actions`]: the server reads requests, starts activities, and
//! answers from their records, which also hold what other processes do. It is bound to this machine's own addresses,
//! and all calls need the key of the server.
//!
//! - `guard` and `key` decide who is answered, `listener` holds the connections.
//! - `api` is Upsun's API, at the root: paths, names and shapes are those of `api.upsun.com`.
//! - `console` is everything below `/console`.
//! - `runs` starts activities, `hub` tells consoles what happens in them.

mod answer;
mod api;
mod console;
mod guard;
mod hub;
mod key;
mod listener;
mod oauth;
mod place;
mod request;
mod runs;

use std::path::Path;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Method, Request};
use tokio::sync::watch;

use self::answer::{Answer, Problem};
pub use self::api::{GIT_HOST, SSH_HOST, project_id};
use self::guard::Guard;
use self::hub::Hub;
use self::key::KeyFile;
pub use self::key::{Caller, Key};
use self::listener::Listener;
pub use self::place::{Connecting, Place};
use self::request::Call;
use self::runs::Runs;
use crate::engine::Engine;
use crate::failure::{CANNOT_MAKE, Failure};
use crate::shutdown::{Shutdown, Urgency};

/// A server that has its port, but does not answer yet.
#[derive(Debug)]
pub struct Server<E> {
    shared: Arc<Shared<E>>,
    listener: Listener,
    key_file: KeyFile,
}

/// What all calls share.
#[derive(Debug)]
struct Shared<E> {
    place: Place<E>,
    guard: Guard,
    hub: Hub,
    runs: Runs,
    /// Ends the server, and the activities that run.
    shutdown: Shutdown,
    /// Ends the server, once the activities that run have ended.
    closing: watch::Sender<bool>,
}

/// Ends a server from outside of it.
#[derive(Debug)]
pub struct Closing(watch::Sender<bool>);

impl Closing {
    /// Takes no calls from now on. Activities that run go on to their ends.
    pub fn close(&self) {
        self.0.send_replace(true);
    }
}

impl<E: Engine + 'static> Server<E> {
    /// Takes a port of this machine: the given one, or any that is free. `state` is the directory for the file that
    /// holds the key.
    pub async fn open(
        place: Place<E>,
        state: &Path,
        port: Option<u16>,
        shutdown: Shutdown,
    ) -> Result<Self, Failure> {
        let listener = Listener::open(port).await?;
        let key = Key::new().map_err(|err| failed("there is no random key", &err))?;
        let key_file = KeyFile::write(state, listener.port(), &key)
            .map_err(|err| failed("the key cannot be written", &err))?;
        let guard = Guard::new(listener.port(), key)
            .map_err(|err| failed("there is no random key", &err))?;
        let shared = Shared {
            place,
            hub: Hub::new(stream_name()),
            guard,
            runs: Runs::default(),
            shutdown,
            closing: watch::Sender::new(false),
        };
        Ok(Server {
            shared: Arc::new(shared),
            listener,
            key_file,
        })
    }

    /// The address, without a slash at the end.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.listener.port())
    }

    /// The token of a caller.
    pub fn token(&self, caller: &Caller) -> String {
        self.shared.guard.key.token(caller)
    }

    /// The file that holds the key.
    pub fn key_file(&self) -> &Path {
        self.key_file.path()
    }

    /// Ends the server from outside of it.
    pub fn closing(&self) -> Closing {
        Closing(self.shared.closing.clone())
    }

    /// Answers until the first request to stop. Activities that run then are cancelled as by Ctrl-C, and get their
    /// time.
    pub async fn serve(self) {
        let Server {
            shared,
            listener,
            key_file,
        } = self;
        let answer = {
            let shared = Arc::clone(&shared);
            move |request| {
                let shared = Arc::clone(&shared);
                async move { shared.answer(request).await }
            }
        };
        let mut closing = shared.closing.subscribe();
        tokio::select! {
            () = listener.serve(answer) => {}
            () = shared.shutdown.reached(Urgency::Cancel) => {}
            _ = closing.wait_for(|is_closing| *is_closing) => {}
        }
        key_file.remove();
        shared.runs.end(&shared.shutdown).await;
    }
}

impl<E: Engine + 'static> Shared<E> {
    async fn answer(self: &Arc<Self>, request: Request<Incoming>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let answer = match self.route(request).await {
            Ok(answer) => answer,
            Err(problem) => problem.answer(),
        };
        let status = answer.status().as_u16();
        tracing::debug!(%method, path, status, "a call was answered");
        answer
    }

    async fn route(self: &Arc<Self>, request: Request<Incoming>) -> answer::Result {
        let (call, body) = Call::of(request)?;
        self.guard.admit(&call)?;
        let parts: Vec<&str> = call.path.iter().map(String::as_str).collect();
        match (&call.method, parts.as_slice()) {
            (_, ["" | "console", ..]) => console::route(self, &call, body).await,
            (&Method::POST, ["oauth2", "token"]) => {
                oauth::token(&self.guard.key, &call, body).await
            }
            (&Method::POST, ["oauth2", "revoke"]) => Ok(answer::empty()),
            _ => {
                let caller = self.guard.bearer(&call)?;
                api::route(self, &call, &parts, caller, body).await
            }
        }
    }
}

/// Refuses a method or path that a sandbox does not have.
fn unknown(call: &Call) -> Problem {
    Problem::not_found(format!(
        "not in a sandbox: `{} /{}`",
        call.method,
        call.path.join("/")
    ))
}

/// A name for the stream of events of this start.
fn stream_name() -> String {
    let now = jiff::Timestamp::now().as_microsecond();
    format!("{now:x}")
}

fn failed(what: &str, err: &std::io::Error) -> Failure {
    Failure::new(CANNOT_MAKE, format!("{what}: {err}"))
}
