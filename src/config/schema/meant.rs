//! What a person probably wanted to write, where something else stands.

use std::ptr;

use super::super::node::{Entry, Node, Value};
use super::super::problem::Class;
use super::super::report::Report;
use super::super::scalar;
use super::{Kind, Object, fits, tables};

/// How to mend a value of the wrong kind.
pub(super) fn remedy(node: &Node, kind: &Kind, report: &Report) -> Option<String> {
    let written = report.sources.text(node.span);
    let short = written.len() <= 60 && !written.contains('\n');
    match (kind, &node.value) {
        (Kind::Text | Kind::Choice(_), Value::Integer(_) | Value::Float(_) | Value::Bool(_)) => {
            Some(format!("put it in quotes: \"{written}\""))
        }
        (Kind::Text | Kind::Choice(_), Value::List(_)) => {
            Some("write one string; for several commands use a block with `|`".to_owned())
        }
        (Kind::Integer(..) | Kind::Bool, Value::Text(text)) => {
            let plain = scalar::resolve(text);
            let becomes = Node {
                value: plain,
                span: node.span,
            };
            fits(&becomes, kind).then(|| format!("write it without quotes: {text}"))
        }
        (Kind::Object(object), Value::Text(text)) if has(object, "start") => Some(if short {
            format!("put the command under `start`: `start: {text}`")
        } else {
            "put the script under `start`: write `start: |`, and indent the script below it"
                .to_owned()
        }),
        (Kind::Object(object), Value::List(_)) if has(object, "start") => Some(
            "put the commands under `start`: write `start: |`, and below it one command a line"
                .to_owned(),
        ),
        (Kind::Object(object), Value::Text(text)) if is_unspaced(object, text) => {
            let (key, value) = text.split_once(':')?;
            Some(format!("write a space after the colon: `{key}: {value}`"))
        }
        (Kind::Object(object), Value::Text(text)) if object.noun == "a mount" => {
            Some(match text.strip_prefix("shared:files/") {
                Some(path) => format!(
                    "`shared:files/…` is the older form: write `source: storage` and `source_path: {path}`"
                ),
                None => "write `source: storage` and `source_path`".to_owned(),
            })
        }
        (Kind::Object(object), Value::Text(_)) if has(object, "commands") => {
            Some("write `commands:` with `start:` below it, and the command there".to_owned())
        }
        (Kind::Names(noun, _), Value::List(_)) => Some(format!(
            "use the name of each {noun} as a key instead of a list"
        )),
        (Kind::Object(_), Value::List(_)) => {
            Some("write keys and values instead of a list: remove the hyphens".to_owned())
        }
        _ => None,
    }
}

/// Whether a text is a key of the object, a colon and a value without a space in between.
fn is_unspaced(object: &Object, text: &str) -> bool {
    text.split_once(':')
        .is_some_and(|(key, value)| has(object, key) && value.len() < 60 && !value.contains('\n'))
}

fn has(object: &Object, name: &str) -> bool {
    object.keys.iter().any(|key| key.name == name)
}

/// Tells the entries of a mapping of names that are no names, as a level is missing above them, from the rest.
/// The first are reported.
pub(super) fn names<'a>(
    entries: impl Iterator<Item = &'a Entry>,
    noun: &str,
    kind: &Kind,
    report: &mut Report,
) -> Vec<&'a Entry> {
    let (nameless, names): (Vec<&Entry>, Vec<&Entry>) = entries.partition(|entry| match kind {
        Kind::Object(object) => is_key_of(entry, object),
        Kind::Names(..) => levels(noun)
            .is_some_and(|(known, _)| is_plain(&entry.value) && !known.contains(&&*entry.key)),
        _ => false,
    });
    if let Some(first) = nameless.first() {
        missing_name(first, noun, report);
    }
    names
}

/// The names that stand at a level where Upsun chose them, and the first that is meant.
fn levels(noun: &str) -> Option<(&'static [&'static str], &'static str)> {
    match noun {
        "prefix" => Some((&["env", "php"], "env")),
        "language" => Some((
            &["nodejs", "php", "python", "python2", "python3", "ruby"],
            "nodejs",
        )),
        _ => None,
    }
}

fn is_plain(node: &Node) -> bool {
    matches!(
        node.value,
        Value::Text(_) | Value::Integer(_) | Value::Float(_) | Value::Bool(_)
    )
}

/// Whether an entry is a key of what should stand below a name, and can be nothing else.
fn is_key_of(entry: &Entry, object: &Object) -> bool {
    let Some(key) = object.keys.iter().find(|key| key.name == &*entry.key) else {
        return false;
    };
    match (&entry.value.value, &key.kind) {
        (Value::Map(inner), Kind::Object(below)) => {
            !inner.is_empty()
                && inner
                    .iter()
                    .all(|entry| has(below, &entry.key) && !has(object, &entry.key))
        }
        (Value::Map(_) | Value::Null | Value::Unknown, _) => false,
        _ => fits(&entry.value, &key.kind),
    }
}

/// Reports that a level is missing above an entry and those beside it.
fn missing_name(first: &Entry, noun: &str, report: &mut Report) {
    if report.overflows() {
        return;
    }
    let key = &first.key;
    let message = format!("`{key}` stands where the {} is expected", of(noun));
    let problem = report.error("U207", Class::Schema, first.key_span, message);
    let (what, example) = match levels(noun) {
        Some((_, example)) => ("level", example),
        None => ("name", example(noun)),
    };
    let hint =
        format!("put a {what} in between, such as `{example}:`, and indent `{key}` below it");
    report.add(problem.hint(hint));
}

fn of(noun: &str) -> String {
    match noun {
        "prefix" => "prefix of variables".to_owned(),
        "language" => "language of dependencies".to_owned(),
        _ if noun.starts_with(['a', 'o']) => format!("name of an {noun}"),
        _ => format!("name of a {noun}"),
    }
}

fn example(noun: &str) -> &'static str {
    match noun {
        "cron" => "nightly",
        "location" => "\"/\"",
        "mount" => "\"/files\"",
        "path" => "\"/old\"",
        "route" => "\"https://{default}/\"",
        "rule" => "'\\.css$'",
        "service" => "database",
        "worker" => "queue",
        "build cache" => "packages",
        _ => "refresh",
    }
}

/// Where a key that is unknown here does belong, told by what stands below it or by its name.
pub(super) fn home(entry: &Entry, object: &Object) -> Option<String> {
    let key = &entry.key;
    let is_app = ptr::eq(object, &raw const tables::APP_OBJECT);
    if is_operation(&entry.value) {
        return Some(format!(
            "a runtime operation belongs under `operations` of the application: `operations:`, and below it `{key}:`"
        ));
    }
    if is_cron(&entry.value) {
        return Some(format!(
            "a cron belongs under `crons` of the application: `crons:`, and below it `{key}:`"
        ));
    }
    if !is_app && has(&tables::APP_OBJECT, key) {
        return Some(format!(
            "`{key}` is a key of the application, not of {}: move it to the left",
            object.noun
        ));
    }
    None
}

fn is_operation(node: &Node) -> bool {
    let commands = node.get("commands");
    node.get("spec").is_none() && commands.is_some_and(|commands| commands.get("start").is_some())
}

fn is_cron(node: &Node) -> bool {
    node.get("spec").is_some_and(|spec| spec.text().is_some())
        && (node.get("commands").is_some() || node.get("cmd").is_some())
}
