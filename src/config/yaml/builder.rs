//! From the parser's events to a tree: aliases written out, duplicate keys found, limits kept.

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, ScalarStyle, Tag as YamlTag};

use super::super::node::{Entry, Node, Tag, Value};
use super::super::problem::Class;
use super::super::report::Report;
use super::super::scalar;
use super::super::source::{Span, offset};
use super::{Budget, MAX_DEPTH, MAX_SCALAR, Offsets, explain, span};

/// A mapping or list that is not closed yet.
struct Open {
    anchor: usize,
    tag: Option<Tag>,
    span: Span,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        key: Option<(Arc<str>, Span)>,
        seen: Option<HashMap<Arc<str>, Span>>,
    },
}

/// The text cannot be read on; the report says why.
pub(super) struct Stop;

/// The tree so far.
pub(super) struct Builder<'a> {
    file: u32,
    offsets: Offsets,
    report: &'a mut Report,
    budget: &'a mut Budget,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    root: Option<Node>,
    documents: usize,
}

impl<'a> Builder<'a> {
    pub(super) fn new(
        file: u32,
        offsets: Offsets,
        report: &'a mut Report,
        budget: &'a mut Budget,
    ) -> Self {
        Self {
            file,
            offsets,
            report,
            budget,
            open: Vec::new(),
            anchors: HashMap::new(),
            root: None,
            documents: 0,
        }
    }

    /// The whole tree; nothing when the text holds no document.
    pub(super) fn finish(self) -> Option<Node> {
        self.root
    }

