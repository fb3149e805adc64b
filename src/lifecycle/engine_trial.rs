//! A trial of the engine: what a run needs of it, done once with objects of its own that are removed again, in about a
//! second. It says which part does not work, and what that means.
//!
//! Nothing is pulled. The containers are made from an image that is there already: one that `upsun-local` made, or the
//! official image of a runtime. An engine without such an image gets an empty one, in which only the program that the
//! engine itself puts into each container can run; the checks that need a shell are not tried then.

mod checks;
mod objects;
mod waiting;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use tokio::time::{Instant, timeout, timeout_at};

use self::checks::{
    CREATE, DIRECTORY, EXEC, Kind as CheckKind, NETWORK, Notes, PORT, REMOVE, START, UPLOAD,
    VOLUMES,
};
pub use self::checks::{Check, Verdict};
use self::objects::Objects;
use self::waiting::{answers, ended};
use super::archive;
use crate::engine::spec::{ExecSpec, ImageBuild, VolumeDirectory};
use crate::engine::{Engine, Error as EngineError};
use crate::labels::Labels;
use crate::lock::{self, Lock};
use crate::settings::User;
use crate::shutdown::{Shutdown, Urgency};

/// How long the trial may take, and its removal once more.
const LIMIT: Duration = Duration::from_secs(15);

/// From here on the trial says that the engine is slow.
const SLOW: Duration = Duration::from_secs(8);

const CHECK: &str = include_str!("engine_trial/check.sh");
const LISTEN: &str = include_str!("engine_trial/listen.sh");

/// The port at which the other container takes connections.
const INNER_PORT: u16 = 8888;

/// What `check.sh` ends with, so that an exit code is seen to come through.
const CODE: i64 = 3;

const NO_IMAGE: &str = "it needs an image with a shell, and the engine has none of a runtime yet; `upsun-local up` pulls one";

/// What a trial is made with.
#[derive(Debug)]
pub struct EngineTrial<'a> {
    /// The user whose state is kept: [`crate::project::Home::owner`].
    pub owner: &'a str,
    /// The directory for state of all projects.
    pub state: PathBuf,
    /// The user of apps.
    pub user: User,
    /// Whether published ports are those of this machine.
    pub is_local: bool,
    pub shutdown: &'a Shutdown,
}

/// What came out of a trial.
#[derive(Debug, Clone, serde::Serialize)]
pub struct EngineTried {
    /// The image that the containers were made from; `None` for an empty one.
    pub image: Option<String>,
    pub checks: Vec<Check>,
    /// How long it took.
    #[serde(serialize_with = "seconds", rename = "seconds")]
    pub duration: Duration,
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((duration.as_secs_f64() * 1000.0).round() / 1000.0)
}

impl EngineTried {
    /// The checks that the engine fails.
    pub fn failed(&self) -> impl Iterator<Item = (&Check, &str)> {
        self.checks.iter().filter_map(|check| match &check.verdict {
            Verdict::Fails(found) => Some((check, found.as_str())),
            _ => None,
        })
    }

    /// The checks that were not tried, with the reason.
    pub fn not_tried(&self) -> impl Iterator<Item = (&Check, &str)> {
        self.checks.iter().filter_map(|check| match &check.verdict {
            Verdict::NotTried(why) => Some((check, why.as_str())),
            _ => None,
        })
    }
}

/// Why the trial goes no further.
enum Stop {
    /// A call failed, which the notes say.
    Failed,
    /// The user wants to stop.
    Interrupted,
    /// There is no time left. This is what was going on.
    TooSlow(CheckKind),
}

/// Tries the engine and leaves nothing behind.
pub async fn try_engine<E: Engine>(engine: &E, given: &EngineTrial<'_>) -> EngineTried {
    let began = Instant::now();
    let project = objects::project(given);
    let mut run = Run {
        engine,
        given,
        objects: Objects::of(&project, given.user),
        notes: Notes::new(),
        deadline: began + LIMIT,
        image: None,
    };
    let lock = Lock::try_take(&project.state_dir.join("lock"), "trial of the engine");
    let reason = match &lock {
        Err(lock::Error::Busy { .. }) => {
            "another `upsun-local doctor` tries the engine right now".to_owned()
        }
        Err(error) => error.to_string(),
        Ok(_) => match run.all().await {
            Ok(()) => String::new(),
            Err(Stop::Failed) => "a check before it failed".to_owned(),
            Err(Stop::Interrupted) => "interrupted".to_owned(),
            Err(Stop::TooSlow(kind)) => {
                let limit = LIMIT.as_secs();
                run.notes
                    .fails(kind, format!("the trial is not done after {limit} s"));
                "no time was left".to_owned()
            }
        },
    };
    if lock.is_ok() {
        run.remove().await;
    }
    let duration = began.elapsed();
    let speed = checks::ALL[checks::ALL.len() - 1];
    if duration > SLOW {
        let text = format!(
            "the trial took {:.1} s, and usually takes about one",
            duration.as_secs_f64()
        );
        run.notes.fails(speed, text);
    } else if reason.is_empty() {
        run.notes.works(speed);
    }
    EngineTried {
        image: run.image,
        checks: run.notes.finish(&reason),
        duration,
    }
}

