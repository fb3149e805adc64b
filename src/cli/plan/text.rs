//! A push in words, readable at 80 columns.

use super::Pushed;
use crate::cli::against::Base;
use upsun_local::comparison::difference::{Change, Entry};
use upsun_local::comparison::push::{Action, AppPush, Cause};
use upsun_local::comparison::services::ServiceChange;
use upsun_local::comparison::words::{self, fit};
use upsun_local::reporter::style::Style;
use upsun_local::text::{count, safe_line, width};

/// How wide a line may be.
const WIDTH: usize = 80;
/// Where what belongs to an app begins.
const INDENT: usize = 14;

/// Maximum number of causes to print for one app.
const MOST_CAUSES: usize = 12;
/// How many files are named at least, whatever room they take.
const FEWEST_FILES: usize = 3;

/// The whole.
pub(super) fn text(pushed: &Pushed, style: Style) -> String {
    let push = &pushed.push.changes;
    let mut page = Page {
        text: String::new(),
        style,
    };
    page.heading(&pushed.base, &pushed.push.uncommitted);
    for app in &push.apps {
        if app.action != Action::Nothing {
            page.app(app);
        }
    }
    page.unchanged(&push.apps);
    page.services(&push.services);
    page.entries_section("routes", &push.routes);
    page.text
}

struct Page {
    text: String,
    style: Style,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn heading(&mut self, base: &Base, uncommitted: &[String]) {
        let mut line = match &base.revision {
            Some(_) => format!("What a push does, compared with {}", base.title()),
            None => "What a first push does: there is no commit yet".to_owned(),
        };
        if base.revision.is_some() && !base.is_configured {
            line.push_str(", where nothing was configured");
        }
        self.line(&line);
        if base.is_assumed {
            let line = "Git knows of no push: compared with the last commit; use `--against` to name another";
            for line in wrap(line, 0) {
                self.line(&line);
            }
        }
        if !uncommitted.is_empty() {
            let is = if uncommitted.len() == 1 { "is" } else { "are" };
            let files = count(uncommitted.len(), "file");
            let line = format!("With {files} that {is} not committed: ");
            let names = fit(uncommitted, WIDTH - line.len(), FEWEST_FILES);
            for line in wrap(&(line + &names), 2) {
                self.line(&line);
            }
        }
    }

    /// A line of an app with a title in front, if it is the first of several.
    fn item(&mut self, title: &str, number: usize, item: &str) {
        let title = if number == 0 { title } else { "" };
        let line = format!("  {title:width$}{item}", width = INDENT - 2);
        self.line(&line);
    }

    /// Adds a line, wrapped to the width of the terminal.
    fn wrapped(&mut self, title: &str, number: usize, item: &str) {
        let mut lines = wrap(item, INDENT).into_iter();
        let first = lines.next().unwrap_or_default();
        self.item(title, number, first.trim_start());
        for line in lines {
            self.line(&line);
        }
    }

    fn app(&mut self, app: &AppPush) {
        let style = self.style;
        let what = match app.action {
            Action::Add => style.good("is new: built and deployed"),
            Action::Rebuild => style.strong("is built again and deployed"),
            Action::Redeploy => style.strong("is deployed again, with the build it has"),
            Action::Nothing => "stays as it is".to_owned(),
            Action::Remove => style.error("is removed"),
        };
        let name = style.strong(safe_line(&app.app));
        self.line(&format!("\n{name} {what}"));
        if let Some(earlier) = &app.renamed_from {
            let line = format!(
                "  It looks like `{}` with another name: to Upsun it is another app, and starts without its data.",
                safe_line(earlier)
            );
            for line in wrap(&line, 2) {
                self.line(&line);
            }
        }
        for (number, cause) in app.causes.iter().take(MOST_CAUSES).enumerate() {
            self.wrapped("because of", number, &because(cause));
        }
        if let Some(more) = app
            .causes
            .len()
            .checked_sub(MOST_CAUSES)
            .filter(|more| *more > 0)
        {
            self.item("", 0, &format!("and {more} more"));
        }
        if !app.hooks.is_empty() {
            self.item("hooks", 0, &app.hooks.join(", "));
        }
        // All that belongs to it comes and goes with it; that would only repeat the configuration.
        if !matches!(app.action, Action::Add | Action::Remove) {
            for (number, operation) in app.operations.iter().enumerate() {
                let words = words::operation(operation, style);
                self.item("operations", number, &words);
            }
            self.entries("workers", &app.workers);
            self.entries("crons", &app.crons);
        }
        for (number, mount) in app.mounts.iter().enumerate() {
            let words = words::mount(mount, style);
            self.wrapped("mounts", number, &words);
        }
    }

