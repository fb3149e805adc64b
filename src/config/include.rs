//! Carries out what stands between the text and its meaning: `!include`, `!archive`, merge keys, and
//! Upsun's rule that keys which start with a dot do not count.
//!
//! Source: <https://docs.upsun.com/learn/overview/yaml/platform-yaml-tags.html>

mod find;
mod flatten;

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;

use super::files::{Kind, ReadError};
use super::node::{Node, Tag, Value};
use super::problem::Class;
use super::report::Report;
use super::source::{Repository, Span, join};
use super::yaml::{self, Budget, MAX_DEPTH};

const DOCS: &str = "/learn/overview/yaml/platform-yaml-tags.html";
/// How many files may include each other in a row.
const MAX_INCLUDES: usize = 16;
const TYPES: [&str; 3] = ["string", "binary", "yaml"];

/// Reads and resolves the files of one configuration.
pub(crate) struct Reader<'a> {
    /// Where files may be read from.
    pub(crate) repository: &'a Repository,
    /// What was read, and what is wrong with it.
    pub(crate) report: &'a mut Report,
    budget: Budget,
    opened: HashMap<String, u32>,
    /// The files that are being included, outermost first, and the outermost tag.
    stack: Vec<String>,
    outermost: Span,
}

/// Where a value stands, as far as includes need to know.
#[derive(Debug, Clone, Copy, Default)]
struct Context<'c> {
    /// `source.root` of the app around it.
    source_root: &'c str,
    /// The folder of the file that it stands in.
    folder: &'c str,
    depth: usize,
    /// Whether its keys are mounts: a dot there has a remedy of its own.
    in_mounts: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(repository: &'a Repository, report: &'a mut Report) -> Self {
        Self {
            repository,
            report,
            budget: Budget::default(),
            opened: HashMap::new(),
            stack: Vec::new(),
            outermost: Span::default(),
        }
    }

    /// Parses a first-level file that was read already and resolves everything in it.
    pub(crate) fn document(&mut self, file: u32) -> Option<Node> {
        let mut root = yaml::parse(file, self.report, &mut self.budget)?;
        let context = Context {
            folder: ".upsun",
            ..Context::default()
        };
        self.stack = vec![self.report.sources.file(file).path.clone()];
        self.unwrap(&mut root, context);
        let Value::Map(entries) = &mut root.value else {
            return Some(root);
        };
        for entry in entries.iter_mut() {
            if &*entry.key == "applications" {
                self.applications(&mut entry.value, context);
            } else {
                self.resolve(&mut entry.value, context);
            }
        }
        self.flatten(&mut root, context, true);
        Some(root)
    }

    /// An app's own `source.root` is the first place where its includes are looked for.
    fn applications(&mut self, node: &mut Node, context: Context<'_>) {
        self.unwrap(node, context);
        let Value::Map(entries) = &mut node.value else {
            return self.resolve(node, context);
        };
        for entry in entries.iter_mut() {
            self.unwrap(&mut entry.value, context);
            let root = source_root(&entry.value).unwrap_or_default().to_owned();
            let root = join("", root.trim_matches('/')).unwrap_or_default();
            let context = Context {
                source_root: &root,
                depth: 2,
                ..context
            };
            self.resolve(&mut entry.value, context);
        }
        self.flatten(node, context, false);
    }

    fn resolve(&mut self, node: &mut Node, context: Context<'_>) {
        if context.depth > MAX_DEPTH {
            let problem = self.report.error(
                "U105",
                Class::Yaml,
                node.span,
                format!(
                    "with its includes written out this is nested more than {MAX_DEPTH} levels deep"
                ),
            );
            self.report.add(problem);
            node.value = Value::Unknown;
            return;
        }
        if let Value::Tagged(..) = node.value {
            self.carry_out(node, context);
            return;
        }
        let inner = Context {
            depth: context.depth + 1,
            in_mounts: false,
            ..context
        };
        match &mut node.value {
            Value::List(items) => {
                for item in items {
                    if matches!(
                        item.value,
                        Value::List(_) | Value::Map(_) | Value::Tagged(..)
                    ) {
                        self.resolve(item, inner);
                    }
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    if matches!(
                        entry.value.value,
                        Value::List(_) | Value::Map(_) | Value::Tagged(..)
                    ) {
                        let inner = Context {
                            in_mounts: &*entry.key == "mounts",
                            ..inner
                        };
                        self.resolve(&mut entry.value, inner);
                    }
                }
                self.flatten(node, context, false);
            }
            _ => {}
        }
    }

    /// Carries out the tag of the node itself, so that its entries can be looked at.
    fn unwrap(&mut self, node: &mut Node, context: Context<'_>) {
        if let Value::Tagged(..) = node.value {
            self.carry_out(node, context);
        }
    }

    fn carry_out(&mut self, node: &mut Node, context: Context<'_>) {
        let taken = std::mem::replace(&mut node.value, Value::Unknown);
        let Value::Tagged(tag, inner) = taken else {
            return;
        };
        if self.stack.len() == 1 {
            self.outermost = node.span;
        }
        let result = match tag {
            Tag::Include => self.include(&inner, node.span, context),
            Tag::Archive => self.archive(&inner, node.span, context),
        };
        if let Some(result) = result {
            *node = result;
        }
    }

    fn archive(&mut self, inner: &Node, span: Span, context: Context<'_>) -> Option<Node> {
        let Some(path) = inner.text() else {
            let message = "`!archive` takes the path of a directory";
            let problem = self
                .report
                .error("U112", Class::Yaml, span, message)
                .docs(DOCS);
            self.report.add(problem);
            return None;
        };
        let found =
            self.find(
                path,
                span,
                context,
                "archive",
                |repository, candidate| match repository.kind(candidate)? {
                    Kind::Directory => Ok(()),
                    Kind::File | Kind::Other => Err(ReadError::NoDirectory),
                },
            );
        found.map(|_| Node {
            value: Value::Archive(Arc::from(path)),
            span,
        })
    }

    fn include(&mut self, inner: &Node, span: Span, context: Context<'_>) -> Option<Node> {
        let (kind, path) = self.include_form(inner, span)?;
        if kind == "yaml"
            && let Some(file) = self.opened_here(&path, context)
        {
            return self.include_yaml(file, context);
        }
        let (name, bytes) =
            self.find(&path, span, context, "include", |repository, candidate| {
                repository.read(candidate)
            })?;
        if !self.budget.take(bytes.len()) {
            let message = "the included files together are too large";
            let problem = self.report.error("U106", Class::Yaml, span, message);
            self.report.add(problem);
            return None;
        }
        if kind == "binary" {
            let text = base64::engine::general_purpose::STANDARD.encode(bytes);
            return Some(Node {
                value: Value::Text(Arc::from(text)),
                span,
            });
        }
        if kind == "string" && bytes.contains(&0) {
            let message = format!("`{name}` holds a NUL byte, which no value can hold");
            let problem = self.report.error("U102", Class::Yaml, span, message);
            let hint = "include it with `type: binary`, which encodes it as base64";
            self.report.add(problem.hint(hint));
            return None;
        }
        let file = self.add(name.clone(), bytes)?;
        if kind == "string" {
            return Some(Node {
                value: Value::Text(self.report.sources.file(file).text.clone()),
                span,
            });
        }
        self.opened.insert(name, file);
        self.include_yaml(file, context)
    }

    fn opened_here(&mut self, path: &str, context: Context<'_>) -> Option<u32> {
        let name = join(context.source_root, path)?;
        let file = *self.opened.get(&name)?;
        let length = self.report.sources.file(file).text.len();
        self.budget.take(length).then_some(file)
    }

    fn include_yaml(&mut self, file: u32, context: Context<'_>) -> Option<Node> {
        let name = self.report.sources.file(file).path.clone();
        if self.stack.len() > MAX_INCLUDES {
            let message = format!("more than {MAX_INCLUDES} files include each other in a row");
            let problem = self
                .report
                .error("U105", Class::Yaml, self.outermost, message)
                .hint("let the first of them include the others itself")
                .docs(DOCS);
            self.report.add(problem);
            return None;
        }
        if self.stack.contains(&name) {
            // The file of `.upsun` itself goes without saying, unless it is the one that is included.
            let begin = usize::from(self.stack.len() > 1);
            let chain = self.stack[begin..].join("`, `");
            let problem = self
                .report
                .error(
                    "U115",
                    Class::Yaml,
                    self.outermost,
                    format!("these includes form a cycle: `{chain}` includes `{name}` again"),
                )
                .hint("a file cannot include itself, not even through another file")
                .docs(DOCS);
            self.report.add(problem);
            return None;
        }
        self.stack.push(name.clone());
        let context = Context {
            folder: name.rsplit_once('/').map_or("", |(folder, _)| folder),
            ..context
        };
        let mut node = yaml::parse(file, self.report, &mut self.budget);
        if let Some(node) = &mut node {
            self.resolve(node, context);
        }
        self.stack.pop();
        node
    }

    /// `!include path` or `!include {type: …, path: …}`.
    fn include_form(&mut self, inner: &Node, span: Span) -> Option<(&'static str, String)> {
        if let Some(path) = inner.text() {
            return Some(("yaml", path.to_owned()));
        }
        let fail = |reader: &mut Self, span: Span, message: &str, hint: &str| {
            let problem = reader
                .report
                .error("U111", Class::Yaml, span, message)
                .hint(hint)
                .docs(DOCS);
            reader.report.add(problem);
            None
        };
        if !matches!(inner.value, Value::Map(_)) {
            let hint = "write `!include file.yaml`, or a mapping with `type` and `path`";
            return fail(self, span, "`!include` takes a path or a mapping", hint);
        }
        for entry in inner.entries() {
            if !matches!(&*entry.key, "type" | "path") {
                let message = format!("unknown key `{}` in an `!include`", entry.key);
                return fail(
                    self,
                    entry.key_span,
                    &message,
                    "it has `type` and `path` only",
                );
            }
        }
        let kind = match inner.get("type") {
            None => "yaml",
            Some(node) => {
                let kind = TYPES
                    .into_iter()
                    .find(|kind| node.text().is_some_and(|text| text == *kind));
                let Some(kind) = kind else {
                    let message = "this is not a type of `!include`";
                    return fail(
                        self,
                        node.span,
                        message,
                        "it is one of `string`, `binary`, `yaml`",
                    );
                };
                kind
            }
        };
        match inner.text_of("path") {
            Some(path) => Some((kind, path.to_owned())),
            None => fail(
                self,
                span,
                "an `!include` without a `path`",
                "name the file with `path`",
            ),
        }
    }

    /// Keeps the text of a file that was read; an error when it is not UTF-8.
    pub(crate) fn add(&mut self, name: String, bytes: Vec<u8>) -> Option<u32> {
        let (text, bad) = match String::from_utf8(bytes) {
            Ok(text) => (text, None),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                (
                    String::from_utf8_lossy(error.as_bytes()).into_owned(),
                    Some(at),
                )
            }
        };
        let file = self.report.sources.add(name, Arc::from(text));
        let Some(at) = bad else {
            return Some(file);
        };
        let place = self.report.sources.file(file).place(at..at + 3);
        self.report.add(
            super::problem::Problem::error(
                "U102",
                Class::Yaml,
                place,
                "this byte is not UTF-8 text",
            )
            .hint("save the file in the encoding UTF-8"),
        );
        None
    }
}

/// `source.root` of an app that is not resolved yet, wherever a merge key may have put it.
fn source_root(app: &Node) -> Option<&str> {
    if let Some(source) = app.get("source") {
        return source.text_of("root");
    }
    let merged = app.get("<<")?;
    match &merged.value {
        Value::List(items) => items.iter().find_map(source_root),
        _ => source_root(merged),
    }
}
