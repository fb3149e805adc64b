//! How long an engine is waited for: until it answers, for so long as the call may take, and only a little longer once
//! the user wants to stop.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::error::unusable;
use crate::engine::{Error, Result};
use crate::shutdown::{Shutdown, Urgency};

/// What only asks. A busy engine takes a second or two.
pub(super) const LOOK: Duration = Duration::from_secs(60);

/// What makes or starts something. A busy engine takes some ten seconds.
pub(super) const CHANGE: Duration = Duration::from_secs(180);

/// What goes over many files, such as the removal of a volume.
pub(super) const REMOVAL: Duration = Duration::from_secs(600);

/// What lets a process end by itself first.
const GRACE: Duration = Duration::from_secs(600);

/// How long a call may still take once the user wants to stop: one that only asks,
const LOOK_IN_A_HURRY: Duration = Duration::from_secs(3);

/// one that makes or removes something, so that nothing is left of what was cut off,
const CHANGE_IN_A_HURRY: Duration = Duration::from_secs(10);

/// one that lets a process end by itself first,
const GRACE_IN_A_HURRY: Duration = Duration::from_secs(30);

/// and any of them once another one was given up.
const ANOTHER_IN_A_HURRY: Duration = Duration::from_secs(1);

/// An answer that is waited for. On the heap, as futures are large and each call of the engine is part of many.
type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// How long a call is waited for, and who wants to stop.
#[derive(Debug, Clone)]
pub(super) struct Patience {
    shutdown: Option<Shutdown>,
    /// Whether a call was given up already.
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

    /// With no call waited for longer than that.
    #[cfg(test)]
    pub(super) fn of(most: Duration, shutdown: Option<Shutdown>) -> Self {
        Patience {
            most: Some(most),
            ..Patience::new(shutdown)
        }
    }

    /// Waits for an answer. `call` completes "the container engine was asked to …".
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

    /// The same for what lets a process end by itself first.
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

    /// Ends when the user has wanted to stop for so long; says how it was said.
    async fn hurried(&self, hurry: Duration) -> &'static str {
        let Some(shutdown) = &self.shutdown else {
            return std::future::pending().await;
        };
        shutdown.reached(Urgency::Cancel).await;
        // An engine that is silent once is not waited for again.
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
