//! What an operation changed on the mounts of its container, as a part of its record.

use serde::{Deserialize, Serialize};

use crate::event::{Difference, Mounts};

/// How many changes a record holds, and how many bytes of paths.
const CHANGES: usize = 200;
const BYTES: usize = 64 << 10;

/// What an operation changed on mounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnMounts {
    /// The app, or `app--worker`.
    pub container: String,
    /// The snapshot from before the operation; `None` if there is nothing to put back.
    #[serde(default)]
    pub snapshot: Option<String>,
    /// The first changes; `None` as long as nobody has looked.
    #[serde(default)]
    pub changes: Option<Vec<Difference>>,
    /// The number of further changes.
    #[serde(default)]
    pub more: usize,
    /// Whether the changes were put back when the operation had ended.
    #[serde(default)]
    pub undone: bool,
}

impl OnMounts {
    /// What an event says of the operation. Mounts that are restored before the operation has run were changed by an
    /// earlier one.
    pub(super) fn of(event: &Mounts, has_run: bool) -> Option<Self> {
        let (container, snapshot, changes) = match event {
            Mounts::Kept {
                container,
                snapshot,
            } => (container, Some(snapshot), None),
            Mounts::Changed {
                container,
                snapshot,
                changes,
                ..
            } => (container, snapshot.as_ref(), Some(changes)),
            Mounts::Restored {
                container, changes, ..
            } if has_run => (container, None, Some(changes)),
            _ => return None,
        };
        let mut left = BYTES;
        let fits = |change: &&Difference| {
            let length = change.path.len();
            let fits = length <= left;
            left = left.saturating_sub(length);
            fits
        };
        let first: Option<Vec<Difference>> =
            changes.map(|all| all.iter().take(CHANGES).take_while(fits).cloned().collect());
        let shown = first.as_ref().map_or(0, Vec::len);
        Some(OnMounts {
            container: container.clone(),
            snapshot: snapshot.cloned(),
            more: changes.map_or(0, |all| all.len() - shown),
            changes: first,
            undone: matches!(event, Mounts::Restored { .. }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Change;

    fn changed(paths: impl Iterator<Item = String>) -> Mounts {
        let changes = paths.map(|path| Difference {
            change: Change::Added,
            path,
        });
        Mounts::Changed {
            container: "app".to_owned(),
            snapshot: Some("run-x".to_owned()),
            changes: changes.collect(),
            flags: String::new(),
        }
    }

    #[test]
    fn a_record_stays_small_whatever_an_operation_writes() {
        let many = changed((0..10_000).map(|at| format!("var/{at}")));
        let noted = OnMounts::of(&many, true).unwrap();
        assert_eq!(noted.changes.unwrap().len(), CHANGES);
        assert_eq!(noted.more, 10_000 - CHANGES);
        let long = changed((0..100).map(|_| "x".repeat(4000)));
        let noted = OnMounts::of(&long, true).unwrap();
        let shown = noted.changes.unwrap();
        assert_eq!(shown.len(), BYTES / 4000);
        assert_eq!(shown.len() + noted.more, 100);
    }

    #[test]
    fn what_is_restored_before_the_operation_is_not_its_own() {
        let restored = Mounts::Restored {
            container: "app".to_owned(),
            changes: Vec::new(),
            lost: 0,
        };
        assert_eq!(OnMounts::of(&restored, false), None);
        assert!(OnMounts::of(&restored, true).unwrap().undone);
    }
}
