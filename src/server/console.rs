//! The console: a page for a browser, its files, its stream of events, and what only it asks for.
//!
//! The page comes without a key and holds no secret. It takes the key out of its own address (`/#<key>`, which no
//! browser sends anywhere), and exchanges it for a cookie by `POST /console/session`. The calls after that are
//! `/console/events` and `/console/api/…`, see `api`.

mod api;
mod assets;

use hyper::Method;
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::{HeaderValue, SET_COOKIE};

use super::answer::{self, Problem, Result};
use super::projects::Listed;
use super::request::{Call, text};
use super::{All, unknown};
use crate::engine::Engine;

/// The header by which a browser says where in the stream it was.
const LAST_EVENT: &str = "last-event-id";

pub(super) async fn route<E: Engine + 'static>(
    all: &All<E>,
    call: &Call,
    body: Incoming,
) -> Result {
    let parts: Vec<&str> = call.path.iter().map(String::as_str).collect();
    match (&call.method, parts.as_slice()) {
        (&Method::GET | &Method::HEAD, [""]) => Ok(assets::page(call)),
        (&Method::GET | &Method::HEAD, ["console", "assets", name @ ..]) => {
            assets::file(call, &name.join("/")).ok_or_else(|| unknown(call))
        }
        (&Method::POST, ["console", "session"]) => session(all, call, body).await,
        (_, ["console", ..]) => {
            all.guard.console(call)?;
            inside(all, call, &parts[1..], body).await
        }
        _ => Err(unknown(call)),
    }
}

/// Exchanges the key for a cookie.
async fn session<E: Engine>(all: &All<E>, call: &Call, body: Incoming) -> Result {
    let body = call.json(body).await?;
    let caller = text(&body, "token").and_then(|token| all.guard.key.caller(token));
    if caller.is_none() {
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "the key is not that of this server: it was started again since",
        ));
    }
    let mut answer = answer::empty();
    let cookie = HeaderValue::from_str(&all.guard.cookie());
    let cookie = cookie.map_err(|_| Problem::fault("the cookie is not a header"))?;
    answer.headers_mut().insert(SET_COOKIE, cookie);
    Ok(answer)
}

/// The calls that need the cookie. `path` is what follows `/console`. The parameter `project` says which project a call
/// is about, where a server has several.
async fn inside<E: Engine + 'static>(
    all: &All<E>,
    call: &Call,
    path: &[&str],
    body: Incoming,
) -> Result {
    let shared = match (path, call.parameter("project")) {
        (["api", "projects"], _) if call.method == Method::GET => {
            let list = all.projects.list().await;
            let list = list.iter().map(Listed::shown);
            return Ok(answer::json(&list.collect()));
        }
        (["api", "upsun", rest @ ..], _) => {
            return super::api::route(all, call, rest, api::caller(call), body).await;
        }
        (_, Some(id)) => all.projects.find(id).await?,
        (_, None) => all.projects.first().await?,
    };
    match (&call.method, path) {
        (&Method::GET, ["events"]) => {
            let after = call.header(LAST_EVENT).or(call.parameter("after"));
            let with_output = call.parameter("output") != Some("no");
            let events = shared.hub.events(after, with_output);
            Ok(answer::stream("text/event-stream", events))
        }
        (_, ["api", rest @ ..]) => api::route(&shared, call, rest, body).await,
        _ => Err(unknown(call)),
    }
}
