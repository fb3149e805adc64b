//! What a command gets from its process: options, variables, terminal. Use cases get the variables from here.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};

use super::{ColorChoice, Global, ProgressChoice, diagnostics};
use upsun_local::actions::Actions;
use upsun_local::activity::{Recorded, Recording};
use upsun_local::engine::docker::{DockerEngine, Surroundings};
use upsun_local::event::Events;
use upsun_local::failure::{FAULT, Failure};
use upsun_local::mask::Secrets;
use upsun_local::project::Home;
use upsun_local::reporter;
use upsun_local::reporter::json::Json;
use upsun_local::reporter::masked::Masked;
use upsun_local::reporter::painter::{self, Painter};
use upsun_local::reporter::style::Style;
use upsun_local::reporter::terminal::{Terminal, Verbosity};
use upsun_local::reporter::wrapped::{width_of, wrapped};
use upsun_local::settings::load::OwnFile;
use upsun_local::shutdown::{Shutdown, Urgency};
use upsun_local::text::safe_line;
use upsun_local::workspace::{self, Variables, Workspace};

/// The process: its options, its terminal, its variables.
#[derive(Debug)]
pub(super) struct Context {
    /// The options that every command takes.
    pub global: Global,
    /// Colours on standard error.
    pub style: Style,
    /// Colours on standard output.
    pub out_style: Style,
    /// What opening a workspace needs: the process's variables, and the directory for state.
    pub surroundings: workspace::Surroundings,
    /// The sensitive values that messages must not contain, once the settings are read.
    pub secrets: diagnostics::Known,
    /// Draws what is in progress, in turns with everything else on the terminal.
    painter: Painter,
    /// The request to stop, once signals are caught.
    stopping: OnceLock<Shutdown>,
}

/// A listener to events. The command waits for it at the end.
#[derive(Debug)]
pub(super) struct Listening {
    pub events: Events,
    /// The recording of the activity, if there is one.
    pub recording: Recording,
    ended: Receiver<()>,
    /// The user's request to stop.
    pub shutdown: Shutdown,
}

/// Set by `hook run` for the commands that it runs.
pub(super) const IN_HOOK: &str = "UPSUN_LOCAL_IN_HOOK";

/// How long a blocked reader of standard output may delay the end of a command that the user wants to stop.
const PATIENCE: Duration = Duration::from_secs(2);

/// How to print an activity's events.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hearing {
    /// Whether to print JSON on standard output instead of text.
    pub json: bool,
    /// Whether to hide sensitive values in the output of scripts.
    pub mask: bool,
}

impl Listening {
    /// Waits until everything that has happened so far is printed, so that the terminal is free for a command.
    pub(super) async fn settled(&self) {
        tokio::select! {
            () = self.events.settled() => {}
            () = self.shutdown.reached(Urgency::Leave) => {}
        }
    }

    /// Waits until the listener has printed everything. `spent` is dropped first, as it holds the last senders of
    /// events. After a signal the wait ends after [`PATIENCE`], because the reader of standard output may be blocked.
    pub(super) fn finish<T>(self, spent: T) -> Shutdown {
        drop(spent);
        drop(self.events);
        let mut left = PATIENCE;
        let step = Duration::from_millis(100);
        while let Err(RecvTimeoutError::Timeout) = self.ended.recv_timeout(step) {
            if self.shutdown.urgency() > Urgency::None {
                left = left.saturating_sub(step);
            }
            if left.is_zero() {
                break;
            }
        }
        self.shutdown
    }
}

/// The engine, or why it does not answer.
type Connected = Result<DockerEngine, Failure>;

fn several_engines() -> Failure {
    Failure::usage("this command works on one engine")
        .hint("give `--engine` once; only `test` takes several")
}

/// A style without colours.
pub(super) fn plain_style() -> Style {
    Style { color: false }
}

impl Context {
    /// The context of this process, with a log if the user asked for it.
    pub(super) fn of_process(global: Global) -> Self {
        let context = Context::new(global);
        context.log();
        context
    }

