//! What a command knows of the process it runs in. The only module that reads the environment.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::failure::{FAULT, Failure};
use super::recording::{Recorded, Recording};
use super::{ColorChoice, Global};
use crate::engine::docker::{DockerEngine, Surroundings};
use crate::event::Events;
use crate::mask::Secrets;
use crate::project::Home;
use crate::reporter;
use crate::reporter::json::Json;
use crate::reporter::masked::Masked;
use crate::reporter::style::Style;
use crate::reporter::terminal::{Terminal, Verbosity};
use crate::reporter::wrapped::{width_of, wrapped};
use crate::settings::load::OwnFile;
use crate::shutdown::{Shutdown, Urgency};

/// The process: its options, its terminal, its environment.
#[derive(Debug)]
pub(super) struct Context {
    /// The options that every command takes.
    pub global: Global,
    /// Colours on standard error.
    pub style: Style,
    /// Colours on standard output.
    pub out_style: Style,
    /// Where state is kept.
    pub home: Home,
    /// The user's own settings.
    pub own_settings: OwnFile,
    /// What must not stand in anything we say, once the settings are read.
    pub secrets: OnceLock<Secrets>,
    /// Whether the user wants to stop, once signals are caught.
    stopping: OnceLock<Shutdown>,
}

/// A listener for events that is waited for at the end.
#[derive(Debug)]
pub(super) struct Listening {
    /// Where to send them.
    pub events: Events,
    /// What records them, where that is wanted.
    pub recording: Recording,
    ended: Receiver<()>,
    /// Whether the user wants to stop.
    pub shutdown: Shutdown,
}

/// Set by `hook run` for the commands that it runs.
pub(super) const IN_HOOK: &str = "UPSUN_LOCAL_IN_HOOK";
/// Set for what `watch` runs: what it has to say comes over standard input.
pub(super) const WATCHED: &str = "UPSUN_LOCAL_WATCHED";

/// How long a reader of our output that does not read may hold up whoever wants us to stop.
const PATIENCE: Duration = Duration::from_secs(2);

impl Listening {
    /// Lets the listener say the rest. After a signal it has not for ever to do so: whoever reads our output may
    /// have stopped to read.
    pub(super) fn finish(self) {
        drop(self.events);
        let mut left = PATIENCE;
        let step = Duration::from_millis(100);
        while let Err(RecvTimeoutError::Timeout) = self.ended.recv_timeout(step) {
            if self.shutdown.urgency() > Urgency::None {
                left = left.saturating_sub(step);
            }
            if left.is_zero() {
                return;
            }
        }
    }
}

/// A variable of this process's environment; empty ones count as not set.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn path_variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

/// Without colours.
pub(super) fn plain_style() -> Style {
    Style { color: false }
}

impl Context {
    /// Of this process.
    pub(super) fn of_process(global: Global) -> Self {
        let colored = |terminal: bool| {
            let color = match global.color {
                ColorChoice::Always => true,
                ColorChoice::Never => false,
                ColorChoice::Auto => {
                    terminal
                        && variable("NO_COLOR").is_none()
                        && variable("TERM").as_deref() != Some("dumb")
                }
            };
            Style { color }
        };
        let style = colored(io::stderr().is_terminal());
        let out_style = colored(io::stdout().is_terminal());
        let home = Home {
            state: path_variable("XDG_STATE_HOME"),
            home: path_variable("HOME"),
        };
        Context {
            global,
            style,
            out_style,
            home,
            own_settings: OwnFile::of(path_variable("XDG_CONFIG_HOME"), path_variable("HOME")),
            secrets: OnceLock::new(),
            stopping: OnceLock::new(),
        }
    }

    /// Says something on standard error. On a terminal, lines that are too long go on between two words.
    pub(super) fn talk(&self, text: &str) {
        self.talk_as_it_is(&wrapped(text, width_of(&io::stderr()), 0));
    }

    /// The same for what is drawn for the terminal's width already.
    pub(super) fn talk_as_it_is(&self, text: &str) {
        let mut stderr = io::stderr().lock();
        let _ = stderr.write_all(text.as_bytes());
    }

    /// Sentences for standard output: as `talk` says them, the further lines indented.
    pub(super) fn sentences(&self, text: &str, indent: usize) -> String {
        wrapped(text, width_of(&io::stdout()), indent)
    }

    /// Prints data on standard output. A closed pipe is quiet.
    pub(super) fn print(&self, text: &str) -> Result<(), Failure> {
        self.print_bytes(text.as_bytes())
    }

