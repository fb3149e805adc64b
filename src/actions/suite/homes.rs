//! The engines that tests are spread over: what each needs, from the arrival of the tests until everything that they
//! made there is gone.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Named;
use crate::actions::Actions;
use crate::engine::Engine;
use crate::event::Events;
use crate::failure::Failure;
use crate::lifecycle::{Error, Sandbox, Visit};
use crate::lock::new_token;
use crate::shutdown::{Shutdown, Urgency};
use crate::suite::EngineUse;
use crate::workspace::Workspace;

/// How long a lost engine may take to remove what the tests made there, and how long any other.
const MOMENT: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(600);

/// An engine, and the place of its own for the state of the tests there.
pub(super) struct Home<E> {
    /// The name that the user gave the engine; empty if there is only one.
    pub(super) name: String,
    pub(super) engine: Arc<E>,
    /// Snapshots and locks of builds are those of one engine.
    pub(super) workspace: Arc<Workspace>,
    /// Stops the work on this engine alone.
    pub(super) shutdown: Shutdown,
    /// Builds are copied only between engines of one platform.
    pub(super) platform: String,
    visit: Option<Visit>,
}

impl<E: Engine> Home<E> {
    pub(super) fn sandbox<'a>(&'a self, events: &'a Events) -> Sandbox<'a, E> {
        self.workspace
            .sandbox(self.engine.as_ref(), events, &self.shutdown)
    }
}

impl<E: Engine> Actions<E> {
    /// The engines to use, each once. An engine that does not answer is noted in `uses`; if none answers, that is an
    /// error. The caller must hold the lock of the environment.
    pub(super) async fn homes(
        &self,
        engines: &[Named<E>],
        uses: &Mutex<Vec<EngineUse>>,
    ) -> Result<Vec<Home<E>>, Error> {
        if engines.is_empty() {
            return Ok(vec![Home {
                name: String::new(),
                engine: Arc::clone(&self.engine),
                workspace: Arc::clone(&self.workspace),
                shutdown: self.shutdown.clone(),
                platform: String::new(),
                visit: None,
            }]);
        }
        let mut homes: Vec<Home<E>> = Vec::new();
        let mut last = None;
        for named in engines {
            match self.home(named, &homes).await {
                Ok(Some(home)) => homes.push(home),
                Ok(None) => {}
                Err(Error::Interrupted) => return Err(Error::Interrupted),
                Err(err) => {
                    self.events
                        .warn(lost(&named.name, &err.to_string()), None)
                        .await;
                    let lost = EngineUse {
                        name: named.name.clone(),
                        tests: 0,
                        lost: Some(err.to_string()),
                    };
                    uses.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(lost);
                    last = Some(err);
                }
            }
        }
        match last {
            Some(err) if homes.is_empty() => Err(err),
            _ => Ok(homes),
        }
    }

    /// One engine; `None` if it is one of `others` by another name. An engine's own id is no proof of that, because
    /// machines are copied with their ids. So each engine gets a mark, and shows whether it has the mark of another.
    async fn home(&self, named: &Named<E>, others: &[Home<E>]) -> Result<Option<Home<E>>, Error> {
        let sandbox = Sandbox {
            engine: named.engine.as_ref(),
            ..self
                .workspace
                .sandbox(named.engine.as_ref(), &self.events, &self.shutdown)
        };
        let there = sandbox.visits().await?;
        let is_there = |other: &&Home<E>| {
            let token = other.visit.as_ref().map(|visit| &visit.token);
            there.iter().any(|visit| Some(&visit.token) == token)
        };
        if let Some(same) = others.iter().find(is_there) {
            let message = format!(
                "`{}` and `{}` are the same engine: it is used once",
                same.name, named.name
            );
            self.events.warn(message, None).await;
            return Ok(None);
        }
        sandbox.end_old_visits().await?;
        let info = named.engine.info().await?;
        let visit = sandbox.begin_visit(&new_token()).await?;
        let mut workspace = Workspace::clone(&self.workspace);
        workspace.project = workspace.project.visiting(&visit.token);
        Ok(Some(Home {
            name: named.name.clone(),
            engine: Arc::clone(&named.engine),
            workspace: Arc::new(workspace),
            shutdown: Shutdown::new(),
            platform: info.platform,
            visit: Some(visit),
        }))
    }

    /// Removes what the tests made on each engine. It goes on after a Ctrl-C, because the tests have ended by then.
    pub(super) async fn leave(&self, homes: &[Home<E>], lost: &[bool]) {
        let leaving = homes.iter().zip(lost).map(async |(home, is_lost)| {
            let Some(visit) = &home.visit else {
                return;
            };
            if self.shutdown.urgency() == Urgency::Leave {
                return;
            }
            // Another request to stop must not keep this from its end.
            let shutdown = Shutdown::new();
            let sandbox = self
                .workspace
                .sandbox(home.engine.as_ref(), &self.events, &shutdown);
            // A lost engine may be back already. It may also be silent.
            let limit = if *is_lost { MOMENT } else { LIMIT };
            let ended = tokio::time::timeout(limit, sandbox.end_visit(visit)).await;
            let why = match ended {
                Ok(Ok(())) => None,
                Ok(Err(err)) => Some(Failure::of(err, &shutdown).message),
                Err(_) => Some("the engine does not answer".to_owned()),
            };
            if let Some(why) = why {
                let name = &home.name;
                let message =
                    format!("what the tests made on the engine `{name}` is still there: {why}");
                let hint = "the next command of `upsun-local` that works on that engine removes it";
                self.events.warn(message, Some(hint.to_owned())).await;
            }
        });
        futures_util::future::join_all(leaving).await;
    }
}

/// What is said of an engine that is given up.
pub(super) fn lost(name: &str, why: &str) -> String {
    format!("the engine `{name}` is given up: {why}")
}