    fn new(global: Global) -> Self {
        let variables = Variables::new(std::env::vars_os());
        let colored = |terminal: bool| {
            let color = match global.color {
                ColorChoice::Always => true,
                ColorChoice::Never => false,
                ColorChoice::Auto => {
                    terminal
                        && variables.get("NO_COLOR").is_none()
                        && variables.get("TERM").as_deref() != Some("dumb")
                }
            };
            Style { color }
        };
        let style = colored(io::stderr().is_terminal());
        let out_style = colored(io::stdout().is_terminal());
        let path = |name: &str| variables.raw(name).map(PathBuf::from);
        let surroundings = workspace::Surroundings {
            home: Home {
                state: path("XDG_STATE_HOME"),
                home: path("HOME"),
            },
            own_settings: OwnFile::of(path("XDG_CONFIG_HOME"), path("HOME")),
            environment: global.environment.clone(),
            environment_type: global.environment_type,
            names_engine: !global.engines.is_empty(),
            variables,
        };
        Context {
            global,
            style,
            out_style,
            surroundings,
            secrets: diagnostics::Known::default(),
            painter: Painter::default(),
            stopping: OnceLock::new(),
        }
    }

    /// Switches on the log, if the user asked for it.
    fn log(&self) {
        let wanted = self.variable(diagnostics::VARIABLE);
        let filter = match wanted.as_deref().map(str::parse::<diagnostics::Filter>) {
            Some(Ok(filter)) => Some(filter),
            Some(Err(word)) => {
                let warning = self.style.warning("warning");
                self.talk(&format!(
                    "{warning}: nothing is logged: `{}` in `{}` is no level\n\n{}: use `off`, `error`, `warn`, `info`, `debug` or `trace`, or one for a module, such as `engine=trace`\n",
                    safe_line(&word),
                    diagnostics::VARIABLE,
                    self.style.hint("hint"),
                ));
                None
            }
            None => diagnostics::Filter::of_verbosity(self.global.verbose),
        };
        if let Some(filter) = filter {
            let (known, painter) = (self.secrets.clone(), self.painter.clone());
            diagnostics::install(&filter, self.style.color, known, painter);
        }
    }

