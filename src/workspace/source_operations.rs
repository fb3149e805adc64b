//! The source operations of the apps.

use serde_json::Value;

use crate::config::Config;
use crate::config::app::App;

/// A source operation of an app.
#[derive(Debug, Clone)]
pub struct SourceOperation<'a> {
    pub app: &'a App,
    pub name: String,
    /// Its script.
    pub command: String,
}

/// All source operations, in the order in which they are written.
pub fn source_operations(config: &Config) -> Vec<SourceOperation<'_>> {
    config
        .apps
        .values()
        .flat_map(source_operations_of)
        .collect()
}

pub fn source_operations_of(app: &App) -> Vec<SourceOperation<'_>> {
    let operations = app
        .raw
        .get("source")
        .and_then(|source| source.get("operations"))
        .and_then(Value::as_object);
    operations
        .into_iter()
        .flatten()
        .filter_map(|(name, operation)| {
            let command = operation.get("command")?.as_str()?;
            Some(SourceOperation {
                app,
                name: name.clone(),
                command: command.to_owned(),
            })
        })
        .collect()
}
