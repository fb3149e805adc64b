//! Tunnels: ports of this machine that lead to ports which only containers reach. For each connection, a command in a
//! container of the sandbox passes the bytes on, so that a tunnel works wherever commands in containers work: with
//! engines of other machines and in virtual machines.
//!
//! The command is Perl, which is an essential package of Debian and Ubuntu, so that every image has it that
//! `upsun-local` prepares.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::select_all;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

use super::{Error, Result, Sandbox};
use crate::engine::spec::{Container, ExecSpec};
use crate::engine::{Engine, Error as EngineError, Exec};
use crate::labels::{Kind, LABEL_APP, LABEL_WORKER};
use crate::output::Output;
use crate::shutdown::Urgency;
use crate::text::container_name;

/// Passes bytes between its standard streams and a port.
const RELAY: &str = include_str!("scripts/relay.pl");

/// How much is read from a connection at once, in bytes.
const PIECE: usize = 64 * 1024;

/// How long a connection waits for a container that is being replaced, and how long tunnels stay without one.
const REPLACEMENT: Duration = Duration::from_secs(30);

/// How long tunnels stay while the engine does not answer.
const SILENCE: Duration = Duration::from_secs(3600);

/// The pause between two looks at what is missing.
const PAUSE: Duration = Duration::from_millis(250);

/// The container through which a tunnel leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Through {
    /// An app, or a worker of it.
    App {
        app: String,
        worker: Option<String>,
    },
    Router,
    Mail,
}

/// The other end of a tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Far {
    pub through: Through,
    /// The host, as the container resolves it.
    pub host: String,
    pub port: u16,
}

/// A tunnel: a port of this machine, and where it leads.
#[derive(Debug)]
pub struct Forward {
    pub listener: TcpListener,
    pub far: Far,
}

impl Through {
    /// How messages name the container.
    fn title(&self) -> String {
        match self {
            Through::App { app, worker } => container_name(app, worker.as_deref()),
            Through::Router => "the router".to_owned(),
            Through::Mail => "the mail server".to_owned(),
        }
    }

    fn is_it(&self, container: &Container) -> bool {
        let label = |name: &str| container.labels.get(name).map(String::as_str);
        let kind = Kind::of(&container.labels);
        match self {
            Through::App { app, worker } => {
                matches!(kind, Some(Kind::Web | Kind::Worker))
                    && label(LABEL_APP) == Some(app)
                    && label(LABEL_WORKER) == worker.as_deref()
            }
            // While `dev` runs, the router of the deployed apps is stopped.
            Through::Router => matches!(kind, Some(Kind::Router | Kind::SyncedRouter)),
            Through::Mail => kind == Some(Kind::Mail),
        }
    }
}

