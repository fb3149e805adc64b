//! Logs each call of the engine, for finding faults and slow calls: the call, its object, the duration and the
//! result. Commands, variables and messages are not logged, because they may contain secrets.

use std::pin::Pin;

use tokio::time::Instant;

use crate::engine::Result;

/// A call in progress.
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

/// Waits for the answer to a call and logs it, even if the caller drops the call before its end. The future is boxed
/// because futures are large and each call of the engine is part of many.
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

/// Logs the beginning of a call whose answer is a stream.
pub(super) fn begun(call: &'static str, name: &str) {
    tracing::debug!(call, name, outcome = "begun");
}
