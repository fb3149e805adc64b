//! Upsun's API, as far as the `upsun` command and the console use it. Paths, names and shapes are those of
//! <https://docs.upsun.com/api/>; a sandbox is one project.

mod project;

use std::sync::Arc;

use hyper::Method;
use hyper::body::Incoming;

use super::answer::Result;
use super::key::Caller;
use super::request::Call;
use super::{Shared, unknown};
use crate::engine::Engine;

/// `path` is the path of the API, in parts.
pub(super) async fn route<E: Engine + 'static>(
    shared: &Arc<Shared<E>>,
    call: &Call,
    path: &[&str],
    _caller: Caller,
    _body: Incoming,
) -> Result {
    match (&call.method, path) {
        (&Method::GET, ["projects", id]) => project::get(shared, id).await,
        _ => Err(unknown(call)),
    }
}