    /// The same, for what need not be text.
    pub(super) fn print_bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
        written.map_err(|err| Failure::unwritten(&err))
    }

    /// How much to say.
    pub(super) fn verbosity(&self) -> Verbosity {
        match (self.global.quiet, self.global.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        }
    }

    /// Starts listening to events: as text, or as JSON on standard output.
    pub(super) fn listen(&self, json: bool, shutdown: &Shutdown) -> Listening {
        let secrets = self.secrets.get().cloned().unwrap_or_default();
        self.listen_to(json, secrets, false, shutdown)
    }

    /// The same. The values are hidden in our own words, and with `output` in what scripts print.
    pub(super) fn listen_to(
        &self,
        json: bool,
        secrets: Secrets,
        output: bool,
        shutdown: &Shutdown,
    ) -> Listening {
        let (events, receiver) = Events::channel();
        let recording = Recording::default();
        let ended = if json {
            let reporter = Masked::new(Json::default(), secrets, output);
            let reporter = Recorded::new(reporter, recording.clone());
            reporter::spawn(reporter, receiver, shutdown.clone())
        } else {
            let mut terminal = Terminal::new(self.style, self.verbosity());
            if variable(IN_HOOK).is_some() {
                terminal = terminal.out_of_reach();
            }
            let reporter = Masked::new(terminal, secrets, output);
            let reporter = Recorded::new(reporter, recording.clone());
            reporter::spawn(reporter, receiver, shutdown.clone())
        };
        Listening {
            events,
            recording,
            ended,
            shutdown: shutdown.clone(),
        }
    }

    /// Counts signals from now on, or what `watch` passes on of them.
    pub(super) fn shutdown(&self) -> Result<Shutdown, Failure> {
        let shutdown = Shutdown::new();
        let listening = match variable(WATCHED) {
            Some(_) => shutdown.listen_to_watch(),
            None => shutdown.listen(),
        };
        listening.map_err(|err| Failure::fault(format!("signals cannot be caught: {err}")))?;
        self.heed(&shutdown);
        Ok(shutdown)
    }

    /// Lets the end of this process show what stopped it.
    pub(super) fn heed(&self, shutdown: &Shutdown) {
        // A command that listens twice hears the same twice.
        let _ = self.stopping.set(shutdown.clone());
    }

    /// Ends the process with a code. After a signal it ends by that signal, once everything is tidied up: shells show
    /// the same code, and a script that calls this in a loop ends with it.
    /// Source: <https://www.cons.org/cracauer/sigint.html>
    pub(super) fn end(&self, code: u8) -> ExitCode {
        let stopping = self.stopping.get();
        // What could not be printed may have been the last of it.
        let is_unwritten = code == 0 && stopping.is_some_and(Shutdown::is_unwritten);
        let code = if is_unwritten { FAULT } else { code };
        let signal = stopping.and_then(Shutdown::signal);
        // The kernel lets the first process of a container ignore what it sends to itself.
        let can_die = !rustix::process::getpid().is_init();
        if let Some(signal) = signal.filter(|signal| code == 128 + signal && can_die) {
            // Nothing is flushed: what was printed was written at once, and a reader may have stopped to read.
            let _ = signal_hook::low_level::emulate_default_handler(signal.into());
        }
        ExitCode::from(code)
    }

    /// Connects to the engine. `setting` is the settings' choice, below `--engine`.
    pub(super) async fn engine(&self, setting: Option<&str>) -> Result<DockerEngine, Failure> {
        let stopping = self.stopping.get().cloned();
        let connected = DockerEngine::connect(&self.surroundings(setting), stopping.clone()).await;
        connected.map_err(
            |err| match stopping.and_then(|stopping| stopping.exit_code()) {
                Some(code) => Failure::new(code, err.to_string()),
                None => err.into(),
            },
        )
    }

    fn surroundings(&self, setting: Option<&str>) -> Surroundings {
        Surroundings {
            wanted: self
                .global
                .engine
                .clone()
                .or_else(|| setting.map(str::to_owned))
                .filter(|name| name != "docker"),
            docker_host: variable("DOCKER_HOST"),
            docker_context: variable("DOCKER_CONTEXT"),
            docker_config: path_variable("DOCKER_CONFIG"),
            cert_path: path_variable("DOCKER_CERT_PATH"),
            tls_verify: variable("DOCKER_TLS_VERIFY").is_some(),
            home: path_variable("HOME"),
            runtime_dir: path_variable("XDG_RUNTIME_DIR"),
        }
    }
}
