//! The files that a sparse checkout leaves out of the work tree: they are not at hand, and still nothing was changed.

use std::collections::HashMap;
use std::path::Path;

use crate::source::Git;

/// The mode and id of each in the index, by path relative to the repository.
#[derive(Debug, Default)]
pub(super) struct LeftOut(HashMap<Vec<u8>, (String, String)>);

impl LeftOut {
    /// Asks Git. What it does not say is taken for gone.
    pub(super) fn ask(git: &Git, root: &Path) -> LeftOut {
        let output = git
            .command(root, &["ls-files", "-z", "-t", "--stage"])
            .output();
        let Ok(output) = output else {
            return LeftOut::default();
        };
        let entry = |line: &[u8]| {
            // `S <mode> <id> <stage>`, a tab, the path.
            let tab = line.iter().position(|byte| *byte == b'\t')?;
            let words = String::from_utf8_lossy(&line[..tab]);
            match words.split(' ').collect::<Vec<_>>().as_slice() {
                ["S", mode, id, "0"] => {
                    let path = line[tab + 1..].to_vec();
                    Some((path, ((*mode).to_owned(), (*id).to_owned())))
                }
                _ => None,
            }
        };
        let lines = output.stdout.split(|byte| *byte == 0);
        LeftOut(lines.filter_map(entry).collect())
    }

    /// Whether this is left out at a path.
    pub(super) fn is(&self, path: &str, mode: &str, id: &[u8]) -> bool {
        let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let known = self.0.get(path.as_bytes());
        known.is_some_and(|known| known.0 == mode && known.1 == id)
    }
}
