//! Where two values differ, as paths of keys.

use serde::Serialize;
use serde_json::{Map, Value};

/// How something differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// The key is new.
    Added,
    /// The key is removed.
    Removed,
    /// The value changed.
    Changed,
}

/// A key whose value differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The keys that lead to it, outermost first.
    pub keys: Vec<String>,
    /// How it differs.
    pub change: Change,
}

impl Difference {
    /// Its path, with dots in between: `hooks.build`, `variables.env.MODE`.
    pub fn path(&self) -> String {
        self.keys.join(".")
    }

    /// The mapping that has nothing but this key of another one.
    pub fn alone(&self, whole: &Value) -> Option<Value> {
        let value = self
            .keys
            .iter()
            .try_fold(whole, |value, key| value.get(key))?;
        Some(self.keys.iter().rfold(value.clone(), |inner, key| {
            Value::Object(Map::from_iter([(key.clone(), inner)]))
        }))
    }
}

/// The keys whose values differ, each as deep as both sides have it. If only one side has a section at the top, the
/// keys inside it are listed. Lists differ as a whole: their order counts.
pub fn differences(before: &Value, now: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(&mut Vec::new(), before, now, &mut found);
    found
}

fn compare(at: &mut Vec<String>, before: &Value, now: &Value, found: &mut Vec<Difference>) {
    let (Value::Object(old), Value::Object(new)) = (before, now) else {
        if before != now {
            found.push(Difference {
                keys: at.clone(),
                change: Change::Changed,
            });
        }
        return;
    };
    let is_top = at.is_empty();
    let is_section =
        |value: &Value| is_top && value.as_object().is_some_and(|section| !section.is_empty());
    let nothing = Value::Object(Map::new());
    let gone = old.keys().filter(|key| !new.contains_key(*key));
    for key in new.keys().chain(gone) {
        at.push(key.clone());
        match (old.get(key), new.get(key)) {
            (Some(earlier), Some(value)) => compare(at, earlier, value, found),
            (Some(earlier), None) if is_section(earlier) => compare(at, earlier, &nothing, found),
            (None, Some(value)) if is_section(value) => compare(at, &nothing, value, found),
            (earlier, _) => found.push(Difference {
                keys: at.clone(),
                change: if earlier.is_some() {
                    Change::Removed
                } else {
                    Change::Added
                },
            }),
        }
        at.pop();
    }
}

/// An entry of a mapping that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    pub name: String,
    /// How it differs.
    pub change: Change,
    /// The keys below it that differ, when it is there on both sides.
    pub keys: Vec<String>,
}

/// The entries of two mappings that differ. What is no mapping has no entries.
pub fn entries(before: Option<&Value>, now: Option<&Value>) -> Vec<Entry> {
    let empty = Map::new();
    let old = before.and_then(Value::as_object).unwrap_or(&empty);
    let new = now.and_then(Value::as_object).unwrap_or(&empty);
    let entry = |name: &String, change, keys| Entry {
        name: name.clone(),
        change,
        keys,
    };
    let mut found = Vec::new();
    for (name, value) in new {
        let Some(earlier) = old.get(name) else {
            found.push(entry(name, Change::Added, Vec::new()));
            continue;
        };
        if earlier != value {
            let keys = differences(earlier, value);
            let keys = keys.iter().map(Difference::path).collect();
            found.push(entry(name, Change::Changed, keys));
        }
    }
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    found.extend(gone.map(|name| entry(name, Change::Removed, Vec::new())));
    found
}
