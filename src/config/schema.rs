//! Which keys there are and what may stand under them: holds a tree against [`tables`].
//!
//! It knows nothing of what the values mean together; that is for `meaning`.

mod meant;
mod publish;
pub(crate) mod tables;

pub use self::publish::json_schema;
use super::merge::Merged;
use super::node::{Entry, Node, Value};
use super::problem::Class;
use super::report::Report;
use super::source::Span;

/// What may stand somewhere.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Anything.
    Any,
    /// A string.
    Text,
    /// `true` or `false`.
    Bool,
    /// A whole number within bounds.
    Integer(i64, i64),
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// A list of such values.
    List(&'static Kind),
    /// A mapping whose keys are names of the user's choice. The noun says what they name.
    Names(&'static str, &'static Kind),
    /// A mapping with keys of Upsun's choice.
    Object(&'static Object),
    /// Any of these kinds; messages name the first one.
    Either(&'static [Kind]),
    /// A value of this kind, or null.
    Nullable(&'static Kind),
}

/// A mapping with keys of Upsun's choice.
#[derive(Debug)]
pub(crate) struct Object {
    /// What it is, for messages: `an application`.
    pub(crate) noun: &'static str,
    pub(crate) keys: &'static [Key],
    /// Keys that people write there and that are none, with what to write instead.
    pub(crate) mistaken: &'static [(&'static str, &'static str)],
    /// Whether keys that are not known stop a deploy.
    pub(crate) closed: bool,
    /// The page of Upsun's documentation.
    pub(crate) docs: &'static str,
}

/// One key of an [`Object`].
#[derive(Debug)]
pub(crate) struct Key {
    /// The key.
    pub(crate) name: &'static str,
    /// What may stand under it.
    pub(crate) kind: Kind,
    /// Whether it must be there.
    pub(crate) required: bool,
    /// What to write instead, when it is out of date.
    pub(crate) deprecated: Option<&'static str>,
}

/// The object around a value, for places and messages.
#[derive(Clone, Copy)]
pub(crate) struct Owner<'a> {
    key: &'a str,
    span: Span,
    /// Whether the value is one of several in a list under that key.
    is_item: bool,
}

impl<'a> Owner<'a> {
    pub(crate) fn new(entry: &'a Entry) -> Self {
        Self {
            key: &entry.key,
            span: entry.key_span,
            is_item: false,
        }
    }

    /// The description of an item in the list under the key.
    fn item(self, item: &Node) -> Self {
        Self {
            span: item.span,
            is_item: true,
            ..self
        }
    }

    /// The value, for messages.
    fn name(self) -> String {
        if self.is_item {
            format!("an item of `{}`", self.key)
        } else {
            format!("`{}`", self.key)
        }
    }
}

/// Holds every application, service and route against its table.
pub(crate) fn check_all(merged: &Merged, report: &mut Report) {
    for entry in merged.applications.values() {
        if !is_misplaced(entry, report) {
            check(&entry.value, &tables::APP, Owner::new(entry), report);
            image(entry, report);
        }
    }
    for (section, noun, kind) in [
        (&merged.services, "service", &tables::SERVICE),
        (&merged.routes, "route", &tables::ROUTE),
    ] {
        for entry in meant::names(section.values(), noun, kind, report) {
            check(&entry.value, kind, Owner::new(entry), report);
        }
    }
    for entry in merged.routes.values() {
        route(entry, report);
    }
}

/// Holds what is looked at in `tasks` against its table.
pub(crate) fn check_tasks(tasks: &Node, report: &mut Report) {
    for task in tasks.entries() {
        for key in &tables::TASK_KEYS {
            if let Some(entry) = task.value.entry(key.name) {
                check(&entry.value, &key.kind, Owner::new(entry), report);
            }
        }
    }
}

/// A route has what its type needs.
fn route(entry: &Entry, report: &mut Report) {
    let node = &entry.value;
    let (needed, other) = match node.text_of("type") {
        Some("upstream") => ("upstream", "to"),
        Some("redirect" | "proxy") => ("to", "upstream"),
        _ => return,
    };
    let kind = node.text_of("type").unwrap_or_default();
    if node.entry(needed).is_none() {
        let message = format!(
            "the route `{}` of type `{kind}` has no `{needed}`",
            entry.key
        );
        let problem = report.error("U203", Class::Schema, entry.key_span, message);
        let hint = match (needed, node.entry(other)) {
            (_, Some(_)) => format!(
                "`{other}` belongs to another type of route: add `{needed}`, or change `type`"
            ),
            ("to", None) => "say with `to` where it leads".to_owned(),
            _ => "name the application: `upstream: \"app:http\"`".to_owned(),
        };
        report.add(problem.hint(hint).docs(tables::ROUTE_OBJECT.docs));
    } else if let Some(other) = node.entry(other) {
        let message = format!("`{}` does not go with a route of type `{kind}`", other.key);
        let problem = report.error("U201", Class::Schema, other.key_span, message);
        report.add(problem.hint("remove it").docs(tables::ROUTE_OBJECT.docs));
    }
}

/// An "application" that is really a key of one, written too far to the left.
fn is_misplaced(entry: &Entry, report: &mut Report) -> bool {
    let key = &*entry.key;
    let is_key = tables::APP_OBJECT
        .keys
        .iter()
        .any(|known| known.name == key);
    if !is_key || entry.value.get("type").is_some() || entry.value.get("stack").is_some() {
        return false;
    }
    let message = format!("`{key}` stands where the name of an application is expected");
    let problem = report.error("U207", Class::Schema, entry.key_span, message);
    let hint = format!("indent `{key}` below the name of its application");
    report.add(problem.hint(hint).docs(tables::APP_OBJECT.docs));
    true
}

/// An application says what its container is made from.
fn image(entry: &Entry, report: &mut Report) {
    let node = &entry.value;
    if !matches!(node.value, Value::Map(_)) || node.get("type").is_some() {
        return;
    }
    if let Some(stack) = node.entry("stack") {
        let message = format!("`{}` has a `stack` and no `type`", entry.key);
        let problem = report.warning("U208", Class::Schema, stack.key_span, message);
        report.add(problem.hint("write `type: composable:<channel>` next to it"));
    } else if let Some(image) = node.entry("image")
        && matches!(image.value.value, Value::Map(_))
    {
        let message = format!(
            "`{}` is made from an `image`, which is not emulated here",
            entry.key
        );
        let problem = report.warning("U125", Class::Meaning, image.key_span, message);
        report.add(problem.hint("add a `type` to run it here in the image of a runtime"));
    } else if !node
        .entries()
        .iter()
        .any(|entry| nearest(&entry.key, ["type"].into_iter()).is_some())
    {
        let message = format!("`{}` has no `type`", entry.key);
        let problem = report.error("U203", Class::Schema, entry.key_span, message);
        let hint = "an application names its runtime, such as `type: nodejs:24`";
        report.add(problem.hint(hint).docs(tables::APP_OBJECT.docs));
    }
}

/// Reports everything in `node` that does not fit.
pub(crate) fn check(node: &Node, kind: &Kind, owner: Owner<'_>, report: &mut Report) {
    if matches!(node.value, Value::Unknown) {
        return;
    }
    match (kind, &node.value) {
        (Kind::Any, _)
        | (Kind::Nullable(_), Value::Null)
        | (Kind::Text, Value::Text(_) | Value::Archive(_))
        | (Kind::Bool, Value::Bool(_)) => {}
        (Kind::Nullable(kind), _) => check(node, kind, owner, report),
        (Kind::Integer(low, high), Value::Integer(value)) => {
            if value < low || value > high {
                let must = range(*low, *high);
                let message = format!("{} is {value}, and it must be {must}", owner.name());
                report.add(report.error("U205", Class::Schema, node.span, message));
            }
        }
        (Kind::Choice(choices), Value::Text(text)) => {
            if !choices.contains(&&**text) {
                choice(node, text, choices, owner, report);
            }
        }
        (Kind::List(kind), Value::List(items)) => {
            for item in items {
                check(item, kind, owner.item(item), report);
            }
        }
        (Kind::Names(noun, kind), Value::Map(entries)) => {
            for entry in meant::names(entries.iter(), noun, kind, report) {
                check(&entry.value, kind, Owner::new(entry), report);
            }
        }
        (Kind::Object(object), Value::Map(_)) => fields(node, object, owner, report),
        (Kind::Either(kinds), _) => match kinds.iter().find(|kind| fits(node, kind)) {
            Some(kind) => check(node, kind, owner, report),
            None => mismatch(node, kind, owner, report),
        },
        _ => mismatch(node, kind, owner, report),
    }
}

/// Whether the outermost shape is the right one.
fn fits(node: &Node, kind: &Kind) -> bool {
    match (kind, &node.value) {
        (Kind::Any, _)
        | (Kind::Text, Value::Archive(_))
        | (Kind::Text | Kind::Choice(_), Value::Text(_))
        | (Kind::Bool, Value::Bool(_))
        | (Kind::Integer(..), Value::Integer(_))
        | (Kind::List(_), Value::List(_))
        | (Kind::Names(..) | Kind::Object(_), Value::Map(_))
        | (Kind::Nullable(_), Value::Null) => true,
        (Kind::Nullable(kind), _) => fits(node, kind),
        (Kind::Either(kinds), _) => kinds.iter().any(|kind| fits(node, kind)),
        _ => false,
    }
}

/// Keys that are unknown, out of date or missing, and the values under the others.
fn fields(node: &Node, object: &Object, owner: Owner<'_>, report: &mut Report) {
    let mut excused: Vec<&str> = Vec::new();
    for entry in node.entries() {
        match object.keys.iter().find(|key| key.name == &*entry.key) {
            Some(key) => {
                if let Some(instead) = key.deprecated {
                    let message = format!("`{}` is out of date in {}", key.name, object.noun);
                    let problem = report.warning("U206", Class::Schema, entry.key_span, message);
                    report.add(problem.hint(instead).docs(object.docs));
                }
                check(&entry.value, &key.kind, Owner::new(entry), report);
            }
            None => excused.extend(unknown(entry, object, node, report)),
        }
    }
    for key in object.keys.iter().filter(|key| key.required) {
        if node.entry(key.name).is_none() && !excused.contains(&key.name) && !report.overflows() {
            let message = format!("{} has no `{}`", owner.name(), key.name);
            let problem = report.error("U203", Class::Schema, owner.span, message);
            let hint = format!("{} needs `{}`", object.noun, key.name);
            report.add(problem.hint(hint).docs(object.docs));
        }
    }
}

/// Reports a key that is not known. The key that was probably meant is returned, so that it is not
/// reported as missing too.
fn unknown(
    entry: &Entry,
    object: &Object,
    node: &Node,
    report: &mut Report,
) -> Option<&'static str> {
    if report.overflows() {
        return None;
    }
    let mistaken = object
        .mistaken
        .iter()
        .find(|(key, _)| *key == &*entry.key)
        .map(|(_, hint)| *hint);
    let near = nearest(&entry.key, object.keys.iter().map(|key| key.name));
    let meant = mistaken
        .and_then(|hint| {
            object
                .keys
                .iter()
                .find(|key| hint.contains(&format!("`{}", key.name)))
        })
        .map(|key| key.name)
        .or(near)
        .filter(|meant| node.entry(meant).is_none());
    let message = format!("unknown key `{}` in {}", entry.key, object.noun);
    let problem = if object.closed || required(object, meant) {
        report.error("U201", Class::Schema, entry.key_span, message)
    } else {
        report.warning("U201", Class::Schema, entry.key_span, message)
    };
    let hint = match (mistaken, near) {
        (Some(hint), _) => hint.to_owned(),
        (None, Some(near)) => format!("did you mean `{near}`?"),
        (None, None) => meant::home(entry, object).unwrap_or_else(|| {
            let names: Vec<String> = object
                .keys
                .iter()
                .filter(|key| key.deprecated.is_none())
                .map(|key| format!("`{}`", key.name))
                .collect();
            format!("the keys are {}", names.join(", "))
        }),
    };
    report.add(problem.hint(hint).docs(object.docs));
    meant
}

fn required(object: &Object, name: Option<&str>) -> bool {
    object
        .keys
        .iter()
        .any(|key| key.required && Some(key.name) == name)
}

fn choice(
    node: &Node,
    text: &str,
    choices: &[&'static str],
    owner: Owner<'_>,
    report: &mut Report,
) {
    let message = format!("`{text}` is not a value of `{}`", owner.key);
    let problem = report.error("U204", Class::Schema, node.span, message);
    let list: Vec<String> = choices.iter().map(|choice| format!("`{choice}`")).collect();
    let hint = match nearest(text, choices.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? It is one of {}", list.join(", ")),
        None => format!("it is one of {}", list.join(", ")),
    };
    report.add(problem.hint(hint));
}

/// A value of the wrong kind. Where nothing is written, the key is what can be pointed at.
fn mismatch(node: &Node, kind: &Kind, owner: Owner<'_>, report: &mut Report) {
    if report.overflows() {
        return;
    }
    let name = owner.name();
    let problem = if node.is_null() {
        let message = format!("{name} is empty, and it must be {}", describe(kind));
        let problem = report.error("U202", Class::Schema, owner.span, message);
        problem.hint(format!("fill in {name} or remove it"))
    } else {
        let message = format!(
            "{name} is {}, and it must be {}",
            node.kind(),
            describe(kind)
        );
        let problem = report.error("U202", Class::Schema, node.span, message);
        match meant::remedy(node, kind, report) {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    };
    report.add(problem);
}

fn describe(kind: &Kind) -> String {
    match kind {
        Kind::Any => "anything".to_owned(),
        Kind::Text | Kind::Choice(_) => "a string".to_owned(),
        Kind::Bool => "`true` or `false`".to_owned(),
        Kind::Integer(..) => "a whole number".to_owned(),
        Kind::List(_) => "a list".to_owned(),
        Kind::Names(..) | Kind::Object(_) => "a mapping".to_owned(),
        Kind::Nullable(kind) => describe(kind),
        Kind::Either(kinds) => {
            let mut names: Vec<String> = kinds.iter().map(describe).collect();
            names.dedup();
            names.join(" or ")
        }
    }
}

fn range(low: i64, high: i64) -> String {
    match (low, high) {
        (low, i64::MAX) => format!("at least {low}"),
        (i64::MIN, high) => format!("at most {high}"),
        (low, high) => format!("between {low} and {high}"),
    }
}

/// How many names are compared with one that is not known.
const MOST_NAMES: usize = 500;

/// The name that was probably meant, if one is near enough.
pub(crate) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > 64 {
        return None;
    }
    let folded = name.to_lowercase().replace('-', "_");
    names
        .take(MOST_NAMES)
        .map(|candidate| {
            let distance = strsim::osa_distance(&folded, &candidate.to_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).clamp(1, 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests;