    /// Adds the entries that are new or removed; changes of others are among the causes.
    fn entries(&mut self, title: &str, entries: &[Entry]) {
        let entries = entries
            .iter()
            .filter(|entry| entry.change != Change::Changed);
        for (number, entry) in entries.enumerate() {
            let words = words::entry(entry, self.style, WIDTH - INDENT);
            self.item(title, number, &words);
        }
    }

    fn entries_section(&mut self, title: &str, entries: &[Entry]) {
        if entries.is_empty() {
            return;
        }
        let title = self.style.strong(title);
        self.line(&format!("\n{title}"));
        for entry in entries {
            let words = words::entry(entry, self.style, WIDTH - INDENT);
            self.line(&format!("  {words}"));
        }
    }

    fn services(&mut self, services: &[ServiceChange]) {
        if services.is_empty() {
            return;
        }
        let title = self.style.strong("services");
        self.line(&format!("\n{title}"));
        for service in services {
            let words = words::service(service, self.style, WIDTH);
            for line in wrap(&format!("  {words}"), 4) {
                self.line(&line);
            }
        }
    }

    /// The apps to which nothing happens, and their last hook.
    fn unchanged(&mut self, apps: &[AppPush]) {
        let same: Vec<&AppPush> = apps
            .iter()
            .filter(|app| app.action == Action::Nothing)
            .collect();
        let hooks = same.iter().filter(|app| !app.hooks.is_empty()).count();
        let Some(first) = same.first() else {
            return;
        };
        let hook = match (same.len(), hooks) {
            (_, 0) => String::new(),
            (1, _) => "; only its post_deploy hook runs".to_owned(),
            (all, hooks) if all == hooks => "; only their post_deploy hooks run".to_owned(),
            (_, hooks) => format!("; only the post_deploy hook runs, on {hooks} of them"),
        };
        let line = if same.len() == 1 {
            format!("{} stays as it is{hook}", safe_line(&first.app))
        } else {
            let names: Vec<String> = same.iter().map(|app| app.app.clone()).collect();
            let all = count(same.len(), "app");
            let room = WIDTH * 2 - all.len() - hook.len() - 20;
            format!("{all} stay as they are: {}{hook}", fit(&names, room, 1))
        };
        self.text.push('\n');
        for line in wrap(&line, 0) {
            self.line(&line);
        }
    }
}

fn because(cause: &Cause) -> String {
    if cause.path == "source" && !cause.files.is_empty() {
        let files = count(cause.files.len(), "file");
        let room = WIDTH - INDENT - "source: ".len() - files.len() - 2;
        return format!("source: {files}: {}", fit(&cause.files, room, FEWEST_FILES));
    }
    let how = match cause.change {
        Change::Added => " (new)",
        Change::Removed => " (gone)",
        Change::Changed => "",
    };
    format!("{}{how}", safe_line(&cause.path))
}

/// Lines of words; those after the first are indented. Colours take no room.
fn wrap(text: &str, indent: usize) -> Vec<String> {
    let begin = text.len() - text.trim_start().len();
    let mut lines = vec![" ".repeat(begin)];
    let mut taken = begin.max(indent);
    for word in text.split_whitespace() {
        let length = width(word);
        let is_first = lines.last().is_none_or(|line| line.trim().is_empty());
        if !is_first && taken + 1 + length > WIDTH {
            lines.push(" ".repeat(indent) + word);
            taken = indent + length;
            continue;
        }
        if let Some(line) = lines.last_mut() {
            if !is_first {
                line.push(' ');
                taken += 1;
            }
            line.push_str(word);
        }
        taken += length;
    }
    lines
}
