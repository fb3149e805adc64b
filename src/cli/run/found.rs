//! Lets somebody choose an operation on a terminal.

use std::io::IsTerminal;

use super::super::context::Context;
use upsun_local::config::app::App;
use upsun_local::failure::Failure;
use upsun_local::workspace::{Found, Target, Workspace, all_operations, find_app};

/// Offers the operations on a terminal; elsewhere lists them and fails.
pub(super) fn choose<'a>(
    context: &Context,
    workspace: &'a Workspace,
    target: &Target,
) -> Result<Found<'a>, Failure> {
    let apps: Vec<&App> = match &target.app {
        Some(app) => vec![find_app(&workspace.config, app)?],
        None => workspace.config.apps.values().collect(),
    };
    let all: Vec<Found<'a>> = all_operations(&apps)
        .into_iter()
        .filter(|found| target.worker.is_none() || target.worker.as_deref() == found.worker)
        .collect();
    let lines: Vec<String> = all
        .iter()
        .map(|found| {
            let command = found
                .operation
                .start
                .trim()
                .lines()
                .next()
                .unwrap_or_default();
            upsun_local::text::safe(&format!(
                "{} on {} ({}): {command}",
                found.operation.name,
                found.place(),
                found.operation.role
            ))
        })
        .collect();
    if all.is_empty() {
        return Err(Failure::usage("no operations are defined")
            .hint("define one under `applications.<app>.operations` in .upsun/config.yaml; see https://docs.upsun.com/create-apps/runtime-operations.html"));
    }
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() || context.global.yes {
        let list: String = lines.iter().map(|line| format!("\n  {line}")).collect();
        return Err(Failure::usage(format!("which operation? There are:{list}"))
            .hint("upsun-local run <OPERATION>"));
    }
    // Longer lines would wrap, and the list would be drawn over itself.
    let width = rustix::termios::tcgetwinsize(std::io::stderr())
        .map_or(80, |size| usize::from(size.ws_col).max(40));
    let items = lines.iter().map(|line| cut(line, width - 4));
    let chosen = dialoguer::Select::new()
        .with_prompt("Which operation")
        .items(items)
        .default(0)
        .interact_opt()
        .map_err(|err| Failure::usage(format!("no operation was chosen: {err}")))?;
    chosen
        .and_then(|at| all.get(at).copied())
        .ok_or_else(|| Failure::usage("no operation was chosen"))
}

/// Shortens a line to `width` characters.
fn cut(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let kept: String = line.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}
