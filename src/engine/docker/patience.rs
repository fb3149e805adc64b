//! Time limits for calls of the engine: each call has a limit, and a shorter one once the user wants to stop.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::error::unusable;
use crate::engine::{Error, Result};
use crate::shutdown::{Shutdown, Urgency};

/// For calls that only read. A busy engine takes a second or two.
pub(super) const LOOK: Duration = Duration::from_secs(60);

/// For calls that create or start something. A busy engine takes some ten seconds.
pub(super) const CHANGE: Duration = Duration::from_secs(180);

/// For calls that process many files, such as the removal of a volume.
pub(super) const REMOVAL: Duration = Duration::from_secs(600);

/// For calls that first let a process end by itself.
const GRACE: Duration = Duration::from_secs(600);

/// The limits once the user wants to stop: for calls that only read,
const LOOK_IN_A_HURRY: Duration = Duration::from_secs(3);

/// for calls that create or remove something, so that an interrupted call leaves nothing behind,
const CHANGE_IN_A_HURRY: Duration = Duration::from_secs(10);

/// for calls that first let a process end by itself,
const GRACE_IN_A_HURRY: Duration = Duration::from_secs(30);

/// and for any call after another one has reached its limit.
const ANOTHER_IN_A_HURRY: Duration = Duration::from_secs(1);

/// The future of an answer. It is boxed because futures are large and each call of the engine is part of many.
type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// The time limits of calls, and the user's request to stop.
#[derive(Debug, Clone)]
pub(super) struct Patience {
    shutdown: Option<Shutdown>,
    /// Whether a call has reached its limit already.
    given_up: Arc<AtomicBool>,
    #[cfg(test)]
    most: Option<Duration>,
}

impl Patience {
    pub(super) fn new(shutdown: Option<Shutdown>) -> Self {
        Patience {
            shutdown,
            given_up: Arc::default(),
            #[cfg(test)]
            most: None,
        }
    }

    /// Limits for tests: no call takes longer than `most`.
    #[cfg(test)]
    pub(super) fn of(most: Duration, shutdown: Option<Shutdown>) -> Self {
        Patience {
            most: Some(most),
            ..Patience::new(shutdown)
        }
    }

    /// Waits for an answer. `call` completes the sentence "the container engine was asked to …".
    pub(super) fn within<'a, T: Send + 'a>(
        &'a self,
        call: &'static str,
        limit: Duration,
        answer: impl Future<Output = Result<T>> + Send + 'a,
    ) -> Answer<'a, T> {
        let hurry = if limit == LOOK {
            LOOK_IN_A_HURRY
        } else {
            CHANGE_IN_A_HURRY
        };
        Box::pin(self.wait(call, limit, hurry, answer))
    }

    /// Waits for the answer to a call that first lets a process end by itself.
    pub(super) fn with_grace<'a, T: Send + 'a>(
        &'a self,
        call: &'static str,
        answer: impl Future<Output = Result<T>> + Send + 'a,
    ) -> Answer<'a, T> {
        Box::pin(self.wait(call, GRACE, GRACE_IN_A_HURRY, answer))
    }

    async fn wait<T>(
        &self,
        call: &'static str,
        limit: Duration,
        hurry: Duration,
        answer: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        #[cfg(test)]
        let (limit, hurry) = self.most.map_or((limit, hurry), |most| (most, most));
        let what = tokio::select! {
            biased;
            result = answer => {
                return result.map_err(|err| match err {
                    Error::Unusable { what, .. } => unusable(call, what),
                    err => err,
                });
            }
            () = tokio::time::sleep(limit) => {
                format!("did not answer within {} s", limit.as_secs_f64())
            }
            reason = self.hurried(hurry) => format!("did not answer after {reason}"),
        };
        self.given_up.store(true, Ordering::Relaxed);
        Err(unusable(call, what))
    }

    /// Resolves when the user has wanted to stop for the time `hurry`; returns how the user asked for it.
    async fn hurried(&self, hurry: Duration) -> &'static str {
        let Some(shutdown) = &self.shutdown else {
            return std::future::pending().await;
        };
        shutdown.reached(Urgency::Cancel).await;
        // After one call without an answer, the next ones get only a moment.
        let is_silent = self.given_up.load(Ordering::Relaxed);
        let hurry = if is_silent {
            hurry.min(ANOTHER_IN_A_HURRY)
        } else {
            hurry
        };
        tokio::time::sleep(hurry).await;
        shutdown.reason()
    }
}
