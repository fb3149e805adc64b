//! What is below a directory that lies over another one, from the other's list and the few directories in which
//! something is different.

use std::collections::BTreeSet;

use super::files::{File, Files, Kind};

/// The script that lists the directories in which something may be different, in the form that [`Touched::parse`]
/// reads. The kernel makes a directory in the upper layer before it puts anything into it. `/upper` is that layer, and
/// the working directory shows both layers.
pub const LIST_TOUCHED: &str = "dirs() { (cd /upper && find . -type d -print0) 2>/dev/null; }
dirs; printf '\\0'
dirs | xargs -0 -r sh -c 'find \"$@\" -maxdepth 1 -print0' sh 2>/dev/null \
    | xargs -0 -r stat --printf '%f %s %.Z %.Y %.W %i %n\\0' 2>/dev/null; :";

/// The directories in which something may be different, and what is directly in them.
#[derive(Debug, Clone, Default)]
pub struct Touched {
    directories: BTreeSet<String>,
    entries: Files,
}

impl Touched {
    /// Reads the output of [`LIST_TOUCHED`]. `None` if it was cut off, or names not even the top directory.
    pub fn parse(text: &str) -> Option<Self> {
        // An empty name separates the two lists.
        let (directories, entries) = text.split_once("\0\0")?;
        let names = directories.split('\0');
        let inside = |name: &str| name.strip_prefix("./").unwrap_or_default().to_owned();
        Some(Touched {
            directories: names.map(inside).collect(),
            entries: Files::parse(entries),
        })
    }

    /// How many files these are.
    pub fn count(&self) -> usize {
        self.entries.0.len()
    }

    /// All files, where `lower` are those of the layer below.
    pub fn over(&self, lower: &Files) -> Files {
        let mut all = Files::default();
        // A directory comes before what is in it.
        for (path, file) in &lower.0 {
            let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
            let found = if self.directories.contains(path) || self.directories.contains(parent) {
                self.entries.0.get(path)
            } else if path.is_empty() || all.is_directory(parent) {
                Some(file)
            } else {
                None
            };
            if let Some(found) = found {
                all.0.insert(path.clone(), found.clone());
            }
        }
        for (path, file) in &self.entries.0 {
            all.0.insert(path.clone(), file.clone());
            if file.kind == Kind::Directory && !self.directories.contains(path) {
                self.move_here(path, file, lower, &mut all);
            }
        }
        all
    }

    /// Puts what is in a directory that was not touched to its place, if the directory was moved with all that is in
    /// it: it is known by its number.
    fn move_here(&self, path: &str, moved: &File, lower: &Files, all: &mut Files) {
        let is_same = |file: &File| file.kind == Kind::Directory && number(file) == number(moved);
        if lower.0.get(path).is_some_and(is_same) {
            return;
        }
        let old: Vec<String> = all.below(path).map(|(old, _)| old.to_owned()).collect();
        for old in old {
            all.0.remove(&old);
        }
        let Some((from, _)) = lower.0.iter().find(|(_, file)| is_same(file)) else {
            return;
        };
        for (old, file) in lower.below(from) {
            let new = format!("{path}{}", &old[from.len()..]);
            all.0.insert(new, file.clone());
        }
    }
}

fn number(file: &File) -> &str {
    file.birth.rsplit(' ').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIRECTORY: u32 = 0o040_755;
    const FILE: u32 = 0o100_644;

    /// A list in the form of the script: mode, number and name of each file.
    fn list(files: &[(u32, u32, &str)]) -> String {
        files
            .iter()
            .map(|(mode, number, name)| format!("{mode:x} 1 2.0 3.0 4.0 {number} {name}\0"))
            .collect()
    }

    fn lower() -> Files {
        Files::parse(&list(&[
            (DIRECTORY, 1, "."),
            (DIRECTORY, 2, "./a"),
            (FILE, 3, "./a/b"),
            (DIRECTORY, 4, "./a/c"),
            (FILE, 5, "./a/c/d"),
            (FILE, 6, "./a.b"),
            (DIRECTORY, 7, "./z"),
            (FILE, 8, "./z/z"),
        ]))
    }

    fn over(directories: &[&str], entries: &[(u32, u32, &str)]) -> Vec<String> {
        let names: String = directories.iter().map(|name| format!("{name}\0")).collect();
        let text = format!("{names}\0{}", list(entries));
        let all = Touched::parse(&text).unwrap().over(&lower());
        all.0.into_keys().collect()
    }

    #[test]
    fn what_was_not_touched_is_as_below() {
        let all = Touched::parse(&format!(
            ".\0\0{}",
            list(&[
                (DIRECTORY, 1, "."),
                (DIRECTORY, 2, "./a"),
                (FILE, 6, "./a.b"),
                (DIRECTORY, 7, "./z"),
            ])
        ));
        assert_eq!(all.unwrap().over(&lower()), lower());
    }

    #[test]
    fn what_is_gone_is_gone_with_all_that_was_in_it() {
        let entries = [
            (DIRECTORY, 1, "."),
            (FILE, 6, "./a.b"),
            (DIRECTORY, 7, "./z"),
        ];
        assert_eq!(over(&["."], &entries), ["", "a.b", "z", "z/z"]);
        // A file is now where a directory was.
        let entries = [(DIRECTORY, 1, "."), (FILE, 9, "./a"), (FILE, 6, "./a.b")];
        assert_eq!(over(&["."], &entries), ["", "a", "a.b"]);
    }

    #[test]
    fn a_directory_that_was_made_anew_has_only_its_own_files() {
        let entries = [
            (DIRECTORY, 1, "."),
            (DIRECTORY, 20, "./a"),
            (FILE, 21, "./a/new"),
            (FILE, 6, "./a.b"),
            (DIRECTORY, 7, "./z"),
        ];
        let all = over(&[".", "./a"], &entries);
        assert_eq!(all, ["", "a", "a.b", "a/new", "z", "z/z"]);
    }

    #[test]
    fn a_change_deep_below_leaves_the_rest() {
        let entries = [
            (DIRECTORY, 1, "."),
            (DIRECTORY, 2, "./a"),
            (FILE, 6, "./a.b"),
            (DIRECTORY, 7, "./z"),
            (FILE, 3, "./a/b"),
            (DIRECTORY, 4, "./a/c"),
            (FILE, 30, "./a/c/e"),
        ];
        let all = over(&[".", "./a", "./a/c"], &entries);
        assert_eq!(all, ["", "a", "a.b", "a/b", "a/c", "a/c/e", "z", "z/z"]);
    }

    #[test]
    fn a_directory_that_was_moved_has_its_files_at_its_new_place() {
        let moved = [(DIRECTORY, 1, "."), (DIRECTORY, 2, "./moved")];
        let all = over(&["."], &moved);
        assert_eq!(all, ["", "moved", "moved/b", "moved/c", "moved/c/d"]);
        // Below a directory that was made, and under a name that was there before.
        let moved = [
            (DIRECTORY, 1, "."),
            (DIRECTORY, 40, "./new"),
            (DIRECTORY, 4, "./new/c"),
            (DIRECTORY, 7, "./a"),
            (FILE, 6, "./a.b"),
        ];
        let all = over(&[".", "./new"], &moved);
        assert_eq!(all, ["", "a", "a.b", "a/z", "new", "new/c", "new/c/d"]);
    }

    #[test]
    fn a_list_that_was_cut_off_is_none() {
        assert!(Touched::parse("").is_none());
        assert!(Touched::parse(".\0./a").is_none());
        assert!(Touched::parse("\0").is_none());
    }
}
