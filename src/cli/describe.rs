//! A plan in words, for `--dry-run`.

use std::fmt::Write;

use upsun_local::plan::AppPlan;
use upsun_local::reporter::style::Style;
use upsun_local::text::safe;

/// What would be there, from the image to the hooks.
pub(super) fn plan(plan: &AppPlan, style: Style) -> String {
    let mut text = String::new();
    let root = if plan.source_root.is_empty() {
        "the whole repository"
    } else {
        &plan.source_root
    };
    let _ = writeln!(text, "{}", style.strong(safe(&plan.app)));
    let _ = writeln!(text, "  image    {}", plan.image);
    let _ = writeln!(text, "  source   {}", safe(root));
    let _ = writeln!(text, "  build    {}", &plan.build.id[..12]);
    for step in &plan.build.steps {
        let _ = writeln!(
            text,
            "           {}: {}",
            step.step.key(),
            first_line(&step.script)
        );
    }
    for container in &plan.containers {
        let _ = writeln!(text, "  {}", style.strong(safe(&container.container.name)));
        let _ = writeln!(
            text,
            "    user   {}, file system read-only, no capabilities",
            container.container.user
        );
        for volume in &container.container.volumes {
            let access = if volume.read_only {
                "read-only"
            } else {
                "writable"
            };
            let _ = writeln!(
                text,
                "    {access:<9}  {}  ({})",
                safe(&volume.target),
                volume.volume
            );
        }
        for tmpfs in &container.container.tmpfs {
            let _ = writeln!(text, "    writable   {}  (memory)", tmpfs.target);
        }
        if let Some(front) = plan.front.as_ref().filter(|_| container.worker.is_none()) {
            let image = safe(&front.proxy.container.image);
            let _ = writeln!(text, "    front      port 80  ({image})");
        }
        for hook in &container.hooks {
            let _ = writeln!(
                text,
                "    {}: {}",
                hook.step.key(),
                first_line(&hook.script)
            );
        }
    }
    text
}

/// The first line of a script that is not empty, marked where more follow.
pub(super) fn first_line(script: &str) -> String {
    let mut lines = script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    let first = safe(lines.next().unwrap_or_default());
    if lines.next().is_some() {
        format!("{first} …")
    } else {
        first
    }
}
