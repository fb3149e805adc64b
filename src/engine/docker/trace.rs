//! Tells of each call of the engine, for people who look for what went wrong or what takes long: which call, about what,
//! for how long, and what came of it. Neither commands nor variables nor messages are told, which may hold secrets.

use std::pin::Pin;

use tokio::time::Instant;

use crate::engine::Result;

/// A call that is under way.
struct Told<'a> {
    call: &'static str,
    name: &'a str,
    began: Instant,
    outcome: &'static str,
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        let took_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (call, name, outcome) = (self.call, self.name, self.outcome);
        tracing::debug!(call, name, took_ms, outcome);
    }
}

/// Waits for the answer to a call and tells of it, also where nobody waits for its end. On the heap, as futures are
/// large and each call of the engine is part of many.
pub(super) fn told<'a, T: Send + 'a>(
    call: &'static str,
    name: &'a str,
    answer: impl Future<Output = Result<T>> + Send + 'a,
) -> Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>> {
    Box::pin(async move {
        let mut told = Told {
            call,
            name,
            began: Instant::now(),
            outcome: "left",
        };
        let result = answer.await;
        told.outcome = match &result {
            Ok(_) => "done",
            Err(err) => err.kind(),
        };
        result
    })
}

/// Tells of a call whose answer is a stream, which has begun.
pub(super) fn begun(call: &'static str, name: &str) {
    tracing::debug!(call, name, outcome = "begun");
}
