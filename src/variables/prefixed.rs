//! Variables that somebody sets: by level, and those of them that are no environment variables.

use indexmap::IndexMap;
use serde_json::Value;

use super::{Context, Origin, UserVariable, text_of};

/// A variable that is no environment variable but a key of `PLATFORM_VARIABLES`, such as `php:memory_limit`.
#[derive(Debug, Clone, PartialEq)]
pub struct Prefixed {
    /// Its name with its prefix, if it has one.
    pub name: String,
    /// A string, or any JSON.
    pub value: Value,
    /// Who set it.
    pub origin: Origin,
    /// Whether its value must not be shown.
    pub sensitive: bool,
}

/// Everything that somebody sets for a container: name, variable, who. A later one wins over an earlier one.
pub(super) fn levels(context: &Context<'_>) -> Vec<(String, UserVariable, Origin)> {
    let written = match context.worker {
        Some(worker) => &worker.variables,
        None => &context.app.variables,
    };
    let mut all = Vec::new();
    for (prefix, variables) in written {
        for (name, value) in variables {
            let variable = UserVariable::new(value.clone());
            all.push((format!("{prefix}:{name}"), variable, Origin::Application));
        }
    }
    for (variables, origin) in [
        (context.project_variables, Origin::Project),
        (context.environment_variables, Origin::Environment),
        (context.command_line, Origin::CommandLine),
    ] {
        for (name, variable) in variables {
            if context.phase.sees(variable) {
                all.push((name.clone(), variable.clone(), origin));
            }
        }
    }
    all
}

/// The variables of a container that are no environment variables.
pub fn prefixed(context: &Context<'_>) -> Vec<Prefixed> {
    let mut all = IndexMap::new();
    for (name, variable, origin) in levels(context) {
        if name.starts_with("env:") {
            continue;
        }
        let prefixed = Prefixed {
            name: name.clone(),
            value: variable.value,
            origin,
            sensitive: variable.sensitive,
        };
        all.insert(name, prefixed);
    }
    all.into_values().collect()
}

/// All texts in a value, and the value as text.
pub fn texts(value: &Value) -> Vec<String> {
    let mut texts = Vec::new();
    match value {
        Value::Array(items) => texts.extend(items.iter().flat_map(self::texts)),
        Value::Object(map) => texts.extend(map.values().flat_map(self::texts)),
        Value::Null | Value::Bool(_) => return texts,
        Value::Number(_) | Value::String(_) => {}
    }
    texts.push(text_of(value));
    texts
}
