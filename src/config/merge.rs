//! Puts the files of `.upsun/` together: three top-level mappings, the later file winning.
//!
//! Source: <https://docs.upsun.com/learn/overview/yaml/yaml-structure.html>

use indexmap::IndexMap;
use std::sync::Arc;

use super::node::{Entry, Node, Value};
use super::problem::Class;
use super::report::Report;
use super::schema::tables::TOP_KEYS;
use super::schema::{self, nearest};

const DOCS: &str = "/learn/overview/yaml/yaml-structure.html";

/// The three top-level mappings of all files.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    pub(crate) applications: Section,
    pub(crate) services: Section,
    pub(crate) routes: Section,
    /// Whether any file has the key `applications`.
    pub(crate) has_applications: bool,
    /// Whether what stands under one of them could not be used: names may be missing for that reason.
    pub(crate) is_partial: bool,
    /// Whether any file holds nothing.
    pub(crate) has_empty: bool,
}

/// The entries of one top-level key by name.
pub(crate) type Section = IndexMap<Arc<str>, Entry>;

impl Merged {
    /// Adds what one file holds.
    pub(crate) fn add(&mut self, root: Node, report: &mut Report) {
        match root.value {
            Value::Map(entries) => {
                if entries.is_empty() {
                    self.empty(root.span.file, report);
                }
                for entry in entries {
                    self.top(entry, report);
                }
            }
            Value::Unknown => self.is_partial = true,
            Value::Null => self.empty(root.span.file, report),
            _ => {
                self.is_partial = true;
                let kind = root.kind();
                let message = format!("the file is {kind}, and it must be a mapping");
                let problem = report.error("U122", Class::Schema, root_span(root.span), message);
                let hint = "begin with `applications:`, `services:` or `routes:`";
                report.add(problem.hint(hint).docs(DOCS));
            }
        }
    }

    fn empty(&mut self, file: u32, report: &mut Report) {
        self.has_empty = true;
        let begin = super::source::Span {
            file,
            ..super::source::Span::default()
        };
        let problem = report.error("U123", Class::Schema, begin, "the file is empty");
        let hint = "each file holds at least one of `applications`, `services`, `routes`";
        report.add(problem.hint(hint).docs(DOCS));
    }

    fn top(&mut self, entry: Entry, report: &mut Report) {
        let (section, noun) = match &*entry.key {
            "applications" => {
                self.has_applications = true;
                (&mut self.applications, "application")
            }
            "services" => (&mut self.services, "service"),
            "routes" => (&mut self.routes, "route"),
            "tasks" => {
                let message = "`tasks` is a preview of Upsun's and is not emulated here";
                report.add(report.warning("U125", Class::Meaning, entry.key_span, message));
                return schema::check_tasks(&entry.value, report);
            }
            _ => {
                // Whatever it was meant to be, it may define what is looked for elsewhere.
                self.is_partial |= matches!(entry.value.value, Value::Map(_));
                return unknown(&entry, report);
            }
        };
        match entry.value.value {
            Value::Map(entries) => {
                for entry in entries {
                    insert(section, entry, noun, report);
                }
            }
            Value::Unknown => self.is_partial = true,
            Value::Null if noun != "application" => {}
            Value::Null => {
                self.is_partial = true;
                let problem = report.error(
                    "U303",
                    Class::Meaning,
                    entry.key_span,
                    "`applications` is empty: there is nothing to deploy",
                );
                report.add(
                    problem
                        .hint("put at least one application below it")
                        .docs(DOCS),
                );
            }
            _ => {
                self.is_partial = true;
                let message = format!(
                    "`{}` is {}, and it must be a mapping",
                    entry.key,
                    entry.value.kind()
                );
                // A list of applications is the older form: it reads well, and Upsun cannot use it.
                let (code, class) = match &entry.value.value {
                    Value::List(_) if noun == "application" => ("U303", Class::Meaning),
                    _ => ("U202", Class::Schema),
                };
                let problem = report.error(code, class, entry.value.span, message);
                let hint = format!("use the name of each {noun} as a key instead");
                report.add(problem.hint(hint).docs(DOCS));
            }
        }
    }
}

fn insert(section: &mut Section, entry: Entry, noun: &str, report: &mut Report) {
    if let Some(earlier) = section.get(&entry.key) {
        let earlier = report.place(earlier.key_span);
        let later = report.place(entry.key_span);
        // In one file this is a duplicate key, which was reported already.
        if earlier.file != later.file {
            let message = format!(
                "the {noun} `{}` is also in {}:{}, and this later file replaces it entirely",
                entry.key, earlier.file, earlier.line
            );
            let problem = report.warning("U126", Class::Meaning, entry.key_span, message);
            let hint = "files are read in the order of their names; keep one of the two";
            report.add(problem.hint(hint).docs(DOCS));
        }
    }
    section.insert(entry.key.clone(), entry);
}

fn unknown(entry: &Entry, report: &mut Report) {
    if report.overflows() {
        return;
    }
    let key = &entry.key;
    let message = format!("unknown top-level key `{key}`");
    let problem = report.error("U121", Class::Schema, entry.key_span, message);
    let near = nearest(key, TOP_KEYS.into_iter());
    let hint = if let Some(near) = near {
        format!("did you mean `{near}`?")
    } else if key.contains("://") {
        "a route belongs under `routes`".to_owned()
    } else if let Some(kind) = entry.value.text_of("type") {
        let name = kind.split([':', '@']).next().unwrap_or_default();
        if super::versions::find(name).is_some_and(|image| image.is_service) {
            format!("a service belongs under `services`: indent `{key}` below `services:`")
        } else {
            format!(
                "an application belongs under `applications`: indent `{key}` below `applications:`"
            )
        }
    } else {
        "the top-level keys are `applications`, `services`, `routes`".to_owned()
    };
    report.add(problem.hint(hint).docs(DOCS));
}

/// The beginning of the file only: a caret under the whole file would not help.
fn root_span(mut span: super::source::Span) -> super::source::Span {
    span.end = span.end.min(span.start + 1);
    span
}