/// A trial under way.
struct Run<'a, E> {
    engine: &'a E,
    given: &'a EngineTrial<'a>,
    objects: Objects,
    notes: Notes,
    deadline: Instant,
    image: Option<String>,
}

impl<E: Engine> Run<'_, E> {
    /// Waits for the answer to a call. A failure is the check's.
    async fn call<T>(
        &mut self,
        kind: CheckKind,
        answer: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, Stop> {
        let answer = async { answer.await.map_err(|error| (kind, error)) };
        self.several(kind, answer).await
    }

    /// Waits for the answers to several calls, which name the check that a failure belongs to.
    async fn several<T>(
        &mut self,
        kind: CheckKind,
        answers: impl Future<Output = Result<T, (CheckKind, EngineError)>>,
    ) -> Result<T, Stop> {
        let result = within(self.given, self.deadline, kind, answers).await;
        self.noted(result)
    }

    /// Notes a failure.
    fn noted<T>(
        &mut self,
        result: Result<Result<T, (CheckKind, EngineError)>, Stop>,
    ) -> Result<T, Stop> {
        result?.map_err(|(kind, error)| {
            self.notes.fails(kind, error.to_string());
            Stop::Failed
        })
    }

    async fn all(&mut self) -> Result<(), Stop> {
        let engine = self.engine;
        self.make_places().await?;
        let image = match self.image.clone() {
            Some(image) => image,
            None => self.build_empty().await?,
        };
        let port = self.free_port();
        let other = self.objects.other_container(&image, port);
        self.call(CREATE, engine.create_container(&other)).await?;
        self.notes.works(CREATE);
        let files = objects::files(&self.objects.token, self.given.user);
        let upload = engine.upload(&other.name, "/mnt/0", archive::whole(files.into()));
        self.call(UPLOAD, upload).await?;
        self.notes.works(UPLOAD);
        // The first process of a container is the only program in an empty image.
        let init = match self.image {
            Some(_) => None,
            None => Some(self.call(CREATE, engine.info()).await?.init),
        };
        let app = self.objects.app_container(&image, init.as_deref());
        let directory = self.objects.volume(
            &self.objects.directory,
            Some(VolumeDirectory {
                volume: self.objects.volume.clone(),
                path: "mount".to_owned(),
            }),
        );
        let create = async {
            let made = engine.create_volume(&directory).await;
            made.map_err(|error| (DIRECTORY, error))?;
            let made = engine.create_container(&app).await;
            made.map_err(|error| (CREATE, error))
        };
        if self.image.is_none() {
            self.several(CREATE, create).await?;
            return self.start_empty(&app.name).await;
        }
        let start = async {
            let (other, app) = tokio::join!(engine.start_container(&other.name), async {
                create.await?;
                let started = engine.start_container(&app.name).await;
                started.map_err(|error| (START, error))
            });
            other.map_err(|error| (START, error))?;
            app
        };
        self.several(START, start).await?;
        self.notes.works(START);
        self.notes.works(DIRECTORY);
        self.check(&app.name).await?;
        self.try_port(port).await
    }

    /// Makes the network and the volume, and meanwhile chooses the image.
    async fn make_places(&mut self) -> Result<(), Stop> {
        let engine = self.engine;
        let (network, labels) = (self.objects.network.clone(), self.objects.labels());
        let volume = self.objects.volume(&self.objects.volume, None);
        let all = Labels::new();
        let objects = &self.objects;
        let places = async {
            // What a killed trial left has the names that this one needs.
            let removed = remove_all(engine, objects).await;
            removed.map_err(|error| (REMOVE, error))?;
            let (network, volume) = tokio::join!(
                engine.create_network(&network, &labels),
                engine.create_volume(&volume)
            );
            network.map_err(|error| (NETWORK, error))?;
            volume.map_err(|error| (VOLUMES, error))
        };
        let all = async {
            let (places, images) = tokio::join!(places, engine.images(&all));
            places?;
            images.map_err(|error| (CREATE, error))
        };
        let images = within(self.given, self.deadline, NETWORK, all).await;
        let images = self.noted(images)?;
        self.image = objects::choose(&images);
        self.notes.works(NETWORK);
        self.notes.works(VOLUMES);
        Ok(())
    }

    /// A port of this machine that is free; `None` for an engine on another machine.
    fn free_port(&mut self) -> Option<u16> {
        if !self.given.is_local {
            let why = "the engine's machine is another one, and its ports are not this machine's";
            self.notes.not_tried(PORT, why);
            return None;
        }
        if self.image.is_none() {
            self.notes.not_tried(PORT, NO_IMAGE);
            return None;
        }
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).ok()?;
        Some(listener.local_addr().ok()?.port())
    }

    /// Makes an image with nothing but the directories that volumes go to.
    async fn build_empty(&mut self) -> Result<String, Stop> {
        let plan = objects::empty_image();
        let tag = self.objects.image.clone();
        let build = ImageBuild {
            tag: &tag,
            plan: &plan,
            labels: self.objects.labels(),
            variables: BTreeMap::new(),
            network: String::new(),
        };
        let engine = self.engine;
        self.call(CREATE, engine.build_image(&build, &|_: &str| {}))
            .await?;
        Ok(tag)
    }

    /// Starts the container of an empty image.
    async fn start_empty(&mut self, name: &str) -> Result<(), Stop> {
        let engine = self.engine;
        self.call(START, engine.start_container(name)).await?;
        let code = self.call(START, ended(engine, name)).await?;
        match code {
            0 => {
                self.notes.works(START);
                self.notes.works(DIRECTORY);
            }
            127 => self.notes.not_tried(START, NO_IMAGE),
            code => self
                .notes
                .fails(START, format!("a container ended with code {code}")),
        }
        for kind in checks::ALL {
            if self.notes.is_untried(kind) && kind != REMOVE {
                self.notes.not_tried(kind, NO_IMAGE);
            }
        }
        Ok(())
    }

    /// Connects to the published port from this machine.
    async fn try_port(&mut self, port: Option<u16>) -> Result<(), Stop> {
        let Some(port) = port else {
            return Ok(());
        };
        match timeout_at(self.deadline, answers(port, &self.objects.token)).await {
            Err(_) => Err(Stop::TooSlow(PORT)),
            Ok(true) => {
                self.notes.works(PORT);
                Ok(())
            }
            Ok(false) => {
                let text = format!("nothing answers at 127.0.0.1:{port}");
                self.notes.fails(PORT, text);
                Ok(())
            }
        }
    }

    /// Runs the script of checks in the app's container.
    async fn check(&mut self, name: &str) -> Result<(), Stop> {
        let user = self.given.user.spec();
        let command = [
            "sh",
            "-c",
            CHECK,
            "sh",
            &user,
            &self.objects.token,
            &INNER_PORT.to_string(),
        ];
        let spec = ExecSpec {
            command: command.map(str::to_owned).to_vec(),
            ..ExecSpec::default()
        };
        let engine = self.engine;
        let run = async {
            let mut exec = engine.exec(name, &spec).await?;
            let mut output = Vec::new();
            while let Some(piece) = exec.output.next().await {
                output.extend_from_slice(piece?.bytes());
            }
            Ok((output, exec.exit.await?))
        };
        let (output, code) = self.call(EXEC, run).await?;
        let output = String::from_utf8_lossy(&output);
        self.notes.read(&output);
        if code == CODE {
            self.notes.works(EXEC);
        } else {
            let said = output.lines().last().unwrap_or_default();
            let text = format!("a command ended with code {code} and not with {CODE}: {said}");
            self.notes.fails(EXEC, text);
        }
        Ok(())
    }

    /// Removes the trial's objects, also those of a call whose answer was not waited for.
    async fn remove(&mut self) {
        let removal = remove_all(self.engine, &self.objects);
        match timeout(LIMIT, removal).await {
            Err(_) => {
                let limit = LIMIT.as_secs();
                let text = format!(
                    "the objects of the trial are not gone after {limit} s; `upsun-local clean --all` removes them"
                );
                self.notes.fails(REMOVE, text);
            }
            Ok(Err(error)) => self.notes.fails(REMOVE, error.to_string()),
            Ok(Ok(())) if self.notes.is_untried(REMOVE) => self.notes.works(REMOVE),
            Ok(Ok(())) => {}
        }
    }
}

