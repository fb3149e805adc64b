//! The tables as a JSON Schema, for editors.
//!
//! The schema says only which keys and values are allowed where. What needs the whole configuration (whether a
//! relationship leads somewhere, whether a version is supported) is for `check`. The schema accepts everything that
//! `check` accepts.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::super::rules;
use super::super::versions;
use super::{Key, Kind, Object, tables};

/// Keys that start with a dot hold anchors, and Upsun passes over them.
const DOTTED: &str = r"^\.([^.]|$)";

/// The schema of a whole configuration, in the draft that editors understand.
pub fn json_schema() -> Json {
    let mut schemas = Schemas::default();
    let applications = schemas.names("application", &tables::APP);
    let services = schemas.names("service", &tables::SERVICE);
    let routes = schemas.names("route", &tables::ROUTE);
    let tasks = schemas.tasks();
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Upsun configuration",
        "description": "A file at the first level of `.upsun/`",
        "type": "object",
        "properties": {
            "applications": applications,
            "services": nullable(&services),
            "routes": nullable(&routes),
            "tasks": tasks,
        },
        "patternProperties": { DOTTED: {} },
        "additionalProperties": false,
        "anyOf": [
            { "required": ["applications"] },
            { "required": ["services"] },
            { "required": ["routes"] },
            { "required": ["tasks"] },
        ],
        "definitions": schemas.definitions,
    })
}

fn nullable(schema: &Json) -> Json {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

/// The objects so far, by name: each is written once, and referred to.
#[derive(Default)]
struct Schemas {
    definitions: BTreeMap<String, Json>,
}

impl Schemas {
    fn of(&mut self, kind: &Kind) -> Json {
        match kind {
            Kind::Any => json!({}),
            Kind::Text => json!({ "type": "string" }),
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::Integer(low, high) => integer(*low, *high),
            Kind::Choice(choices) => json!({ "enum": choices }),
            Kind::List(inner) => json!({ "type": "array", "items": self.of(inner) }),
            Kind::Names(noun, inner) => self.names(noun, inner),
            Kind::Object(object) => self.reference(object),
            Kind::Either(kinds) => {
                let all: Vec<Json> = kinds.iter().map(|kind| self.of(kind)).collect();
                json!({ "anyOf": all })
            }
            Kind::Nullable(inner) => nullable(&self.of(inner)),
        }
    }

    /// A mapping whose keys are names of the user's choice.
    fn names(&mut self, noun: &str, inner: &Kind) -> Json {
        json!({
            "type": "object",
            "description": format!("The name of each {noun}, and what it is"),
            "patternProperties": { DOTTED: {} },
            "additionalProperties": self.of(inner),
        })
    }

    /// Entries of which only some keys are looked at, whatever else they are.
    fn tasks(&mut self) -> Json {
        let keys = &tables::TASK_KEYS;
        let known = keys
            .iter()
            .map(|key| (key.name.to_owned(), self.of(&key.kind)));
        json!({ "additionalProperties": { "properties": known.collect::<Map<_, _>>() } })
    }

    fn reference(&mut self, object: &Object) -> Json {
        let name = name(object);
        if !self.definitions.contains_key(&name) {
            // The place is taken first, so that an object could hold one of its own kind.
            self.definitions.insert(name.clone(), Json::Null);
            let definition = self.object(object);
            self.definitions.insert(name.clone(), definition);
        }
        json!({ "$ref": format!("#/definitions/{name}") })
    }

    fn object(&mut self, object: &Object) -> Json {
        let page = rules::page(object.docs);
        let mut properties = Map::new();
        for key in object.keys {
            properties.insert(key.name.to_owned(), self.property(key, object, &page));
        }
        let required: Vec<&str> = object
            .keys
            .iter()
            .filter(|key| key.required)
            .map(|key| key.name)
            .collect();
        let mut schema = json!({
            "type": "object",
            "description": page,
            "properties": properties,
        });
        if object.closed {
            schema["additionalProperties"] = json!(false);
            schema["patternProperties"] = json!({ DOTTED: {} });
        }
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        if std::ptr::eq(object, &raw const tables::APP_OBJECT) {
            // Which of the two there must be depends on the kind of image.
            schema["anyOf"] = json!([
                { "required": ["type"] },
                { "required": ["stack"] },
                { "required": ["image"], "properties": { "image": { "type": "object" } } },
            ]);
        } else if std::ptr::eq(object, &raw const tables::ROUTE_OBJECT) {
            schema["allOf"] = json!([
                needs("upstream", "upstream", "to"),
                needs("redirect", "to", "upstream"),
                needs("proxy", "to", "upstream"),
            ]);
        }
        schema
    }

    fn property(&mut self, key: &Key, object: &Object, page: &str) -> Json {
        let is_service = std::ptr::eq(object, &raw const tables::SERVICE_OBJECT);
        let is_app = std::ptr::eq(object, &raw const tables::APP_OBJECT);
        let mut schema = if key.name == "type" && (is_service || is_app) {
            types(is_service)
        } else {
            self.of(&key.kind)
        };
        // Next to a reference nothing else counts in this draft.
        if let Some(reference) = schema.get("$ref").cloned() {
            schema = json!({ "allOf": [{ "$ref": reference }] });
        }
        schema["description"] = json!(format!("`{}` of {}: {page}", key.name, object.noun));
        if let Some(instead) = key.deprecated {
            schema["deprecated"] = json!(true);
            schema["deprecationMessage"] = json!(instead);
        }
        schema
    }
}

/// Whole numbers; a bound that no number can reach is none.
fn integer(low: i64, high: i64) -> Json {
    let mut schema = json!({ "type": "integer" });
    if low != i64::MIN {
        schema["minimum"] = json!(low);
    }
    if high != i64::MAX {
        schema["maximum"] = json!(high);
    }
    schema
}

/// Any string; the supported types are listed for completion.
fn types(is_service: bool) -> Json {
    let known: Vec<String> = versions::all(is_service)
        .into_iter()
        .flat_map(|available| {
            let versions = available.supported.iter();
            versions.map(move |version| format!("{}:{version}", available.name))
        })
        .collect();
    json!({ "anyOf": [{ "enum": known }, { "type": "string" }] })
}

/// A route of one type needs one key and cannot have another.
fn needs(kind: &str, needed: &str, other: &str) -> Json {
    json!({
        "if": { "required": ["type"], "properties": { "type": { "const": kind } } },
        "then": { "required": [needed], "not": { "required": [other] } },
    })
}

/// The noun of an object as a name: `an operation's commands` becomes `operation-commands`.
fn name(object: &Object) -> String {
    let noun = object.noun;
    let noun = noun
        .strip_prefix("an ")
        .or_else(|| noun.strip_prefix("a "))
        .unwrap_or(noun);
    noun.replace("'s", "").replace('`', "").replace(' ', "-")
}
