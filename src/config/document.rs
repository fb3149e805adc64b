//! The merged configuration as data: what every file says together, with includes read, and anchors and
//! merge keys written out.
//!
//! It is what was written, in the order in which it was written; nothing is added to it.

use serde_yaml::value::{Tag, TaggedValue};
use serde_yaml::{Mapping, Value as Yaml};

use super::merge::{Merged, Section};
use super::node::{Node, Value};
use crate::text::is_harmful;

/// A part of the configuration, or the whole of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Document(Yaml);

impl From<serde_json::Value> for Document {
    fn from(value: serde_json::Value) -> Self {
        Self(serde_yaml::to_value(value).unwrap_or_default())
    }
}

impl Document {
    /// The whole configuration, without sections that no file has.
    pub(crate) fn of(merged: &Merged) -> Self {
        let sections = [
            ("applications", &merged.applications),
            ("services", &merged.services),
            ("routes", &merged.routes),
        ];
        let whole: Mapping = sections
            .into_iter()
            .filter(|(name, section)| {
                !section.is_empty() || *name == "applications" && merged.has_applications
            })
            .map(|(name, entries)| (name.into(), section(entries)))
            .collect();
        Self(Yaml::Mapping(whole))
    }

    /// The part under a path of keys with dots in between: `hooks.build`, `crons.tidy.spec`. Keys may hold
    /// dots themselves, and items of lists are numbered from 0.
    pub fn get(&self, path: &str) -> Option<Document> {
        find(&self.0, path).cloned().map(Document)
    }

    /// The value under a key, which may hold dots.
    pub fn entry(&self, key: &str) -> Option<Document> {
        self.0.get(key).cloned().map(Document)
    }

    /// The keys, if it is a mapping.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let map = self.0.as_mapping();
        map.into_iter()
            .flatten()
            .filter_map(|(key, _)| key.as_str())
    }

    /// The document as YAML, which reads back as the same document. `!archive` stays a tag.
    pub fn yaml(&self) -> String {
        serde_yaml::to_string(&self.0).unwrap_or_default()
    }

    /// The document as JSON, indented by two spaces. `!archive x` becomes `{"!archive": "x"}`.
    pub fn json(&self) -> String {
        let text = crate::json::pretty(&self.0);
        escape(&text) + "\n"
    }

    /// The text itself, if it is one that a terminal can show as it is.
    pub fn plain(&self) -> Option<&str> {
        let text = self.0.as_str()?;
        let harms = |char| is_harmful(char) && !matches!(char, '\n' | '\t');
        (!text.contains(harms)).then_some(text)
    }

    /// As a JSON value.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(&self.0).unwrap_or_default()
    }
}

/// JSON text in which no string holds a character that does harm: `serde_json` leaves some as they are.
pub(crate) fn escape(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for char in json.chars() {
        if char != '\n' && is_harmful(char) {
            // Four digits are enough for all of these characters.
            escaped.push_str(&format!("\\u{:04x}", u32::from(char)));
        } else {
            escaped.push(char);
        }
    }
    escaped
}

fn section(entries: &Section) -> Yaml {
    let entries = entries.values();
    entries
        .map(|entry| (Yaml::from(&*entry.key), convert(&entry.value)))
        .collect::<Mapping>()
        .into()
}

fn convert(node: &Node) -> Yaml {
    match &node.value {
        Value::Null | Value::Unknown | Value::Tagged(..) => Yaml::Null,
        Value::Bool(value) => Yaml::from(*value),
        Value::Integer(value) => Yaml::from(*value),
        Value::Float(value) => Yaml::from(*value),
        Value::Text(text) => Yaml::from(&**text),
        Value::Archive(path) => Yaml::Tagged(Box::new(TaggedValue {
            tag: Tag::new("archive"),
            value: Yaml::from(&**path),
        })),
        Value::List(items) => items.iter().map(convert).collect::<Vec<_>>().into(),
        Value::Map(entries) => entries
            .iter()
            .map(|entry| (Yaml::from(&*entry.key), convert(&entry.value)))
            .collect::<Mapping>()
            .into(),
    }
}

/// Since keys may hold dots, the longest key that leads on is taken first.
fn find<'a>(value: &'a Yaml, path: &str) -> Option<&'a Yaml> {
    if path.is_empty() {
        return Some(value);
    }
    let ends = path.rmatch_indices('.').map(|(at, _)| at);
    std::iter::once(path.len()).chain(ends).find_map(|end| {
        let rest = path.get(end + 1..).unwrap_or_default();
        let inner = match value {
            Yaml::Mapping(map) => map.get(&path[..end]),
            Yaml::Sequence(items) => path[..end].parse().ok().and_then(|at: usize| items.get(at)),
            _ => None,
        };
        find(inner?, rest)
    })
}
