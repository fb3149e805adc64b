//! The sandbox as a server on this machine: Upsun's API for the `upsun` command, and the console for a browser.
//!
//! Everything that happens here is a use case of [`crate::actions`]: the server reads requests, starts activities, and
//! answers from their records, which also hold what other processes do. It is bound to this machine's own addresses,
//! and all calls need the key of the server.
//!
//! - `guard` and `key` decide who is answered, `listener` holds the connections.
//! - `api` is Upsun's API, at the root: paths, names and shapes are those of `api.upsun.com`.
//! - `console` is everything below `/console`.
//! - `projects` knows the repositories, each at its `place`.
//! - `runs` starts activities, `hub` tells consoles what happens in them.
//! - `running` is the record by which other processes find the server.

mod answer;
mod api;
mod console;
mod guard;
mod hub;
mod key;
mod listener;
mod oauth;
mod place;
mod projects;
mod records;
mod request;
mod running;
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
pub use self::key::{Caller, Key};
use self::listener::Listener;
pub use self::place::Connecting;
use self::place::Place;
use self::projects::Projects;
pub use self::projects::{Serving, remember};
use self::records::Records;
use self::request::Call;
use self::running::Record;
pub use self::running::{Manner, Running};
use self::runs::Runs;
use crate::engine::Engine;
use crate::failure::{CANNOT_MAKE, Failure};
use crate::shutdown::{Shutdown, Urgency};

/// A server that has its port, but does not answer yet.
#[derive(Debug)]
pub struct Server<E> {
    all: Arc<All<E>>,
    listener: Listener,
    record: Option<Record>,
}

/// What all calls share.
#[derive(Debug)]
struct All<E> {
    projects: Projects<E>,
    guard: Guard,
    /// Ends the server, and the activities that run.
    shutdown: Shutdown,
    /// Ends the server, once the activities that run have ended.
    closing: watch::Sender<bool>,
}

/// What all calls for one repository share.
#[derive(Debug)]
struct Shared<E> {
    place: Place<E>,
    hub: Hub,
    runs: Runs,
    records: Records,
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
    /// Takes a port of this machine: the given one, or any that is free.
    pub async fn open(
        serving: Serving<E>,
        port: Option<u16>,
        shutdown: Shutdown,
    ) -> Result<Self, Failure> {
        let listener = Listener::open(port).await?;
        let key = Key::new().map_err(|err| failed("there is no random key", &err))?;
        let guard = Guard::new(listener.port(), key)
            .map_err(|err| failed("there is no random key", &err))?;
        let all = All {
            projects: Projects::new(serving),
            guard,
            shutdown,
            closing: watch::Sender::new(false),
        };
        Ok(Server {
            all: Arc::new(all),
            listener,
            record: None,
        })
    }

    /// Lets other processes of this user find the server, for as long as it runs. `state` is the directory with the
    /// state of all projects.
    pub fn announce(&mut self, state: &Path, manner: &Manner) -> Result<(), Failure> {
        let record = Record::write(state, self.listener.port(), &self.all.guard.key, manner);
        let record = record.map_err(|err| failed("the record of the server", &err))?;
        self.record = Some(record);
        Ok(())
    }

    /// The address, without a slash at the end.
    pub fn address(&self) -> String {
        running::address(self.listener.port())
    }

    /// The token of a caller.
    pub fn token(&self, caller: &Caller) -> String {
        self.all.guard.key.token(caller)
    }

    /// This server, as a client finds it. `project` is the id of the client's project in the API.
    pub fn running(&self, project: String) -> Running {
        Running::new(self.address(), self.all.guard.key.clone(), project)
    }

    /// Ends the server from outside of it.
    pub fn closing(&self) -> Closing {
        Closing(self.all.closing.clone())
    }

    /// Answers until the first request to stop. Activities that run then are cancelled as by Ctrl-C, and get their
    /// time.
    pub async fn serve(self) {
        let Server {
            all,
            listener,
            record,
        } = self;
        let answer = {
            let all = Arc::clone(&all);
            move |request| {
                let all = Arc::clone(&all);
                async move { all.answer(request).await }
            }
        };
        let mut closing = all.closing.subscribe();
        let taking_up = tokio::spawn({
            let all = Arc::clone(&all);
            async move { all.projects.take_up().await }
        });
        tokio::select! {
            () = listener.serve(answer) => {}
            () = all.shutdown.reached(Urgency::Cancel) => {}
            _ = closing.wait_for(|is_closing| *is_closing) => {}
        }
        if let Some(record) = record {
            record.remove();
        }
        taking_up.abort();
        let shared = all.projects.all();
        let ending = shared.iter().map(|shared| shared.runs.end(&all.shutdown));
        futures_util::future::join_all(ending).await;
    }
}

impl<E: Engine + 'static> All<E> {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let answer = match self.route(request).await {
            Ok(answer) => answer,
            Err(problem) => problem.answer(),
        };
        let status = answer.status().as_u16();
        tracing::debug!(%method, path, status, "a call was answered");
        answer
    }

    async fn route(&self, request: Request<Incoming>) -> answer::Result {
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
