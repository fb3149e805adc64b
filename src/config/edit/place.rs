//! Where the mounts of a container stand in a text, or why nothing can be added to them.

use super::super::node::{Node, Value};
use super::super::source::clean;
use super::super::yaml::layout::{Form, Layout, Piece};
use super::Refused;

/// Where mounts are added.
pub(super) struct InsertionPoint<'a> {
    /// The keys that lead to the mounts; `mounts` is the last.
    pub(super) path: Vec<&'a str>,
    /// What it is, for messages.
    pub(super) what: String,
    /// The key of the application, of its `web`, or of the worker.
    pub(super) owner_key: &'a Piece,
    /// What stands under that key: a mapping without braces.
    pub(super) owner: &'a Piece,
    /// The key `mounts` and its value, if they are there.
    pub(super) mounts: Option<(&'a Piece, &'a Piece)>,
    /// Everything that holds the mounts, outermost first, and what it is.
    pub(super) around: Vec<(String, &'a Piece)>,
}

/// Finds the place in a text. `tree` is the same text with its merge keys applied.
pub(super) fn find<'a>(
    text: &'a str,
    layout: &'a Layout,
    tree: &'a Node,
    app: &'a str,
    worker: Option<&'a str>,
) -> Result<InsertionPoint<'a>, Refused> {
    let no_app = || Refused::NoApp { app: clean(app) };
    let root = layout.root.as_ref().ok_or_else(no_app)?;
    let mut way = Way {
        text,
        tree,
        keys: Vec::new(),
        around: Vec::new(),
        key: root,
        piece: root,
    };
    way.check("the file".to_owned())?;
    way.enter("applications", "`applications`".to_owned(), no_app)?;
    let name = format!("the application `{}`", clean(app));
    way.enter(app, name.clone(), no_app)?;
    let home = home(way.tree, worker);
    let mut owner = name.clone();
    match home {
        Home::App => {}
        Home::Web => {
            owner = format!("`web` of {name}");
            way.enter("web", owner.clone(), no_app)?;
        }
        Home::Worker(worker) => {
            let missing = || Refused::NoWorker {
                app: clean(app),
                worker: clean(worker),
            };
            way.enter("workers", format!("`workers` of {name}"), missing)?;
            owner = format!("the worker `{}` of {name}", clean(worker));
            way.enter(worker, owner.clone(), missing)?;
        }
    }
    way.mounts(&owner)
}

/// Whose `mounts` a container has.
enum Home<'a> {
    App,
    Web,
    Worker(&'a str),
}

/// In `web` and in workers, `mounts` take the place of the application's; without any of their own they
/// have those of the application.
fn home<'a>(app: &Node, worker: Option<&'a str>) -> Home<'a> {
    let Some(worker) = worker else {
        let own = app
            .get("web")
            .is_some_and(|web| web.get("mounts").is_some() || is_elsewhere(web));
        return if own { Home::Web } else { Home::App };
    };
    let Some(node) = app.get("workers").and_then(|workers| workers.get(worker)) else {
        // What is missing there is said on the way.
        return Home::Worker(worker);
    };
    let has_own = node.get("mounts").is_some() || is_elsewhere(node);
    let inherits = app
        .get("mounts")
        .is_some_and(|mounts| !mounts.entries().is_empty() || is_elsewhere(mounts));
    if has_own || !inherits && !is_elsewhere(app) {
        Home::Worker(worker)
    } else {
        Home::App
    }
}

/// Whether the content of a node is in another file, completely or in part by a merge key.
fn is_elsewhere(node: &Node) -> bool {
    matches!(node.value, Value::Tagged(..)) || node.get("<<").is_some()
}

/// The way from the root of a text to the mounts.
struct Way<'a> {
    text: &'a str,
    tree: &'a Node,
    keys: Vec<&'a str>,
    around: Vec<(String, &'a Piece)>,
    key: &'a Piece,
    piece: &'a Piece,
}

