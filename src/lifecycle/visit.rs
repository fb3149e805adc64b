//! Visits: tests that are spread over several engines come to an engine, and everything that they make there goes
//! with them. A mark on the engine says so, from before the first object until after the last one, so that the next
//! command on that engine ends a visit that was cut off.

use super::{Down, Result, Sandbox, sweep};
use crate::engine::Engine;
use crate::engine::spec::VolumeSpec;
use crate::event::Events;
use crate::labels::{Kind, LABEL_FOUND, LABEL_RUN};

/// What an engine had of the environment when a visit began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Nothing,
    /// Data of mounts or services, but no container.
    Data,
    /// Containers, with or without data.
    Containers,
}

impl Found {
    fn name(self) -> &'static str {
        match self {
            Found::Nothing => "nothing",
            Found::Data => "data",
            Found::Containers => "containers",
        }
    }

    /// An unknown name means that nothing may be removed.
    fn of(name: Option<&String>) -> Self {
        match name.map(String::as_str) {
            Some("nothing") => Found::Nothing,
            Some("data") => Found::Data,
            _ => Found::Containers,
        }
    }
}

/// A visit, as its mark on the engine describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// No other visit has the same.
    pub token: String,
    pub found: Found,
    /// The name of the mark.
    volume: String,
}

impl<E: Engine> Sandbox<'_, E> {
    /// Marks the engine. `token` also names the directory for the state of the visit, which is made first: where there
    /// is no directory, no command looks for marks.
    pub(crate) async fn begin_visit(&self, token: &str) -> Result<Visit> {
        let environment = self.project.environment_labels(&self.environment.name);
        let containers = self.engine.containers(&environment).await?;
        let found = if !containers.iter().all(sweep::is_sweeper) {
            Found::Containers
        } else if !self.engine.volumes(&environment).await?.is_empty() {
            Found::Data
        } else {
            Found::Nothing
        };
        let directory = self.project.visiting(token).state_dir;
        std::fs::create_dir_all(&directory).map_err(|source| super::Error::File {
            path: directory.clone(),
            source,
        })?;
        let mut labels = self
            .project
            .new_labels(Some(&self.environment.name), None, Kind::Visit);
        labels.insert(LABEL_RUN.to_owned(), token.to_owned());
        labels.insert(LABEL_FOUND.to_owned(), found.name().to_owned());
        let volume = VolumeSpec {
            name: self.project.name(&["+visit", token]),
            labels,
            directory_of: None,
            memory: None,
            layers: None,
        };
        self.engine.create_volume(&volume).await?;
        Ok(Visit {
            token: token.to_owned(),
            found,
            volume: volume.name,
        })
    }

    /// The visits to this environment whose marks are on the engine.
    pub(crate) async fn visits(&self) -> Result<Vec<Visit>> {
        let mut labels = self.project.environment_labels(&self.environment.name);
        labels.extend([Kind::Visit.label()]);
        let marks = self.engine.volumes(&labels).await?;
        Ok(marks
            .into_iter()
            .filter_map(|mark| {
                Some(Visit {
                    token: mark.labels.get(LABEL_RUN)?.clone(),
                    found: Found::of(mark.labels.get(LABEL_FOUND)),
                    volume: mark.name,
                })
            })
            .collect())
    }

    /// Removes what came with a visit, and the mark last. Containers that were up before stay up, and data that were
    /// there before stay there; builds stay, as they do after any command.
    pub(crate) async fn end_visit(&self, visit: &Visit) -> Result<()> {
        let guest = self.project.visiting(&visit.token);
        // The tests have told what they did. That their containers go again is of no interest.
        let (events, _) = Events::channel();
        let guest = Sandbox {
            project: &guest,
            events: &events,
            ..self.clone()
        };
        match visit.found {
            Found::Nothing => {
                guest.down(Down::WithVolumes).await?;
            }
            Found::Data => {
                guest.down(Down::KeepVolumes).await?;
            }
            Found::Containers => {}
        }
        self.forget_visit(visit).await
    }

    /// Removes nothing but the mark.
    pub(crate) async fn forget_visit(&self, visit: &Visit) -> Result<()> {
        self.engine.remove_volume(&visit.volume).await?;
        let directory = self.project.visiting(&visit.token).state_dir;
        let _ = std::fs::remove_dir_all(directory);
        // The parent too, if this was the last visit.
        let _ = std::fs::remove_dir(self.project.visits_dir());
        Ok(())
    }

    /// Ends the visits that were cut off. The caller must hold the lock of the environment.
    pub(crate) async fn end_old_visits(&self) -> Result<()> {
        // In almost all cases this is the only step.
        if !self.project.visits_dir().exists() {
            return Ok(());
        }
        for visit in self.visits().await? {
            let message =
                "tests on several engines were cut off: what they made on this engine is removed";
            self.events.warn(message, None).await;
            if visit.found == Found::Containers {
                let project = self.project.visiting(&visit.token);
                let guest = Sandbox {
                    project: &project,
                    ..self.clone()
                };
                guest.end_abandoned().await?;
                guest.mend_running().await?;
            }
            self.end_visit(&visit).await?;
        }
        Ok(())
    }
}
