//! The files of an app that somebody asks for by their paths, each with the id of its content.

use super::{Tree, TreeId, plain};

impl Tree {
    /// The files and symbolic links below the directory `root` whose path there is wanted, in Git's order: the path
    /// and the id of what Git stores.
    pub(crate) fn matching(
        &self,
        root: &str,
        is_wanted: &dyn Fn(&[u8]) -> bool,
    ) -> Vec<(Vec<u8>, String)> {
        let snapshot = &self.snapshot;
        let Some(top) = self.directory(root) else {
            return Vec::new();
        };
        let above = plain(root).len();
        // A path below begins after the slash, unless the directory is the repository itself.
        let begin = if above == 0 { 0 } else { above + 1 };
        let mut found = Vec::new();
        for directory in &snapshot.directories[snapshot.subtree(top)] {
            for entry in &snapshot.entries[directory.entries.clone()] {
                let path = snapshot.entry_path(directory, entry);
                let path = path.get(begin..).unwrap_or_default();
                if entry.kind.is_there() && is_wanted(path) {
                    found.push((path.to_vec(), TreeId(entry.hash).to_string()));
                }
            }
        }
        found
    }
}
