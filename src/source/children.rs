//! What stands directly in a directory of the tree, as Git would write it into a tree object.

use super::hash::Hash;
use super::{Tree, plain};

/// A file, symbolic link or directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Child<'a> {
    pub(crate) name: &'a [u8],
    /// Git's mode: `100644`, `100755`, `120000`, or `40000` for a directory.
    pub(crate) mode: &'a str,
    pub(crate) id: Hash,
}

impl Tree {
    /// What stands directly in a directory; nothing when it is not there. Directories that Git would not know,
    /// for no file is below them, are left out.
    pub(crate) fn children(&self, directory: &str) -> Vec<Child<'_>> {
        let snapshot = &self.snapshot;
        let Some(at) = self.directory(directory) else {
            return Vec::new();
        };
        let files = snapshot.entries[snapshot.directories[at].entries.clone()]
            .iter()
            .filter(|entry| entry.kind.is_there())
            .map(|entry| Child {
                name: snapshot.get(entry.name),
                mode: entry.kind.mode(),
                id: entry.hash,
            });
        let below = plain(directory).len();
        // The name begins after the slash, unless the directory is the repository itself.
        let begin = if below == 0 { 0 } else { below + 1 };
        let directories = snapshot.subtree(at).skip(1).filter_map(|child| {
            let child = &snapshot.directories[child];
            let name = snapshot.path(child).get(begin..)?;
            let id = child.id?;
            (!name.contains(&b'/')).then_some(Child {
                name,
                mode: "40000",
                id,
            })
        });
        files.chain(directories).collect()
    }
}
