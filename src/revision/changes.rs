//! Which files of a directory are not what they were at a revision.
//!
//! Only directories whose ids differ are looked into, so that much that is the same costs nothing.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::rc::Rc;

use super::left_out::LeftOut;
use super::{Entry, Error, Revision, SUBMODULE};
use crate::config::FOLDER;
use crate::source::{CONFIGURATION, Child, Tree};

/// The repository at a revision and the files at hand.
#[derive(Debug)]
pub struct Comparison<'a> {
    revision: &'a Revision,
    tree: &'a Tree,
    /// What was found already: apps often share a directory.
    known: RefCell<HashMap<(String, String), Vec<String>>>,
    /// Directories that hold those of apps.
    parents: RefCell<HashMap<String, Rc<Vec<Entry>>>>,
    /// What a sparse checkout leaves out, once Git was asked.
    left_out: Rc<OnceCell<LeftOut>>,
}

/// A file that differs.
struct ChangedPath {
    /// The path relative to the compared directory.
    shown: String,
    /// Its path, relative to the repository.
    path: String,
    /// What it was, if it was a file.
    was: Option<Entry>,
    /// The id that it has, if it is there.
    is: Option<Vec<u8>>,
}

impl<'a> Comparison<'a> {
    /// Compares the working tree with a revision.
    pub fn new(revision: &'a Revision, tree: &'a Tree) -> Result<Self, Error> {
        if revision.commit.len() > 40 {
            return Err(Error::Sha256);
        }
        Ok(Comparison {
            revision,
            tree,
            known: RefCell::default(),
            parents: RefCell::default(),
            left_out: Rc::default(),
        })
    }

    /// The files that differ from the commit that is checked out, sorted: what is not committed, or not tracked.
    pub fn uncommitted(&self) -> Result<Vec<String>, Error> {
        let head = self.revision.head()?;
        let revision = head.as_ref().unwrap_or(self.revision);
        let of_head = Comparison {
            revision,
            tree: self.tree,
            known: RefCell::default(),
            parents: RefCell::default(),
            left_out: Rc::clone(&self.left_out),
        };
        let old = match &head {
            Some(head) => head.entries(b"")?.unwrap_or_default(),
            None => Vec::new(),
        };
        let mut found = Vec::new();
        let new = self.tree.children("");
        of_head.compare(revision, "", &old, "", &new, "", &mut found)?;
        let mut found = of_head.without_false(found);
        // No part of what is deployed, wherever it comes from.
        found.retain(|path| !path.starts_with(".upsun/local/"));
        found.sort();
        Ok(found)
    }

    /// Leaves out the files that are only left out of the work tree.
    fn without_false(&self, found: Vec<ChangedPath>) -> Vec<String> {
        let is_sparse = self.tree.is_sparse();
        let is_false = |found: &ChangedPath| {
            let Some(was) = found
                .was
                .as_ref()
                .filter(|_| is_sparse && found.is.is_none())
            else {
                return false;
            };
            let ask = || LeftOut::ask(&self.revision.git, &self.revision.root);
            let left_out = self.left_out.get_or_init(ask);
            left_out.is(&found.path, mode(&was.mode), &was.id)
        };
        let found = found.into_iter().filter(|found| !is_false(found));
        found.map(|found| found.shown).collect()
    }

