//! Writable copies of volumes that take no time to make: what is written goes to a volume of its own.

use crate::engine::Error;
use crate::engine::spec::{Layers, VolumeSpec};
use crate::labels::Labels;

/// The end of the name of a volume that shows the files of other volumes, and must be removed before them.
const OVERLAY: &str = "-overlay";

/// Whether that volume shows the files of other volumes.
pub(super) fn is_overlay(name: &str) -> bool {
    name.ends_with(OVERLAY)
}

/// The volumes of a writable copy of the volume `lower`, in the order in which they are to be created. The last one
/// is the copy. Its top directory belongs to root until [`same_root`] has run.
pub(super) fn writable_copy(name: &str, labels: &Labels, lower: &str) -> [VolumeSpec; 3] {
    let volume = |name: String, layers| VolumeSpec {
        name,
        labels: labels.clone(),
        directory_of: None,
        memory: None,
        layers,
    };
    let (upper, work) = (format!("{name}-upper"), format!("{name}-work"));
    let layers = Layers {
        lower: lower.to_owned(),
        upper: upper.clone(),
        work: work.clone(),
    };
    [
        volume(upper, None),
        volume(work, None),
        volume(format!("{name}{OVERLAY}"), Some(layers)),
    ]
}

/// A script that gives the directory where a copy is mounted the owner and the mode of the directory where its lower
/// volume is mounted. The kernel shows those of the upper volume.
pub(super) fn same_root(lower: &str, copy: &str) -> String {
    format!("chown --reference={lower} {copy} && chmod --reference={lower} {copy}")
}

/// The error of a script that copies files: what failed, and what the script printed.
pub(super) fn not_copied(what: &str, errors: &str) -> Error {
    let reason = format!("{what}: {}", errors.trim());
    if errors.contains("No space left on device") {
        Error::DiskFull { reason, hint: None }
    } else {
        Error::Other(reason)
    }
}
