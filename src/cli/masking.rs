//! Which values must not be shown, and where they are hidden.

use super::context::{Context, Listening};
use super::failure::Failure;
use super::workspace::Workspace;
use crate::config::app::{App, Worker};
use crate::mask::{Masker, Secrets};
use crate::output::Output;
use crate::php_ini;
use crate::shutdown::Shutdown;
use crate::user_variables::UserVariables;
use crate::variables::{self, Phase, Prefixed};

impl Workspace {
    /// The values that must never stand in our own words.
    pub(super) fn secrets(&self) -> Secrets {
        Secrets::new(self.sensitive_values())
    }

    /// The same, and what they come to in containers: for what scripts print.
    pub(super) fn secrets_in_containers(&self) -> Secrets {
        let mut all = self.sensitive_values();
        let nothing = UserVariables::new();
        for app in self.config.apps.values() {
            let containers = std::iter::once(None).chain(app.workers.iter().map(Some));
            for worker in containers {
                for phase in [Phase::Build, Phase::Runtime] {
                    let context = self.user_context(app, worker, phase, &nothing);
                    let sensitive = variables::variables(&context)
                        .into_iter()
                        .filter(|variable| variable.sensitive);
                    all.extend(sensitive.map(|variable| (variable.name, variable.value)));
                }
            }
        }
        Secrets::new(all)
    }

    fn sensitive_values(&self) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = Vec::new();
        let of_proxy = self.proxy.secrets().into_iter();
        all.extend(of_proxy.map(|secret| ("proxy".to_owned(), secret)));
        let of_tests = self.settings.tests.values();
        let of_tests = of_tests.flat_map(|test| &test.variables);
        for (name, variable) in self.user_variables().chain(of_tests) {
            if !variable.sensitive {
                continue;
            }
            // Where the whole is JSON, the texts in it tell as much.
            for text in variables::texts(&variable.value) {
                if name.starts_with("php:") {
                    all.push((name.clone(), php_ini::value(&text.clone().into())));
                }
                all.push((name.clone(), text));
            }
        }
        all
    }

    /// Variables that are no environment variables, such as `php:memory_limit`.
    pub(super) fn prefixed_variables(
        &self,
        app: &App,
        worker: Option<&Worker>,
        phase: Phase,
        command_line: &UserVariables,
    ) -> Vec<Prefixed> {
        variables::prefixed(&self.user_context(app, worker, phase, command_line))
    }
}

impl Context {
    /// Starts listening to events. With `mask`, sensitive values are hidden in what scripts print too.
    pub(super) fn listen_masked(
        &self,
        workspace: &Workspace,
        json: bool,
        mask: bool,
        shutdown: &Shutdown,
    ) -> Listening {
        if !mask {
            return self.listen(json, shutdown);
        }
        let secrets = workspace.secrets_in_containers();
        self.tell_short(&secrets);
        self.listen_to(json, secrets, true, shutdown)
    }

    /// Maskers for the two streams of a command, where they are wanted.
    pub(super) fn maskers(&self, workspace: &Workspace, mask: bool) -> Maskers {
        if !mask {
            return Maskers(None);
        }
        let secrets = workspace.secrets_in_containers();
        self.tell_short(&secrets);
        Maskers(Some([secrets.masker(), secrets.masker()]))
    }

    fn tell_short(&self, secrets: &Secrets) {
        for name in secrets.short() {
            self.talk(&format!(
                "{}: the value of `{name}` is not masked: it has fewer than 4 characters\n",
                self.style.warning("warning")
            ));
        }
    }
}

/// Hides sensitive values in both streams of a command, or in none.
#[derive(Debug)]
pub(super) struct Maskers(Option<[Masker; 2]>);

impl Maskers {
    /// What can be shown after one more piece.
    pub(super) fn push(&mut self, piece: Output) -> Output {
        match (&mut self.0, piece) {
            (None, piece) => piece,
            (Some([out, _]), Output::Stdout(bytes)) => Output::Stdout(out.push(&bytes).into()),
            (Some([_, err]), Output::Stderr(bytes)) => Output::Stderr(err.push(&bytes).into()),
        }
    }

    /// Writes what was held; nothing more comes.
    pub(super) fn finish(
        &mut self,
        write: impl Fn(&Output) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Some([out, err]) = &mut self.0 else {
            return Ok(());
        };
        for held in [
            Output::Stdout(out.finish().into()),
            Output::Stderr(err.finish().into()),
        ] {
            if !held.bytes().is_empty() {
                write(&held)?;
            }
        }
        Ok(())
    }
}