    /// The files that were changed, added or removed in a directory that was `before` and is `now`, relative to it
    /// and sorted. The project's configuration is no file of an app at the repository's root: no build depends on
    /// the whole of it.
    pub fn changed(&self, before: &str, now: &str) -> Result<Vec<String>, Error> {
        let roots = (before.to_owned(), now.to_owned());
        if let Some(known) = self.known.borrow().get(&roots) {
            return Ok(known.clone());
        }
        if self.is_same(before, now)? {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        let mut new = self.tree.children(now);
        if now.is_empty() {
            new.retain(|child| child.name != CONFIGURATION);
        }
        let mut old = self.revision.entries(before.as_bytes())?;
        let mut inner = None;
        if old.is_none()
            && let Some((Some(submodule), rest)) = self.revision.submodule(before.as_bytes())?
        {
            old = submodule.entries(&rest)?;
            inner = Some((submodule, String::from_utf8_lossy(&rest).into_owned()));
        }
        let mut old = old.unwrap_or_default();
        if before.is_empty() {
            old.retain(|entry| entry.name != CONFIGURATION);
        }
        let (revision, directory) = match &inner {
            Some((submodule, rest)) => (&**submodule, rest.as_str()),
            None => (self.revision, before),
        };
        self.compare(revision, directory, &old, now, &new, "", &mut found)?;
        let mut found = self.without_false(found);
        found.sort();
        self.known.borrow_mut().insert(roots, found.clone());
        Ok(found)
    }

    /// Whether the files of the configuration are what they were.
    pub fn has_same_configuration(&self) -> Result<bool, Error> {
        Ok(self.is_same(FOLDER, FOLDER)?)
    }

    /// Whether a directory has the id that it had, by what holds it: hundreds of apps side by side cost one question.
    fn is_same(&self, before: &str, now: &str) -> io::Result<bool> {
        let (parent, name) = before.rsplit_once('/').unwrap_or(("", before));
        if name.is_empty() {
            return Ok(false);
        }
        let known = self.parents.borrow().get(parent).cloned();
        let entries = match known {
            Some(entries) => entries,
            None => Rc::new(
                self.revision
                    .entries(parent.as_bytes())?
                    .unwrap_or_default(),
            ),
        };
        let old = entries.iter().find(|entry| entry.name == name.as_bytes());
        let id = self.tree.id(now);
        let is_same = old.zip(id).is_some_and(|(old, id)| old.id == id.bytes());
        self.parents.borrow_mut().insert(parent.to_owned(), entries);
        Ok(is_same)
    }

    #[expect(clippy::too_many_arguments, reason = "two sides of one walk")]
    fn compare(
        &self,
        revision: &Revision,
        before: &str,
        old: &[Entry],
        now: &str,
        new: &[Child<'_>],
        shown: &str,
        found: &mut Vec<ChangedPath>,
    ) -> io::Result<()> {
        let mut pairs: BTreeMap<&[u8], (Option<&Entry>, Option<&Child<'_>>)> = BTreeMap::new();
        for entry in old {
            pairs.entry(&entry.name).or_default().0 = Some(entry);
        }
        for child in new {
            pairs.entry(child.name).or_default().1 = Some(child);
        }
        for (name, (entry, child)) in pairs {
            if let (Some(entry), Some(child)) = (entry, child)
                && mode(&entry.mode) == child.mode
                && entry.id == child.id
            {
                continue;
            }
            // A name that is no UTF-8 can still be changed; only what is below it is not looked for.
            let name = String::from_utf8_lossy(name);
            let [before, now, shown] =
                [before, now, shown].map(|directory| within(directory, &name));
            let found_here = |was: Option<&Entry>| ChangedPath {
                shown: shown.clone(),
                path: now.clone(),
                was: was.cloned(),
                is: child.map(|child| child.id.to_vec()),
            };
            let is_directory = child.is_some_and(|child| child.mode == "40000");
            let below = if is_directory {
                self.tree.children(&now)
            } else {
                Vec::new()
            };
            match entry.map(|entry| mode(&entry.mode)) {
                Some("40000") => {
                    let old = revision.entries(before.as_bytes())?.unwrap_or_default();
                    self.compare(revision, &before, &old, &now, &below, &shown, found)?;
                }
                Some(SUBMODULE) => {
                    let inner = entry.and_then(|entry| revision.inner(before.as_bytes(), entry));
                    match inner {
                        Some(inner) => {
                            let old = inner.entries(b"")?.unwrap_or_default();
                            self.compare(&inner, "", &old, &now, &below, &shown, found)?;
                        }
                        // Both sides are unknown, so a change cannot be claimed.
                        None if !is_directory => {}
                        None => found.push(found_here(None)),
                    }
                }
                Some(_) if is_directory => {
                    found.push(found_here(None));
                    self.compare(revision, &before, &[], &now, &below, &shown, found)?;
                }
                None if is_directory => {
                    self.compare(revision, &before, &[], &now, &below, &shown, found)?;
                }
                Some(_) | None => {}
            }
            let was_file =
                entry.is_some_and(|entry| !matches!(mode(&entry.mode), "40000" | SUBMODULE));
            if !is_directory && (child.is_some() || was_file) {
                found.push(found_here(entry.filter(|_| was_file)));
            }
        }
        Ok(())
    }
}

/// Git's mode today: early versions kept more of the file's permissions.
fn mode(mode: &str) -> &str {
    match mode {
        "100664" => "100644",
        "040000" => "40000",
        other => other,
    }
}

fn within(directory: &str, name: &str) -> String {
    if directory.is_empty() {
        name.to_owned()
    } else {
        format!("{directory}/{name}")
    }
}
