//! The variables of containers: where each comes from, and which of them must not be shown.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Error, Workspace};
use crate::config::app::{App, Worker};
use crate::images;
use crate::plan::ContainerPlan;
use crate::source::Tree;
use crate::user_variables::{self, UserVariable, UserVariables};
use crate::variables::{self, Origin, Phase, Variable};

impl Workspace {
    /// All variables of a container, by name, each with where it comes from.
    pub fn all_variables(
        &self,
        app: &App,
        worker: Option<&Worker>,
        phase: Phase,
        tree: &str,
        command_line: &UserVariables,
        relationships: &Value,
    ) -> Vec<Variable> {
        let all = variables::variables(&variables::Context {
            tree,
            relationships,
            routes: &self.entrance.payload(),
            ..self.user_context(app, worker, phase, command_line)
        });
        let machine = self
            .machine_variables()
            .into_iter()
            .map(|(name, value)| Variable {
                name,
                value,
                origin: Origin::Machine,
                sensitive: false,
            });
        // A value in the configuration is meant to replace the value of the machine.
        let by_name: BTreeMap<String, Variable> = machine
            .chain(all)
            .map(|variable| (variable.name.clone(), variable))
            .collect();
        by_name.into_values().collect()
    }

    /// What users set for the project and for the environment.
    pub fn user_variables(&self) -> impl Iterator<Item = (&String, &UserVariable)> {
        self.settings
            .variables
            .project
            .iter()
            .chain(&self.environment_variables)
    }

    /// What users set for the environment.
    pub fn environment_variables(&self) -> &UserVariables {
        &self.environment_variables
    }

    /// The inputs of the variables that users set: without relationships, routes and a source tree.
    pub(crate) fn user_context<'a>(
        &'a self,
        app: &'a App,
        worker: Option<&'a Worker>,
        phase: Phase,
        command_line: &'a UserVariables,
    ) -> variables::Context<'a> {
        variables::Context {
            app,
            worker,
            phase,
            project: &self.project.id,
            environment: &self.environment.name,
            environment_type: self.environment_type,
            branch: self.branch(),
            tree: "",
            project_variables: &self.settings.variables.project,
            environment_variables: &self.environment_variables,
            command_line,
            relationships: &Value::Null,
            routes: &Value::Null,
            smtp_host: self.smtp_host(),
        }
    }

    /// The names of the environment variables whose values must not be shown.
    pub fn sensitive_names(&self) -> BTreeSet<String> {
        let sensitive = self
            .user_variables()
            .filter(|(_, variable)| variable.sensitive);
        sensitive
            .map(|(name, _)| {
                // `PLATFORM_VARIABLES` holds all variables, also those that are not environment variables.
                name.strip_prefix("env:")
                    .map_or_else(|| "PLATFORM_VARIABLES".to_owned(), str::to_uppercase)
            })
            .collect()
    }

    /// The variables of one run that differ from the container's, because of `--variable`.
    pub(crate) fn run_variables(
        &self,
        app: &App,
        worker: Option<&str>,
        tree: &Tree,
        command_line: &UserVariables,
        container: &ContainerPlan,
    ) -> BTreeMap<String, String> {
        if command_line.is_empty() {
            return BTreeMap::new();
        }
        let tree_id = tree
            .id(&app.source_root)
            .map(|id| id.to_string())
            .unwrap_or_default();
        let worker = worker.and_then(|name| app.workers.iter().find(|worker| worker.name == name));
        // The container has the variables of relationships already.
        let nothing = json!({});
        let all = self.all_variables(
            app,
            worker,
            Phase::Runtime,
            &tree_id,
            command_line,
            &nothing,
        );
        by_name(all)
            .into_iter()
            .filter(|(name, _)| name != "PLATFORM_RELATIONSHIPS")
            .filter(|(name, value)| container.container.variables.get(name) != Some(value))
            .collect()
    }

    /// `--variable` arguments.
    pub fn parse_variables(&self, texts: &[String]) -> Result<UserVariables, Error> {
        texts
            .iter()
            .map(|text| {
                let (name, variable) = user_variables::parse_assignment(text)
                    .map_err(|err| Error::request(err.to_string()))?;
                if let Some(setting) = name.strip_prefix("php:") {
                    return Err(Error::request(format!(
                        "`{name}` cannot be set for one run: PHP reads its settings from a file of the container"
                    ))
                    .hint(format!(
                        "set it below `variables` in .upsun-local.yaml, or run `php -d {setting}=…`"
                    )));
                }
                Ok((name, variable))
            })
            .collect()
    }

    /// What containers on this machine need besides what Upsun gives them: certificates and a proxy.
    fn machine_variables(&self) -> BTreeMap<String, String> {
        let mut variables: BTreeMap<String, String> = self.proxy.variables().into_iter().collect();
        if self.certificates.is_some() {
            variables.extend(
                images::certificate_variables()
                    .into_iter()
                    .map(|(name, path)| (name.to_owned(), path.to_owned())),
            );
        }
        variables
    }
}

pub(super) fn by_name(variables: Vec<Variable>) -> BTreeMap<String, String> {
    variables
        .into_iter()
        .map(|variable| (variable.name, variable.value))
        .collect()
}