impl<'a> Way<'a> {
    /// Goes to the value of a key, which must be a mapping without braces that stands right there.
    fn enter(
        &mut self,
        name: &'a str,
        what: String,
        missing: impl Fn() -> Refused,
    ) -> Result<(), Refused> {
        let Some((key, value)) = self.piece.entry(name) else {
            return Err(self.merged(name, &what).unwrap_or_else(missing));
        };
        let tree = self.tree.get(name);
        self.tree = tree.ok_or_else(|| self.odd(&what, key))?;
        self.keys.push(name);
        self.key = key;
        self.piece = value;
        self.check(what)
    }

    /// Whether the current piece is a mapping without braces that stands right there.
    fn check(&mut self, what: String) -> Result<(), Refused> {
        self.reach(&what, self.piece)?;
        if self.piece.is_flow() {
            return Err(Refused::Flow {
                what,
                line: self.line(self.piece),
            });
        }
        self.check_kind(&what)?;
        self.around.push((what, self.piece));
        Ok(())
    }

    fn check_kind(&self, what: &str) -> Result<(), Refused> {
        match self.tree.value {
            Value::Map(_) => Ok(()),
            _ => Err(Refused::NotMapping {
                what: what.to_owned(),
                line: self.line(self.piece),
                kind: kind(self.tree),
            }),
        }
    }

    /// Whether a piece stands where it is used.
    fn reach(&self, what: &str, piece: &Piece) -> Result<(), Refused> {
        let line = self.line(piece);
        let what = what.to_owned();
        if matches!(piece.form, Form::Alias) {
            let alias = clean(self.text[piece.span.clone()].trim());
            return Err(Refused::Alias { what, alias, line });
        }
        if let Some(tag) = &piece.tag {
            let tag = clean(tag);
            return Err(Refused::Tag { what, tag, line });
        }
        Ok(())
    }

    /// Why a key that is not there must not be added: a merge key brings it, or may bring it.
    fn merged(&self, name: &str, what: &str) -> Option<Refused> {
        if self.tree.get(name).is_none() && !is_elsewhere(self.tree) {
            return None;
        }
        let (key, _) = self.piece.entry("<<")?;
        Some(Refused::Merged {
            what: what.to_owned(),
            line: self.line(key),
        })
    }

    fn mounts(mut self, owner: &str) -> Result<InsertionPoint<'a>, Refused> {
        let what = format!("`mounts` of {owner}");
        let mounts = self.piece.entry("mounts");
        match mounts {
            None => {
                if let Some(refused) = self.merged("mounts", &what) {
                    return Err(refused);
                }
                if self.tree.get("mounts").is_some() {
                    return Err(self.odd(&what, self.key));
                }
            }
            Some((_, value)) => {
                self.reach(&what, value)?;
                let node = self.tree.get("mounts");
                let node = node.ok_or_else(|| self.odd(&what, value))?;
                if let Some((key, _)) = value.entry("<<")
                    && is_elsewhere(node)
                {
                    let line = self.line(key);
                    return Err(Refused::Merged { what, line });
                }
                if !matches!(node.value, Value::Map(_) | Value::Null) {
                    return Err(Refused::NotMapping {
                        what,
                        line: self.line(value),
                        kind: kind(node),
                    });
                }
                self.around.push((what.clone(), value));
            }
        }
        self.keys.push("mounts");
        Ok(InsertionPoint {
            path: self.keys,
            what,
            owner_key: self.key,
            owner: self.piece,
            mounts,
            around: self.around,
        })
    }

    fn odd(&self, what: &str, piece: &Piece) -> Refused {
        Refused::Layout {
            what: what.to_owned(),
            line: self.line(piece),
        }
    }

    fn line(&self, piece: &Piece) -> usize {
        line(self.text, piece.span.start)
    }
}

fn kind(node: &Node) -> &'static str {
    match node.value {
        Value::Null => "empty",
        _ => node.kind(),
    }
}

/// The line of a byte, counted from 1.
pub(super) fn line(text: &str, at: usize) -> usize {
    super::gone_through(at);
    text.get(..at)
        .map_or(1, |before| 1 + before.matches('\n').count())
}
