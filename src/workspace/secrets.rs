//! Which values must not be shown.

use super::{Error, Workspace};
use crate::config::app::{App, Worker};
use crate::images;
use crate::mask::Secrets;
use crate::php_ini;
use crate::user_variables::UserVariables;
use crate::variables::{self, Phase, Prefixed, Variable};

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

    /// The variables of a container as users see them: credentials of proxies are hidden, and variables with another
    /// prefix than `env:`, which are keys of `PLATFORM_VARIABLES`, come last.
    pub fn listed_variables(
        &self,
        app: &App,
        worker: Option<&Worker>,
        phase: Phase,
        command_line: &UserVariables,
    ) -> Result<Vec<Variable>, Error> {
        let tree = self.scan()?;
        let tree_id = tree.id(&app.source_root);
        let tree_id = tree_id.map(|id| id.to_string()).unwrap_or_default();
        let relationships = self.payloads(app, worker, &self.services(app)?)?;
        let mut all =
            self.all_variables(app, worker, phase, &tree_id, command_line, &relationships);
        let prefixed = self.prefixed_variables(app, worker, phase, command_line);
        all.extend(prefixed.into_iter().map(|variable| Variable {
            value: variables::text_of(&variable.value),
            name: variable.name,
            origin: variable.origin,
            sensitive: variable.sensitive,
        }));
        for variable in &mut all {
            let name = variable.name.to_ascii_lowercase();
            if ["http_proxy", "https_proxy", "all_proxy", "ftp_proxy"].contains(&name.as_str()) {
                variable.value = images::proxy::shown(&variable.value);
            }
        }
        Ok(all)
    }
}
