//! Reads the `configuration` of a service, which Upsun's published schema leaves open.

use serde_json::{Map, Value};

use super::{Error, Inputs};

/// The `configuration` of one service.
pub(super) struct Configuration<'a> {
    inputs: &'a Inputs<'a>,
    map: Option<&'a Map<String, Value>>,
}

impl<'a> Configuration<'a> {
    pub(super) fn of(inputs: &'a Inputs<'a>) -> Result<Configuration<'a>, Error> {
        let map = match inputs.service.raw.get("configuration") {
            None | Some(Value::Null) => None,
            Some(Value::Object(map)) => Some(map),
            Some(_) => return Err(error(inputs, "it has to be a map")),
        };
        Ok(Configuration { inputs, map })
    }

    /// A value that is given.
    pub(super) fn value(&self, key: &str) -> Option<&'a Value> {
        self.map?.get(key).filter(|value| !value.is_null())
    }

    /// A map, such as `endpoints`.
    pub(super) fn map(&self, key: &str) -> Result<Option<&'a Map<String, Value>>, Error> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(_) => Err(self.error(&format!("`{key}` has to be a map"))),
        }
    }

    /// A list of texts, such as `databases`.
    pub(super) fn list(&self, key: &str) -> Result<Option<Vec<String>>, Error> {
        let wrong = || self.error(&format!("`{key}` has to be a list of texts"));
        match self.value(key) {
            None => Ok(None),
            Some(Value::Array(values)) => values
                .iter()
                .map(|value| scalar(value).ok_or_else(wrong))
                .collect::<Result<_, _>>()
                .map(Some),
            Some(_) => Err(wrong()),
        }
    }

    /// A text, a number or a switch, as text.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, Error> {
        self.value(key)
            .map(|value| {
                scalar(value).ok_or_else(|| self.error(&format!("`{key}` has to be a text")))
            })
            .transpose()
    }

    /// A text of letters, digits, `_`, `.` and `-` only: what may stand in a server's own configuration.
    pub(super) fn word(&self, key: &str) -> Result<Option<String>, Error> {
        let text = self.text(key)?;
        match &text {
            Some(text) if !is_word(text) => {
                Err(self.error(&format!("`{key}` cannot be `{}`", text.escape_debug())))
            }
            _ => Ok(text),
        }
    }

    /// Warnings about all keys but these.
    pub(super) fn ignored(&self, known: &[&str]) -> Vec<String> {
        self.map
            .into_iter()
            .flat_map(Map::keys)
            .filter(|key| !known.contains(&key.as_str()))
            .map(|key| self.not_applied(key))
            .collect()
    }

    /// The warning about a part that is not applied.
    pub(super) fn not_applied(&self, part: &str) -> String {
        format!(
            "`services.{}.configuration.{part}` is not applied here",
            self.inputs.service.name
        )
    }

    pub(super) fn error(&self, message: &str) -> Error {
        error(self.inputs, message)
    }
}

fn error(inputs: &Inputs<'_>, message: &str) -> Error {
    Error::Configuration {
        service: inputs.service.name.to_owned(),
        place: format!("{}:{}", inputs.service.file, inputs.service.line),
        message: message.to_owned(),
    }
}

/// A scalar as text.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

pub(super) fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}