    /// The byte at which a character of the parser's counting stands.
    pub(super) fn byte(&self, index: usize) -> usize {
        self.offsets.byte(index)
    }

    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        span(
            self.file,
            self.offsets.byte(start),
            self.offsets.byte(end.max(start)),
        )
    }

    /// Takes the next event.
    pub(super) fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 && self.root.is_some() {
                    return self.stop(
                        "U104",
                        span,
                        "a second document begins here, and a file may hold only one",
                        "remove the `---` line, or move what follows into a file of its own",
                    );
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let node = self.scalar(&text, style, tag.as_deref(), span)?;
                self.insert(node, anchor)?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.begin(anchor, tag.as_deref(), span, Content::List(Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                let content = Content::Map {
                    entries: Vec::new(),
                    key: None,
                    seen: None,
                };
                self.begin(anchor, tag.as_deref(), span, content)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span)?,
            Event::Alias(id) => self.alias(id, span)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn begin(
        &mut self,
        anchor: usize,
        tag: Option<&YamlTag>,
        span: Span,
        content: Content,
    ) -> Result<(), Stop> {
        if self.open.len() >= MAX_DEPTH {
            return self.stop(
                "U105",
                span,
                &format!("nested more than {MAX_DEPTH} levels deep"),
                "no configuration needs this: look for brackets that are never closed",
            );
        }
        self.room(span, 0)?;
        let tag = match tag {
            None => None,
            Some(tag) if tag.is_yaml_core_schema() => None,
            Some(tag) => self.tag(tag, span),
        };
        self.open.push(Open {
            anchor,
            tag,
            span,
            content,
        });
        Ok(())
    }

    fn end(&mut self, end: Span) -> Result<(), Stop> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let (value, last) = match open.content {
            Content::List(items) => {
                let last = items.last().map(|item| item.span.end);
                (Value::List(items), last)
            }
            Content::Map { entries, .. } => {
                let last = entries.last().map(|entry| entry.value.span.end);
                (Value::Map(entries), last)
            }
        };
        // A block collection ends where its last value does; a flow collection at its bracket.
        let is_flow = end.end > end.start;
        let mut span = open.span;
        span.end = if is_flow {
            end.end
        } else {
            last.unwrap_or(span.end).max(span.start)
        };
        let mut node = Node { value, span };
        if let Some(tag) = open.tag {
            node = Node {
                value: Value::Tagged(tag, Box::new(node)),
                span,
            };
        }
        self.insert(node, open.anchor)
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&YamlTag>,
        mut span: Span,
    ) -> Result<Node, Stop> {
        self.room(span, text.len())?;
        if text.len() > MAX_SCALAR {
            return self.stop(
                "U106",
                span,
                "a single value has more than 4 MiB, which is the limit",
                "put the data into a file of the repository and read it from there",
            );
        }
        if text.contains('\0') {
            return self.stop(
                "U102",
                span,
                "a value holds a NUL byte, which no command, variable or path can hold",
                "remove it: `\\0` inside double quotes means that byte, and `\\\\0` a backslash and a zero",
            );
        }
        let plain = style == ScalarStyle::Plain;
        if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
            span.end = self.trim_end(span);
            span.start = self.indicator(span);
        }
        let value = match tag {
            None if plain => scalar::resolve(text),
            None => Value::Text(Arc::from(text)),
            Some(tag) if tag.is_yaml_core_schema() => core_tag(&tag.suffix, text),
            Some(tag) => {
                let value = Value::Text(Arc::from(text));
                match self.tag(tag, span) {
                    Some(tag) => Value::Tagged(tag, Box::new(Node { value, span })),
                    None if plain => scalar::resolve(text),
                    None => value,
                }
            }
        };
        Ok(Node { value, span })
    }

    /// A block scalar's span reaches into the next line: cut it back to its last character.
    fn trim_end(&self, span: Span) -> u32 {
        let text = self.report.sources.text(span);
        span.start + offset(text.trim_end().len())
    }

    /// A block scalar's span begins with its first line: go back to the `|` or `>` before it.
    fn indicator(&self, span: Span) -> u32 {
        let text = &self.report.sources.file(span.file).text;
        let before = text[..span.start as usize].trim_end();
        if text[span.start as usize..].starts_with(['|', '>', '!', '&']) {
            return span.start;
        }
        let line = before.rfind('\n').map_or(0, |at| at + 1);
        let header = before[line..].split(" #").next().unwrap_or_default();
        match header.rfind(['|', '>']) {
            Some(at) => offset(line + at),
            None => span.start,
        }
    }

    fn tag(&mut self, tag: &YamlTag, span: Span) -> Option<Tag> {
        match (tag.handle.as_str(), tag.suffix.as_str()) {
            ("!", "include") => Some(Tag::Include),
            ("!", "archive") => Some(Tag::Archive),
            ("" | "!", "" | "!") => None,
            _ => {
                let written = tag.to_string();
                let problem = self
                    .report
                    .warning(
                        "U110",
                        Class::Yaml,
                        span,
                        format!("Upsun does not know the tag `{written}`"),
                    )
                    .hint("Upsun knows `!include` and `!archive`; quote the value if the exclamation mark belongs to it")
                    .docs("/learn/overview/yaml/platform-yaml-tags.html");
                self.report.add(problem);
                None
            }
        }
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<(), Stop> {
        let Some(node) = self.anchors.get(&id) else {
            return self.stop(
                "U107",
                span,
                "this alias stands inside the value that it repeats",
                "an anchor cannot hold itself: give the alias another target",
            );
        };
        if !self.budget.take_tree(node) {
            return self.too_large(span);
        }
        let mut node = node.clone();
        let depth = depth(&node);
        if self.open.len() + depth > MAX_DEPTH {
            return self.stop(
                "U105",
                span,
                &format!(
                    "with its aliases written out this is nested more than {MAX_DEPTH} levels deep"
                ),
                "aliases that repeat aliases grow quickly: write the values out",
            );
        }
        if matches!(
            node.value,
            Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::Text(_)
        ) {
            node.span = span;
        }
        self.insert(node, 0)
    }

    fn insert(&mut self, node: Node, anchor: usize) -> Result<(), Stop> {
        if anchor > 0 {
            if !self.budget.take_tree(&node) {
                return self.too_large(node.span);
            }
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.content {
            Content::List(items) => items.push(node),
            Content::Map { entries, key, .. } => {
                let Some((key, key_span)) = key.take() else {
                    return self.key(node);
                };
                entries.push(Entry {
                    key,
                    key_span,
                    value: node,
                });
            }
        }
        Ok(())
    }

    /// Keeps a key until its value comes, and reports one that is there already.
    fn key(&mut self, node: Node) -> Result<(), Stop> {
        let text: Arc<str> = match node.value {
            Value::Text(text) => text,
            Value::List(_) | Value::Map(_) | Value::Tagged(..) => {
                return self.stop(
                    "U108",
                    node.span,
                    "a key must be a plain text",
                    "quote the key if its brackets or braces belong to it",
                );
            }
            _ => Arc::from(self.report.sources.text(node.span)),
        };
        let Some(Open {
            content: Content::Map { entries, key, seen },
            ..
        }) = self.open.last_mut()
        else {
            return Ok(());
        };
        let earlier = match seen {
            Some(seen) => seen.get(&text).copied(),
            None => entries
                .iter()
                .find(|entry| entry.key == text)
                .map(|entry| entry.key_span),
        };
        if let Some(seen) = seen {
            seen.insert(text.clone(), node.span);
        } else if entries.len() >= 16 {
            let there = entries
                .iter()
                .map(|entry| (entry.key.clone(), entry.key_span));
            *seen = Some(there.chain([(text.clone(), node.span)]).collect());
        }
        *key = Some((text.clone(), node.span));
        if let Some(earlier) = earlier {
            let problem = explain::duplicate(self.report, &text, node.span, earlier);
            self.report.add(problem);
        }
        Ok(())
    }

    fn room(&mut self, span: Span, text: usize) -> Result<(), Stop> {
        if self.budget.take(text) {
            Ok(())
        } else {
            self.too_large(span)
        }
    }

    fn too_large<T>(&mut self, span: Span) -> Result<T, Stop> {
        self.stop(
            "U106",
            span,
            "the configuration is too large: with aliases and includes written out it has more than 750,000 values or 48 MiB of text",
            "aliases that repeat aliases grow quickly: write the values out",
        )
    }

    fn stop<T>(
        &mut self,
        code: &'static str,
        span: Span,
        message: &str,
        hint: &str,
    ) -> Result<T, Stop> {
        let problem = self.report.error(code, Class::Yaml, span, message);
        self.report.add(problem.hint(hint));
        Err(Stop)
    }
}

fn depth(node: &Node) -> usize {
    match &node.value {
        Value::List(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Map(entries) => {
            1 + entries
                .iter()
                .map(|entry| depth(&entry.value))
                .max()
                .unwrap_or(0)
        }
        Value::Tagged(_, inner) => depth(inner),
        _ => 0,
    }
}

/// A value with one of YAML's own tags, such as `!!str`.
fn core_tag(suffix: &str, text: &str) -> Value {
    match suffix {
        "int" | "float" | "bool" | "null" => scalar::resolve(text),
        _ => Value::Text(Arc::from(text)),
    }
}
