//! What the containers print while apps are edited, and the requests that come by the routes.

use std::time::Duration;

use futures_util::stream::{BoxStream, SelectAll, StreamExt};
use serde::Deserialize;

use super::copy::Copy;
use crate::engine::Engine;
use crate::engine::spec::{Container, LogRange};
use crate::event::{Dev, Text};
use crate::labels::{Kind, LABEL_APP, LABEL_SERVICE, LABEL_WORKER};
use crate::output::Output;
use crate::text::container_name;

/// Something that a container says.
pub(super) enum Said {
    Event(Dev),
    /// The container with this id has ended.
    Ended(String),
}

/// The logs that are followed.
#[derive(Default)]
pub(super) struct View {
    logs: SelectAll<BoxStream<'static, Said>>,
    /// The ids of the containers.
    followed: Vec<String>,
}

/// A line of the router's log.
#[derive(Deserialize)]
struct Line {
    method: String,
    host: String,
    path: String,
    status: String,
    seconds: String,
}

impl View {
    /// Follows the edited apps from their beginning, and the workers and services from now on. `containers` are the
    /// containers of the environment; `router` is the id of the router if it may be new.
    pub(super) fn follow<E: Engine>(
        &mut self,
        engine: &E,
        containers: &[Container],
        copies: &[Copy],
        router: Option<&str>,
    ) {
        for found in containers.iter().filter(|found| found.running) {
            let label = |name: &str| found.labels.get(name).cloned();
            let is_edited = copies.iter().any(|copy| copy.synced.container == found.id);
            let title = match Kind::of(&found.labels) {
                Some(Kind::Synced) if is_edited => label(LABEL_APP),
                Some(Kind::Worker) => {
                    label(LABEL_APP).map(|app| container_name(&app, label(LABEL_WORKER).as_deref()))
                }
                Some(Kind::Service) => label(LABEL_SERVICE),
                _ => None,
            };
            if let Some(title) = title.filter(|_| !self.followed.contains(&found.id)) {
                self.followed.push(found.id.clone());
                self.add(engine, &found.id, title, is_edited);
            }
        }
        if let Some(router) = router.filter(|id| !self.followed.iter().any(|known| known == id)) {
            self.followed.push(router.to_owned());
            self.add_requests(engine, router);
        }
    }

    /// The next thing that a container says. It is cancel-safe.
    pub(super) async fn next(&mut self) -> Said {
        match self.logs.next().await {
            Some(Said::Ended(id)) => {
                // If the container is started again, it is followed again.
                self.followed.retain(|known| *known != id);
                Said::Ended(id)
            }
            Some(said) => said,
            None => std::future::pending().await,
        }
    }

    fn add(&mut self, engine: &impl Engine, id: &str, title: String, is_edited: bool) {
        let range = LogRange {
            follow: true,
            tail: (!is_edited).then_some(0),
            timestamps: false,
        };
        let ended = Said::Ended(id.to_owned());
        let said = engine.logs(id, range).filter_map(move |piece| {
            let container = title.clone();
            let event = piece.ok().map(|output| {
                Said::Event(Dev::Output {
                    container,
                    output: Text(output),
                })
            });
            std::future::ready(event)
        });
        let end = futures_util::stream::once(std::future::ready(ended));
        self.logs.push(said.chain(end).boxed());
    }

    fn add_requests(&mut self, engine: &impl Engine, id: &str) {
        let range = LogRange {
            follow: true,
            tail: Some(0),
            timestamps: false,
        };
        let mut lines = crate::reporter::lines::Lines::default();
        let said = engine.logs(id, range).flat_map(move |piece| {
            let mut events = Vec::new();
            if let Ok(Output::Stdout(bytes)) = piece {
                lines.push(&bytes, |line| {
                    events.extend(request(&line).map(Said::Event));
                });
            }
            futures_util::stream::iter(events)
        });
        self.logs.push(said.boxed());
    }
}

/// The request that a line of the router's log is about.
fn request(line: &str) -> Option<Dev> {
    let line: Line = serde_json::from_str(line).ok()?;
    let seconds: f64 = line.seconds.parse().ok()?;
    Some(Dev::Request {
        method: line.method,
        host: line.host,
        path: line.path,
        status: line.status.parse().ok()?,
        duration: Duration::try_from_secs_f64(seconds).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_router_is_a_request() {
        let line = r#"{"method":"GET","host":"shop.localhost","path":"/a?b=1","status":"404","seconds":"0.012"}"#;
        assert_eq!(
            request(line),
            Some(Dev::Request {
                method: "GET".to_owned(),
                host: "shop.localhost".to_owned(),
                path: "/a?b=1".to_owned(),
                status: 404,
                duration: Duration::from_millis(12),
            })
        );
        assert_eq!(request("nginx: something else"), None);
    }
}
