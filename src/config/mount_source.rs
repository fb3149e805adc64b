//! Which `source` fits a mount.

/// Directories of things that can be made again: `tmp` is for them.
const CACHES: [&str; 6] = ["cache", ".cache", "tmp", "temp", ".tmp", ".npm"];

/// Directories of things that belong to the processes of one container: `instance` is for them.
const OF_PROCESSES: [&str; 8] = [
    "log", "logs", ".logs", "run", "pids", ".pm2", "sockets", "sessions",
];

/// The `source` that fits a mount: `storage` keeps results, `tmp` caches, `instance` what one container's own
/// processes leave.
pub(crate) fn fitting(mount: &str) -> &'static str {
    let has = |names: &[&str]| mount.split('/').any(|part| names.contains(&part));
    if has(&OF_PROCESSES) {
        "instance"
    } else if has(&CACHES) {
        "tmp"
    } else {
        "storage"
    }
}
