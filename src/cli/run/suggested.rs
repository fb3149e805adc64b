//! `run --suggest-mounts --write`: puts mounts into the configuration.

use std::io::Write;
use std::path::Path;

use super::super::context::Context;
use super::super::failure::{BAD_FILE, Failure};
use super::super::workspace::Workspace;
use super::Found;
use crate::config::edit::{self, add_mounts};
use crate::event::Outcome;
use crate::mount_suggestion::Suggestion;

/// Adds the mounts to the file in which the app is defined, after an operation that ended like that.
pub(super) fn write(
    context: &Context,
    workspace: &Workspace,
    found: &Found<'_>,
    suggestion: &Suggestion,
    outcome: Outcome,
) -> Result<(), Failure> {
    if suggestion.mounts.is_empty() {
        return Ok(());
    }
    let name = &found.app.place.file;
    if outcome != Outcome::Success {
        context.talk(&format!(
            "\n{name} stays as it is: the operation failed where it could write everywhere\n"
        ));
        return Ok(());
    }
    let failed = |err: &dyn std::fmt::Display| {
        Failure::new(BAD_FILE, format!("{name} stays as it is: {err}"))
            .hint("put the mounts in by hand")
    };
    let path = workspace.project.root.join(name);
    // A link stays one.
    let path = std::fs::canonicalize(&path).map_err(|err| failed(&err))?;
    let text = std::fs::read_to_string(&path).map_err(|err| failed(&err))?;
    let mounts: Vec<_> = suggestion
        .mounts
        .iter()
        .map(|mount| edit::NewMount {
            path: mount.path.clone(),
            source: mount.source,
        })
        .collect();
    let edited =
        add_mounts(&text, &found.app.name, found.worker, &mounts).map_err(|err| failed(&err))?;
    if edited == text {
        return Ok(());
    }
    replace(&path, &edited).map_err(|err| failed(&err))?;
    if !context.global.quiet {
        let plural = if mounts.len() == 1 { "" } else { "s" };
        context.talk(&format!(
            "\n{} {} mount{plural} to {name}\n",
            context.style.good("    Added"),
            mounts.len()
        ));
    }
    Ok(())
}

/// Either the old content or the new one is there at any moment, whatever happens.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".upsun-local-")
        .tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.as_file()
        .set_permissions(std::fs::metadata(path)?.permissions())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
