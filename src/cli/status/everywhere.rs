//! `status --all`: everything that was made on the engine, for any repository.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use super::super::context::Context;
use super::super::opened::open_lenient;
use super::super::options::Format;
use super::super::table;
use upsun_local::failure::Failure;
use upsun_local::lifecycle::{self, Extent, Sandboxes};
use upsun_local::text::bytes;

/// Prints it: a line for each environment, and one for what the environments of a project share.
pub(super) async fn run(context: &Context, format: Format) -> Result<u8, Failure> {
    // The settings may say which engine; nothing else of the repository counts, if there is one.
    let workspace = open_lenient(context).ok();
    let setting = workspace.as_ref().and_then(|it| it.settings.engine.clone());
    let owner = context
        .surroundings
        .home
        .owner()
        .map_err(|err| Failure::no_state(&err))?;
    let engine = context.engine(setting.as_deref()).await?;
    let found = lifecycle::everywhere(&engine, true).await?;
    if format == Format::Json {
        let list: Vec<_> = rows(&found)
            .map(|(of, name, extent)| {
                json!({
                    "project": of.key,
                    "environment": Some(name).filter(|name| !name.is_empty()),
                    "repository": of.repository,
                    "repository_is_missing": of.is_missing(),
                    "is_own": of.is_of(&owner),
                    "containers": extent.containers,
                    "running": extent.running,
                    "volumes": extent.volumes,
                    "since": extent.since.and_then(moment).map(|at| at.to_string()),
                    "size": extent.size,
                })
            })
            .collect();
        let text = upsun_local::json::pretty(&list);
        return context.print(&format!("{text}\n")).map(|()| 0);
    }
    if found.is_empty() {
        context.talk("Nothing on the engine was made by upsun-local.\n");
        return Ok(0);
    }
    let header = [
        "Project",
        "Environment",
        "State",
        "Since",
        "Size",
        "Repository",
    ];
    let mut all = vec![header.map(str::to_owned).to_vec()];
    for (of, name, extent) in rows(&found) {
        let name = if name.is_empty() { "builds" } else { name };
        let since = extent.since.and_then(moment);
        let since = since.map(|at| at.to_zoned_datetime(TimeZone::system()));
        all.push(vec![
            of.key.clone(),
            name.to_owned(),
            state(extent),
            since.map_or_else(String::new, |at| at.strftime("%Y-%m-%d %H:%M").to_string()),
            extent.size.map(bytes).unwrap_or_default(),
            format!("{}{}", of.repository, remark(of, &owner)),
        ]);
    }
    context.print(&table::aligned(&all, true, true, context.out_style))?;
    if found.iter().any(|of| of.is_orphaned(&owner)) && !context.global.quiet {
        context.talk(
            "`upsun-local clean --orphans` removes what was made for repositories that are gone\n",
        );
    }
    Ok(0)
}

fn rows(found: &[Sandboxes]) -> impl Iterator<Item = (&Sandboxes, &str, &Extent)> {
    found.iter().flat_map(|of| {
        let environments = of.environments.iter();
        environments.map(move |(name, extent)| (of, name.as_str(), extent))
    })
}

fn moment(seconds: i64) -> Option<Timestamp> {
    Timestamp::from_second(seconds).ok()
}

fn state(extent: &Extent) -> String {
    match (extent.running, extent.containers) {
        (0, 0) => String::new(),
        (0, _) => "stopped".to_owned(),
        (running, all) if running == all => "up".to_owned(),
        (running, all) => format!("{running} of {all} up"),
    }
}

/// The remark about a repository: gone, moved, or of another user.
fn remark(of: &Sandboxes, owner: &str) -> &'static str {
    match (of.is_of(owner), of.is_missing()) {
        (true, true) => " (gone)",
        (true, false) => "",
        (false, _) => " (not yours, or of another machine)",
    }
}