    /// A variable of the process; an empty variable counts as not set.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        self.surroundings.variables.get(name)
    }

    /// The directory with the state of all projects.
    pub(super) fn state_dir(&self) -> Result<PathBuf, Failure> {
        let state = self.surroundings.home.state_dir();
        Ok(state.map_err(|err| Failure::no_state(&err))?.path)
    }

    fn path_variable(&self, name: &str) -> Option<PathBuf> {
        self.surroundings.variables.raw(name).map(PathBuf::from)
    }

    /// Prints text on standard error. On a terminal, lines that are too long are wrapped between two words.
    pub(super) fn talk(&self, text: &str) {
        self.talk_as_it_is(&wrapped(text, width_of(&io::stderr()), 0));
    }

    /// Prints text on standard error that fits the terminal's width already.
    pub(super) fn talk_as_it_is(&self, text: &str) {
        self.painter.talk(text.as_bytes());
    }

    /// Prints a failure as an error message.
    pub(super) fn say(&self, failure: &Failure) {
        self.talk(&failure.text(self.style, self.secrets.get().as_ref()));
    }

    /// Wraps sentences for standard output as `talk` does, with the further lines indented.
    pub(super) fn sentences(&self, text: &str, indent: usize) -> String {
        wrapped(text, width_of(&io::stdout()), indent)
    }

    /// Prints data on standard output. A closed pipe is no error that needs a message.
    pub(super) fn print(&self, text: &str) -> Result<(), Failure> {
        self.print_bytes(text.as_bytes())
    }

    /// Prints data on standard output that need not be text.
    pub(super) fn print_bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let write = || {
            let mut stdout = io::stdout().lock();
            stdout.write_all(bytes).and_then(|()| stdout.flush())
        };
        let written = if io::stdout().is_terminal() {
            self.painter.around(bytes, write)
        } else {
            write()
        };
        written.map_err(|err| Failure::unwritten(&err))
    }

    pub(super) fn verbosity(&self) -> Verbosity {
        match (self.global.quiet, self.global.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, 0) => Verbosity::Normal,
            _ => Verbosity::Verbose,
        }
    }

    /// Whether events are printed as JSON. `--progress json` asks for that as `--format json` does.
    pub(super) fn wants_json(&self, has_format_json: bool) -> bool {
        has_format_json || self.global.progress == ProgressChoice::Json
    }

    /// What draws lines that move, if they are wanted and possible.
    fn moving(&self) -> Option<&Painter> {
        let is_wanted = self.global.progress == ProgressChoice::Auto;
        let term = self.variable("TERM");
        (is_wanted && painter::is_possible(term.as_deref())).then_some(&self.painter)
    }

    /// Starts a listener that prints events as text on standard error, or as JSON on standard output.
    pub(super) fn listen(&self, json: bool, shutdown: &Shutdown) -> Listening {
        let secrets = self.secrets.get().unwrap_or_default();
        self.listen_to(json, secrets, false, shutdown)
    }

    /// Starts a listener. It always hides sensitive values in messages, and with `output` also in the output of
    /// scripts.
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
            let mut terminal = Terminal::new(self.style, self.verbosity(), self.moving());
            if self.variable(IN_HOOK).is_some() {
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

    /// The context of a command that `watch` runs in its own process and stops with `shutdown`.
    pub(super) fn of_turn(&self, global: Global, shutdown: &Shutdown) -> Self {
        let context = self.with_options(global);
        context.heed(shutdown);
        context
    }

    /// The context with other options. It shares the log with this one, and the values that the log hides.
    pub(super) fn with_options(&self, global: Global) -> Self {
        let context = Context {
            secrets: self.secrets.clone(),
            painter: self.painter.clone(),
            ..Context::new(global)
        };
        // The log is installed once for the process.
        if context.global.verbose > self.global.verbose {
            context.log();
        }
        context
    }

    /// The request to stop this command. From the first call on, signals are caught and counted.
    pub(super) fn shutdown(&self) -> Result<Shutdown, Failure> {
        if let Some(shutdown) = self.stopping.get() {
            return Ok(shutdown.clone());
        }
        let shutdown = Shutdown::new();
        shutdown
            .listen()
            .map_err(|err| Failure::fault(format!("signals cannot be caught: {err}")))?;
        self.heed(&shutdown);
        Ok(shutdown)
    }

    /// Remembers the request to stop, so that [`Context::end`] can end the process by the same signal.
    pub(super) fn heed(&self, shutdown: &Shutdown) {
        // If it is set already, a command listens twice, with the same request.
        let _ = self.stopping.set(shutdown.clone());
    }

    /// Ends the process with a code. After a signal the process ends by the same signal, after the cleanup: a shell
    /// then shows the same code, and a script that calls `upsun-local` in a loop ends too.
    /// Source: <https://www.cons.org/cracauer/sigint.html>
    pub(super) fn end(&self, code: u8) -> ExitCode {
        self.painter.close();
        let stopping = self.stopping.get();
        // Output that could not be written makes a success a failure.
        let is_unwritten = code == 0 && stopping.is_some_and(Shutdown::is_unwritten);
        let code = if is_unwritten { FAULT } else { code };
        let signal = stopping.and_then(Shutdown::signal);
        // The kernel lets the first process of a container ignore signals that it sends to itself.
        let can_die = !rustix::process::getpid().is_init();
        if let Some(signal) = signal.filter(|signal| code == 128 + signal && can_die) {
            // There is nothing to flush: all output was written at once. A flush could also block on a reader that
            // does not read.
            let _ = signal_hook::low_level::emulate_default_handler(signal.into());
        }
        ExitCode::from(code)
    }

    /// The actions of a workspace, and the listener to their events.
    pub(super) async fn actions(
        &self,
        workspace: &Arc<Workspace>,
        hearing: Hearing,
    ) -> Result<(Actions<DockerEngine>, Listening), Failure> {
        self.actions_until(workspace, hearing, self.shutdown()?)
            .await
    }

    /// The actions and the listener with a request to stop that exists already.
    pub(super) async fn actions_until(
        &self,
        workspace: &Arc<Workspace>,
        hearing: Hearing,
        shutdown: Shutdown,
    ) -> Result<(Actions<DockerEngine>, Listening), Failure> {
        let engine = self.engine(workspace.settings.engine.as_deref()).await?;
        Ok(self.actions_on(workspace, Arc::new(engine), hearing, shutdown))
    }

    /// The actions and the listener on an engine that is connected already.
    pub(super) fn actions_on(
        &self,
        workspace: &Arc<Workspace>,
        engine: Arc<DockerEngine>,
        hearing: Hearing,
        shutdown: Shutdown,
    ) -> (Actions<DockerEngine>, Listening) {
        let listening = self.listen_masked(workspace, hearing.json, hearing.mask, &shutdown);
        let actions = Actions {
            workspace: Arc::clone(workspace),
            engine,
            events: listening.events.clone(),
            recording: listening.recording.clone(),
            shutdown,
            is_quiet: self.global.quiet,
        };
        (actions, listening)
    }

    /// Connects to the engine. `setting` is the choice of the settings, which `--engine` overrides.
    pub(super) async fn engine(&self, setting: Option<&str>) -> Result<DockerEngine, Failure> {
        match self.global.engines.as_slice() {
            [] => self.engine_of(setting).await,
            [one] => self.engine_of(Some(one)).await,
            _ => Err(several_engines()),
        }
    }

    /// Connects to the engine of an address or of a docker context, or to the one that the `docker` command would use.
    pub(super) async fn engine_of(&self, name: Option<&str>) -> Result<DockerEngine, Failure> {
        let stopping = self.stopping.get().cloned();
        let connected =
            DockerEngine::connect(&self.engine_surroundings(name), stopping.clone()).await;
        connected.map_err(
            |err| match stopping.and_then(|stopping| stopping.exit_code()) {
                Some(code) => Failure::new(code, err.to_string()),
                None => err.into(),
            },
        )
    }

    /// Connects as [`Context::engine`] does, also after this context is gone.
    pub(super) fn connecting(
        &self,
    ) -> Result<impl Fn(Option<String>) -> BoxFuture<'static, Connected> + use<>, Failure> {
        if self.global.engines.len() > 1 {
            return Err(several_engines());
        }
        let named = self.global.engines.first().cloned();
        let usual = self.engine_surroundings(None);
        let stopping = self.stopping.get().cloned();
        Ok(move |setting: Option<String>| {
            let wanted = named.clone().or(setting);
            let surroundings = Surroundings {
                wanted: wanted.filter(|name| name != "docker"),
                ..usual.clone()
            };
            let stopping = stopping.clone();
            let connect = async move { Ok(DockerEngine::connect(&surroundings, stopping).await?) };
            connect.boxed()
        })
    }

    /// The machine of the engine that [`Context::engine`] would try first, unless it is this machine.
    pub(super) fn other_machine(&self, setting: Option<&str>) -> Option<String> {
        let named = self.global.engines.first().map(String::as_str);
        DockerEngine::named_machine(&self.engine_surroundings(named.or(setting)))
    }

    fn engine_surroundings(&self, name: Option<&str>) -> Surroundings {
        Surroundings {
            wanted: name.map(str::to_owned).filter(|name| name != "docker"),
            docker_host: self.variable("DOCKER_HOST"),

            docker_context: self.variable("DOCKER_CONTEXT"),
            docker_config: self.path_variable("DOCKER_CONFIG"),
            cert_path: self.path_variable("DOCKER_CERT_PATH"),
            tls: self.variable("DOCKER_TLS").is_some(),
            tls_verify: self.variable("DOCKER_TLS_VERIFY").is_some(),
            home: self.path_variable("HOME"),
            runtime_dir: self.path_variable("XDG_RUNTIME_DIR"),
            temporary_dir: self.path_variable("TMPDIR"),
        }
    }
}
