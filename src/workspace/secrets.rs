//! Which values must not be shown.

use super::Workspace;
use crate::config::app::{App, Worker};
use crate::mask::Secrets;
use crate::php_ini;
use crate::user_variables::UserVariables;
use crate::variables::{self, Phase, Prefixed};

impl Workspace {
    /// The values that must never appear in a message.
    pub fn secrets(&self) -> Secrets {
        Secrets::new(self.sensitive_values())
    }

    /// The values that must never appear, and their forms in containers: for the output of scripts.
    pub fn secrets_in_containers(&self) -> Secrets {
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
            // If the value is JSON, the strings in it are as secret as the value.
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
    pub fn prefixed_variables(
        &self,
        app: &App,
        worker: Option<&Worker>,
        phase: Phase,
        command_line: &UserVariables,
    ) -> Vec<Prefixed> {
        variables::prefixed(&self.user_context(app, worker, phase, command_line))
    }
}