/// Waits for an answer, unless the user wants to stop or the time is up.
async fn within<T>(
    given: &EngineTrial<'_>,
    deadline: Instant,
    kind: CheckKind,
    answer: impl Future<Output = T>,
) -> Result<T, Stop> {
    if given.shutdown.urgency() > Urgency::None {
        return Err(Stop::Interrupted);
    }
    let answer = timeout_at(deadline, answer).await;
    answer.map_err(|_| Stop::TooSlow(kind))
}

/// Removes all objects of trials: containers first, since they hold the rest.
async fn remove_all<E: Engine>(engine: &E, objects: &Objects) -> Result<(), EngineError> {
    let labels = &objects.common_labels();
    let containers = engine.containers(labels).await?;
    let removals = containers
        .iter()
        .map(|found| engine.remove_container(&found.id));
    for removed in join_all(removals).await {
        removed?;
    }
    let volumes = async {
        let mut volumes = engine.volumes(labels).await?;
        // A volume that shows a directory of another one goes first.
        volumes.sort_by_key(|volume| !volume.name.ends_with("directory"));
        for volume in volumes {
            engine.remove_volume(&volume.name).await?;
        }
        Ok::<(), EngineError>(())
    };
    let networks = async {
        for network in engine.networks(labels).await? {
            engine.remove_network(&network.id).await?;
        }
        Ok::<(), EngineError>(())
    };
    let image = engine.remove_image(&objects.image);
    let (volumes, networks, image) = tokio::join!(volumes, networks, image);
    volumes.and(networks).and(image)
}

#[cfg(test)]
mod tests;