impl<E: Engine> Sandbox<'_, E> {
    /// Serves tunnels until the user stops. It is an error if their containers go away for good.
    pub async fn serve(&self, forwards: &[Forward]) -> Result<()> {
        let mut connections = FuturesUnordered::new();
        let mut gone = std::pin::pin!(self.until_gone(forwards));
        let mut stopped = std::pin::pin!(self.shutdown.reached(Urgency::Cancel));
        loop {
            let accepted = select_all(
                forwards
                    .iter()
                    .map(|forward| Box::pin(forward.listener.accept())),
            );
            tokio::select! {
                biased;
                () = &mut stopped => return Ok(()),
                result = &mut gone => return result,
                Some(()) = connections.next(), if !connections.is_empty() => {}
                (accepted, at, _) = accepted => match accepted {
                    Ok((stream, _)) => connections.push(self.relay(stream, &forwards[at].far)),
                    // There are too many open files: wait until connections end.
                    Err(_) => sleep(PAUSE).await,
                },
            }
        }
    }

    /// Serves one connection.
    async fn relay(&self, stream: TcpStream, far: &Far) {
        let passed = match self.connect(far).await {
            Ok(exec) => pass(stream, exec).await,
            Err(err) => Some(err.to_string()),
        };
        if let Some(reason) = passed {
            let Far { host, port, .. } = far;
            let message = format!("no connection to {host}:{port}: {reason}");
            self.events.warn(message, None).await;
        }
    }

    /// Starts the command for one connection. Waits for a container that is being replaced.
    async fn connect(&self, far: &Far) -> Result<Exec> {
        let spec = ExecSpec {
            command: vec![
                "/usr/bin/perl".to_owned(),
                "-e".to_owned(),
                RELAY.to_owned(),
                far.host.clone(),
                far.port.to_string(),
            ],
            stdin: true,
            ..ExecSpec::default()
        };
        let began = Instant::now();
        loop {
            let tried = match self.running(&far.through).await? {
                Some(id) => self.engine.exec(&id, &spec).await,
                None => Err(EngineError::NotFound("the container is not up".to_owned())),
            };
            match tried {
                Err(EngineError::NotFound(_) | EngineError::Conflict(_))
                    if began.elapsed() < REPLACEMENT => {}
                tried => return Ok(tried?),
            }
            sleep(PAUSE).await;
        }
    }

    /// The id of the container, if it runs.
    async fn running(&self, through: &Through) -> Result<Option<String>> {
        let containers = self.containers().await?;
        let found = containers
            .into_iter()
            .find(|container| container.running && through.is_it(container));
        Ok(found.map(|container| container.id))
    }

    /// Waits until none of the containers is up, although no command is working on the environment.
    async fn until_gone(&self, forwards: &[Forward]) -> Result<()> {
        let mut seen = Instant::now();
        loop {
            let containers = match self.containers().await {
                Ok(containers) => containers,
                Err(_) if seen.elapsed() < SILENCE => {
                    sleep(REPLACEMENT).await;
                    continue;
                }
                Err(err) => return Err(err),
            };
            let is_wanted = |container: &&Container| {
                let mut all = forwards.iter();
                container.running && all.any(|forward| forward.far.through.is_it(container))
            };
            match containers.iter().find(is_wanted) {
                Some(container) => {
                    self.until_ended(&container.id).await;
                    seen = Instant::now();
                }
                None if self.is_busy() => seen = Instant::now(),
                None if seen.elapsed() < REPLACEMENT => {}
                None => {
                    let first = forwards.first();
                    let container = first.map(|forward| forward.far.through.title());
                    return Err(Error::NotUp {
                        container: container.unwrap_or_default(),
                    });
                }
            }
            sleep(PAUSE * 4).await;
        }
    }

    /// Waits for the end of a container, without asking again and again: `cat` ends with the container, or when this
    /// process ends and with it the standard input of `cat`.
    async fn until_ended(&self, container: &str) {
        let spec = ExecSpec {
            command: vec!["/bin/cat".to_owned()],
            stdin: true,
            ..ExecSpec::default()
        };
        if let Ok(mut exec) = self.engine.exec(container, &spec).await {
            while let Some(Ok(_)) = exec.output.next().await {}
        }
    }
}

/// Passes bytes in both directions until both have ended. Returns the reason if nothing answered.
async fn pass(stream: TcpStream, exec: Exec) -> Option<String> {
    let _ = stream.set_nodelay(true);
    let (mut reader, mut writer) = stream.into_split();
    let Exec {
        mut output,
        mut input,
        ..
    } = exec;
    let upload = async {
        let mut buffer = vec![0; PIECE];
        loop {
            let read = reader.read(&mut buffer).await?;
            if read == 0 {
                break;
            }
            input.write_all(&buffer[..read]).await?;
            input.flush().await?;
        }
        input.shutdown().await
    };
    let mut upload: Pin<Box<dyn Future<Output = io::Result<()>> + Send>> = Box::pin(upload);
    let mut is_uploading = true;
    let mut down = Download::default();
    loop {
        let piece = tokio::select! {
            sent = &mut upload, if is_uploading => {
                // A program that was killed or that gave up: nobody reads the rest.
                if sent.is_err() {
                    return None;
                }
                is_uploading = false;
                continue;
            }
            piece = output.next() => piece,
        };
        match piece {
            Some(Ok(Output::Stdout(bytes))) => {
                if writer.write_all(&bytes).await.is_err() {
                    return None;
                }
                down.total += bytes.len() as u64;
            }
            Some(Ok(Output::Stderr(bytes))) => down.said.extend_from_slice(&bytes),
            Some(Err(err)) => return Some(err.to_string()),
            None => return down.reason(),
        }
        down.end_if_complete(&mut writer).await;
    }
}

/// What has come through a tunnel from the far end.
#[derive(Debug, Default)]
struct Download {
    /// How many bytes came.
    total: u64,
    /// What the command wrote to standard error.
    said: Vec<u8>,
    has_ended: bool,
}

impl Download {
    /// Ends this direction once everything has arrived that the far end sent.
    async fn end_if_complete(&mut self, writer: &mut OwnedWriteHalf) {
        let text = String::from_utf8_lossy(&self.said);
        let sent = text.strip_suffix('\n').and_then(|line| line.parse().ok());
        if !self.has_ended && sent == Some(self.total) {
            self.has_ended = true;
            let _ = writer.shutdown().await;
        }
    }

    /// Why nothing answered, unless something did.
    fn reason(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.said);
        let text = text.trim();
        let has_answered = self.has_ended || self.total > 0 || text.parse::<u64>().is_ok();
        (!has_answered && !text.is_empty()).then(|| text.to_owned())
    }
}
