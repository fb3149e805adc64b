//! Adds the mounts that an operation needs to the configuration.

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::config::app::{App, Mount, MountSource};
use crate::config::edit::{self, Refused, add_mounts};
use crate::event::NewMount;
use crate::event::{self, Event, Outcome};
use crate::failure::{BAD_FILE, Failure};
use crate::lifecycle::{Report, Tried};
use crate::source::Tree;
use crate::text::count;
use crate::workspace::Found;
use crate::workspace::Workspace;

/// What happened to the configuration file.
pub(super) enum Written {
    /// There was nothing to add.
    Nothing,
    /// The file has more mounts now.
    Added(Box<Event>),
    /// The file was left unchanged.
    Kept {
        why: String,
        /// The result of the run with the configuration that would have been written, if that run is not the one
        /// reported already.
        report: Option<Report>,
    },
}

/// Whether a path, relative to the app's root, is a file that Git would deploy.
pub(super) fn is_tracked(tree: &Tree, app: &App, path: &str) -> bool {
    if app.source_root.is_empty() {
        tree.has(path)
    } else {
        tree.has(&format!("{}/{path}", app.source_root))
    }
}

/// The app with more mounts.
pub(super) fn with_mounts(found: &Found<'_>, mounts: &[NewMount]) -> App {
    let mut app = found.app.clone();
    let own = match found.worker {
        None => &mut app.mounts,
        Some(name) => match app.workers.iter_mut().find(|worker| worker.name == name) {
            Some(worker) => &mut worker.mounts,
            None => &mut app.mounts,
        },
    };
    own.extend(mounts.iter().map(|mount| Mount {
        path: mount.path.clone(),
        source: match mount.source.as_ref() {
            "instance" => MountSource::Instance,
            "tmp" => MountSource::Temporary,
            _ => MountSource::Storage {
                app: found.app.name.clone(),
            },
        },
        source_path: mount.source_path.as_ref().unwrap_or(&mount.path).clone(),
        place: found.app.place.clone(),
    }));
    app
}

/// Adds the mounts to the file that defines the app, if the operation passes with them.
pub(super) fn write(
    workspace: &Workspace,
    found: &Found<'_>,
    tried: &Tried,
) -> Result<Written, Failure> {
    let name = &found.app.place.file;
    if let Some((why, report)) = why_kept(tried) {
        return Ok(Written::Kept {
            why: format!("{name} stays as it is: {why}"),
            report,
        });
    }
    let mounts = &tried.suggestion.mounts;
    if mounts.is_empty() {
        return Ok(Written::Nothing);
    }
    let failed = |err: &dyn std::fmt::Display, hint: &str| {
        Failure::new(BAD_FILE, format!("{name} stays as it is: {err}")).hint(hint.to_owned())
    };
    let of_file = |err: std::io::Error| failed(&err, "put the mounts in by hand");
    let path = workspace.project.root.join(name);
    // If the path is a symbolic link, write to the link's target, so that the link remains.
    let path = std::fs::canonicalize(&path).map_err(of_file)?;
    let text = std::fs::read_to_string(&path).map_err(of_file)?;
    let new: Vec<_> = mounts.iter().map(to_write).collect();
    let edited = add_mounts(&text, &found.app.name, found.worker, &new).map_err(|err| {
        let hint = match err {
            Refused::Path { .. } => "let the operation write to a directory with another name",
            _ => "put the mounts in by hand",
        };
        failed(&err, hint)
    })?;
    if edited == text {
        return Ok(Written::Nothing);
    }
    replace(&path, &edited).map_err(of_file)?;
    Ok(Written::Added(Box::new(Event::Mounts(
        event::Mounts::Written {
            file: name.clone(),
            mounts: mounts.iter().map(|mount| mount.path.clone()).collect(),
        },
    ))))
}

/// Why no mount is added, with the result of the run with the mounts if that run is not the one reported already.
/// `None` if the operation passes, or has no mounts to add.
fn why_kept(tried: &Tried) -> Option<(String, Option<Report>)> {
    let mounts = &tried.suggestion.mounts;
    let kept = |why: &str| Some((why.to_owned(), None));
    match tried.report.outcome {
        Outcome::Success => {}
        _ if mounts.is_empty() => return None,
        Outcome::Failure => {
            return kept("the operation failed where it could write everywhere");
        }
        Outcome::Timeout => {
            return kept("the operation's time was over where it could write everywhere");
        }
        Outcome::Cancelled => return kept("the operation was cancelled"),
    }
    match &tried.check {
        Some(check) if check.result == Outcome::Success => None,
        Some(check) => {
            let report = Report {
                outcome: check.result,
                exit_code: check.exit_code,
                hooks_failed: false,
            };
            let with = if mounts.is_empty() {
                "its mounts"
            } else {
                "those mounts"
            };
            let why = format!("with {with} the operation does not pass");
            Some((why, Some(report)))
        }
        None if mounts.is_empty() => None,
        None => kept("whether the operation passes with those mounts is not known"),
    }
}

/// A mount as the configuration gets it, with a comment that says which files the mount hides.
fn to_write(mount: &NewMount) -> edit::NewMount {
    edit::NewMount {
        path: mount.path.clone(),
        source: match mount.source.as_ref() {
            "instance" => "instance",
            "tmp" => "tmp",
            _ => "storage",
        },
        source_path: mount.source_path.clone(),
        comment: (mount.hides > 0).then(|| {
            let is_all = mount.hides == mount.hidden.len();
            let more = if is_all { "" } else { ", …" };
            format!(
                "hides {} of the build: {}{more}",
                count(mount.hides, "file"),
                mount.hidden.join(", ")
            )
        }),
    }
}

/// Replaces the file with one rename, so that after a crash the file has either its old content or its new one. A
/// user without write permission for the file gets an error, although a writable directory would allow the rename.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let old = std::fs::metadata(path)?;
    if old.permissions().readonly() {
        return Err(std::io::Error::new(
            std::io::ErrorKind::PermissionDenied,
            "the file is read-only",
        ));
    }
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".upsun-local-")
        .tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    // Only root can change the owner. For other users this fails, and the file already has their ids.
    let _ = std::os::unix::fs::fchown(file.as_file(), Some(old.uid()), Some(old.gid()));
    file.as_file().set_permissions(old.permissions())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_that_may_not_be_written_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.yaml");
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
        assert!(replace(&path, "new").is_err());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        replace(&path, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
    }
}
