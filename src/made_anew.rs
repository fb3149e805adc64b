//! Builds that were made again although nothing had changed (`--rebuild`). Such a build has an id of its own, so that it is
//! made beside the old one. A file of the state directory for each remembers that the new one counts.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How many are remembered. What is forgotten is the build that was there before, or one more build.
const KEPT: usize = 100;

/// What is remembered.
#[derive(Debug, Clone)]
pub struct MadeAnew {
    directory: PathBuf,
}

impl MadeAnew {
    pub fn of(state_dir: &Path) -> Self {
        MadeAnew {
            directory: state_dir.join("made-anew"),
        }
    }

    /// The token of the newest build of what has this id, if it was made again.
    pub fn token(&self, id: &str) -> Option<String> {
        let token = std::fs::read_to_string(self.file(id)).ok()?;
        Some(token).filter(|token| !token.is_empty())
    }

    /// Remembers the token of a build. A failure only makes the build before that count.
    pub fn remember(&self, id: &str, token: &str) {
        if self.token(id).as_deref() == Some(token)
            || std::fs::create_dir_all(&self.directory).is_err()
        {
            return;
        }
        let file = self.file(id);
        let new = file.with_extension("new");
        // A reader finds the old token or the new one.
        if std::fs::write(&new, token).is_ok() {
            let _ = std::fs::rename(new, file);
        }
        self.forget_old();
    }

    fn file(&self, id: &str) -> PathBuf {
        let short: String = id.chars().take(20).collect();
        self.directory.join(short)
    }

    fn forget_old(&self) {
        let found = std::fs::read_dir(&self.directory);
        let mut all: Vec<(SystemTime, PathBuf)> = found
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        all.sort();
        for (_, old) in all.iter().rev().skip(KEPT) {
            let _ = std::fs::remove_file(old);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_token_counts_and_old_ones_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let made = MadeAnew::of(folder.path());
        assert_eq!(made.token("a"), None);
        made.remember("a", "1");
        made.remember("a", "2");
        assert_eq!(made.token("a").as_deref(), Some("2"));
        for number in 0..2 * KEPT {
            made.remember(&format!("id {number}"), "1");
        }
        let left = std::fs::read_dir(folder.path().join("made-anew")).unwrap();
        assert_eq!(left.count(), KEPT);
    }
}
