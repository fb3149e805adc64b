//! Which mount would make a path writable, and from which source. Pure.

use crate::event::{ReadOnlyWrite, Refusal};

/// Directories of things that can be made again: `tmp` is for them.
const CACHES: [&str; 6] = ["cache", ".cache", "tmp", "temp", ".tmp", ".npm"];

/// Directories of things that belong to the processes of one container: `instance` is for them.
const OF_PROCESSES: [&str; 8] = [
    "log", "logs", ".logs", "run", "pids", ".pm2", "sockets", "sessions",
];

/// Directories that hold what the build made; a mount over one of them would hide that.
const BUILT: [&str; 6] = ["node_modules", "vendor", "src", "app", "web", "public_html"];

/// Files whose names have nothing of a file's, besides those that end in `rc` and the like.
const FILES: [&str; 6] = [
    ".env",
    ".environment",
    ".gitconfig",
    ".netrc",
    ".profile",
    ".viminfo",
];

/// What to say of a write to `path`, an absolute one, that was refused. `mounts` are those of the app, relative to
/// its root.
pub fn of(path: &str, mounts: &[String]) -> ReadOnlyWrite {
    let (mount, cause) = decide(path, mounts);
    ReadOnlyWrite {
        path: Some(path.to_owned()),
        source: mount.as_deref().map(source),
        mount,
        cause,
    }
}

/// The `source` that fits a mount: `storage` keeps results, `tmp` caches, `instance` what one container's own
/// processes leave.
pub fn source(mount: &str) -> &'static str {
    let has = |names: &[&str]| mount.split('/').any(|part| names.contains(&part));
    if has(&OF_PROCESSES) {
        "instance"
    } else if has(&CACHES) {
        "tmp"
    } else {
        "storage"
    }
}

fn decide(path: &str, mounts: &[String]) -> (Option<String>, Refusal) {
    let Some(inside) = path.strip_prefix("/app/") else {
        return (None, Refusal::OutsideApp);
    };
    let inside = inside.trim_end_matches('/');
    let covers = |mount: &String| inside == mount || inside.starts_with(&format!("{mount}/"));
    if mounts.iter().any(covers) {
        return (None, Refusal::OnMount);
    }
    let parts: Vec<&str> = inside.split('/').filter(|part| !part.is_empty()).collect();
    let Some((name, directories)) = parts.split_last() else {
        return (None, Refusal::OutsideApp);
    };
    let Some(first) = directories.first() else {
        return if is_file(name) {
            (None, Refusal::FileAtTop)
        } else {
            (Some((*name).to_owned()), Refusal::NoMount)
        };
    };
    let below = format!("{first}/");
    let beside_a_mount = mounts.iter().any(|mount| mount.starts_with(&below));
    let mount = if BUILT.contains(first) || beside_a_mount {
        // Only the part that is written.
        let is_cache = *first == "node_modules" && directories.get(1) == Some(&".cache");
        let depth = if is_cache { 2 } else { directories.len() };
        directories[..depth].join("/")
    } else {
        (*first).to_owned()
    };
    let holds = |path: &str| {
        let below = format!("{path}/");
        mounts.iter().any(|mount| mount.starts_with(&below))
    };
    if !holds(&mount) {
        (Some(mount), Refusal::NoMount)
    } else if is_file(name) || holds(inside) {
        // A mount around another one is only taken when both have the same source.
        (None, Refusal::HoldsMount)
    } else {
        (Some(inside.to_owned()), Refusal::NoMount)
    }
}

/// A name with an extension is a file's, and so is that of a program's settings; `.next` and `logs` are directories
/// that were about to be made.
fn is_file(name: &str) -> bool {
    name.rfind('.').is_some_and(|at| at > 0)
        || name.starts_with('.')
            && (FILES.contains(&name)
                || ["rc", "_history", "_profile"]
                    .iter()
                    .any(|end| name.ends_with(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_as_small_as_it_may_be_and_has_the_source_that_fits() {
        let mounts = ["var".to_owned(), "data/kept".to_owned()];
        for (path, mount, source, cause) in [
            (
                "/app/.next",
                Some(".next"),
                Some("storage"),
                Refusal::NoMount,
            ),
            (
                "/app/.next/trace",
                Some(".next"),
                Some("storage"),
                Refusal::NoMount,
            ),
            (
                "/app/.cache/a/b",
                Some(".cache"),
                Some("tmp"),
                Refusal::NoMount,
            ),
            (
                "/app/node_modules/.cache/x/y",
                Some("node_modules/.cache"),
                Some("tmp"),
                Refusal::NoMount,
            ),
            (
                "/app/.pm2/pm2.log",
                Some(".pm2"),
                Some("instance"),
                Refusal::NoMount,
            ),
            (
                "/app/logs/a.log",
                Some("logs"),
                Some("instance"),
                Refusal::NoMount,
            ),
            (
                "/app/vendor/x/f",
                Some("vendor/x"),
                Some("storage"),
                Refusal::NoMount,
            ),
            (
                "/app/data/new/f",
                Some("data/new"),
                Some("storage"),
                Refusal::NoMount,
            ),
            ("/app/data/f.txt", None, None, Refusal::HoldsMount),
            (
                "/app/data/other",
                Some("data/other"),
                Some("storage"),
                Refusal::NoMount,
            ),
            ("/app/out.txt", None, None, Refusal::FileAtTop),
            ("/app/.bashrc", None, None, Refusal::FileAtTop),
            ("/app/.env", None, None, Refusal::FileAtTop),
            ("/app/.python_history", None, None, Refusal::FileAtTop),
            ("/app/var/x", None, None, Refusal::OnMount),
            ("/etc/x", None, None, Refusal::OutsideApp),
            ("/app/", None, None, Refusal::OutsideApp),
        ] {
            let advice = of(path, &mounts);
            let found = (advice.mount.as_deref(), advice.source, advice.cause);
            assert_eq!(found, (mount, source, cause), "{path}");
        }
    }
}
