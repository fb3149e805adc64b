//! The published JSON Schema against the reader: what one takes, the other takes too.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use boon::{Compiler, Draft, SchemaIndex, Schemas};
use serde_json::{Value as Json, json};
use upsun_local::config::problem::Class;
use upsun_local::config::{json_schema, resolve};

use crate::corpus::{corpus, table};

/// The schema as a validator that is not ours has read it.
struct Validator {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Validator {
    fn new() -> Self {
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V7);
        compiler.add_resource("upsun.json", json_schema()).unwrap();
        let index = compiler.compile("upsun.json", &mut schemas).unwrap();
        Self { schemas, index }
    }

    fn refusal(&self, document: &Json) -> Option<String> {
        let result = self.schemas.validate(document, self.index);
        result.err().map(|error| format!("{error:#}"))
    }
}

/// To Upsun, an embedded directory is a text.
fn without_archives(value: Json) -> Json {
    match value {
        Json::Object(map) if map.len() == 1 && map.contains_key("!archive") => json!("archive"),
        Json::Object(map) => map
            .into_iter()
            .map(|(key, value)| (key, without_archives(value)))
            .collect(),
        Json::Array(items) => items.into_iter().map(without_archives).collect(),
        value => value,
    }
}

/// Holds the schema's verdict against ours; what is wrong with it, if anything.
fn disagreement(validator: &Validator, folder: &Path) -> Option<String> {
    let (loaded, document) = resolve(folder, &[]);
    let errors = || loaded.problems.iter().filter(|problem| problem.is_error());
    // What could not be read, or stands at the wrong place, is not in the document.
    let is_whole = !errors().any(|problem| {
        problem.class == Class::Yaml || problem.code.starts_with("U1") || problem.code == "U303"
    });
    if !is_whole {
        return None;
    }
    let ours = errors().find(|problem| problem.class == Class::Schema);
    let theirs = validator.refusal(&without_archives(document.to_json()));
    match (ours, theirs) {
        (None, Some(refusal)) => Some(format!("only the schema refuses it: {refusal}")),
        // An entry under the name of a key is recognised by what it lacks: a schema cannot tell that.
        (Some(problem), None) if problem.code != "U207" => {
            Some(format!("only the reader refuses it: {}", problem.message))
        }
        _ => None,
    }
}

fn compare(folders: impl IntoIterator<Item = PathBuf>) {
    let validator = Validator::new();
    let mut wrong = String::new();
    let mut count = 0;
    for folder in folders {
        count += 1;
        if let Some(why) = disagreement(&validator, &folder) {
            let _ = writeln!(wrong, "{}: {why}", folder.display());
        }
    }
    eprintln!("{count} compared");
    assert!(count > 0);
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn it_agrees_with_the_reader_on_every_fixture() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/config");
    let entries = fs::read_dir(root).unwrap();
    compare(entries.map(|entry| entry.unwrap().path()));
}

#[test]
fn it_agrees_with_the_reader_on_every_real_configuration() {
    let Some(corpus) = corpus() else { return };
    let truth = table(&corpus.join("truth.tsv"));
    let broken = table(&corpus.join("broken/expected.tsv"));
    let real = truth.iter().map(|row| corpus.join(&row[0]));
    let broken = broken
        .iter()
        .filter(|row| !row[0].starts_with("gen-"))
        .map(|row| corpus.join("broken").join(&row[0]));
    compare(real.chain(broken));
}

#[test]
fn it_completes_types_and_marks_what_is_out_of_date() {
    let schema = json_schema();
    let app = &schema["definitions"]["application"];
    let types = app["properties"]["type"]["anyOf"][0]["enum"]
        .as_array()
        .unwrap();
    assert!(types.contains(&json!("nodejs:24")), "{types:?}");
    assert!(!types.contains(&json!("postgresql:18")), "{types:?}");
    assert_eq!(app["properties"]["size"]["deprecated"], true);
    assert_eq!(app["properties"]["mounts"].get("deprecated"), None);
}

#[test]
fn what_it_refuses_and_takes_is_told_by_examples() {
    let validator = Validator::new();
    let app = |app: Json| json!({ "applications": { "app": app } });
    let table = [
        (app(json!({ "type": "nodejs:24" })), true),
        (app(json!({ "stack": { "runtimes": ["php@8.4"] } })), true),
        (app(json!({})), false),
        (app(json!({ "type": "nodejs:24", "mount": {} })), false),
        (app(json!({ "type": "nodejs:24", ".anchor": 1 })), true),
        (
            app(
                json!({ "type": "nodejs:24", "crons": { "a": { "spec": "H * * * *", "timeout": 90000 } } }),
            ),
            false,
        ),
        (
            app(json!({ "type": "nodejs:24", "relationships": { "db": null } })),
            true,
        ),
        (json!({ "routes": { "a": { "type": "redirect" } } }), false),
        (
            json!({ "routes": { "a": { "type": "redirect", "to": "b" } } }),
            true,
        ),
        (app(json!({ "image": { "buildfile": "Dockerfile" } })), true),
        (app(json!({ "image": null })), false),
        (
            json!({ "tasks": { "a": { "run": {}, "authorizations": [{ "type": "env", "action": "x" }] } } }),
            true,
        ),
        (
            json!({ "tasks": { "a": { "authorizations": [{ "type": "x", "action": "x" }] } } }),
            false,
        ),
        (json!({ ".only": {} }), false),
        (json!({ "service": {} }), false),
        (json!({ "services": null, "applications": {} }), true),
    ];
    for (document, fits) in table {
        let refusal = validator.refusal(&document);
        assert_eq!(refusal.is_none(), fits, "{document}: {refusal:?}");
    }
}
