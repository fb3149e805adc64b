//! Reports: lines for people, JUnit's XML, annotations for GitHub.

use crate::text;
use std::fmt::Write;

use super::{EngineUse, Report, Status, Verdict};
use crate::reporter::style::Style;
use crate::settings::FILE_NAME;
use crate::text::{duration, github_message, github_property, safe, safe_line};

/// How many lines of what an operation printed are shown.
const SHOWN: usize = 10;

/// How many characters of a line are shown.
const WIDEST: usize = 300;

/// One test for people, with what was wrong below it.
pub fn line(verdict: &Verdict, style: Style) -> String {
    let time = duration(verdict.duration);
    let name = safe_line(&verdict.name);
    let mut text = match &verdict.status {
        Status::Passed => format!("{}  {name} ({time})\n", style.good("PASS")),
        Status::Failed(_) => format!("{}  {name} ({time})\n", style.error("FAIL")),
        Status::Error(_) => format!("{} {name}\n", style.error("ERROR")),
        Status::Skipped(why) => return format!("SKIP  {name}: {}\n", safe(why)),
    };
    for message in verdict.status.messages() {
        for part in message.lines() {
            let _ = writeln!(text, "      {}", safe(part));
        }
    }
    for note in &verdict.notes {
        let _ = writeln!(text, "      {}: {}", style.warning("warning"), safe(note));
    }
    if verdict.status == Status::Passed {
        return text;
    }
    // Only tests of the settings have a line; the name of a generated test says what it is.
    if let Some(line) = verdict.line {
        let what = format!(
            "{FILE_NAME}:{line}: {} on {} as {}",
            safe_line(&verdict.operation),
            safe_line(&verdict.container),
            safe_line(&verdict.who)
        );
        let _ = writeln!(text, "      {}", style.faint(what));
    }
    for printed in printed(verdict) {
        let _ = writeln!(text, "      | {printed}");
    }
    text
}

/// The ends of what an operation printed, which is where errors are.
fn printed(verdict: &Verdict) -> Vec<String> {
    let (out, errors) = &verdict.output;
    let mut lines = Vec::new();
    for (name, text) in [("standard output", out), ("standard error", errors)] {
        let count = text.lines().count();
        if count == 0 {
            continue;
        }
        let is_both = !out.is_empty() && !errors.is_empty();
        let hidden = count.saturating_sub(SHOWN);
        match (is_both, hidden) {
            (false, 0) => {}
            (false, _) => lines.push(format!("[after {}]", text::count(hidden, "line"))),
            (true, 0) => lines.push(format!("[{name}]")),
            (true, _) => {
                lines.push(format!("[{name}, after {}]", text::count(hidden, "line")));
            }
        }
        lines.extend(text.lines().skip(hidden).map(|line| {
            let shown: String = line.chars().take(WIDEST).collect();
            let more = if shown.len() < line.len() { "…" } else { "" };
            format!("{}{more}", safe(&shown))
        }));
    }
    lines
}

/// How many of which.
pub fn summary(verdicts: &[Verdict]) -> String {
    let of = |name: &str| {
        verdicts
            .iter()
            .filter(|verdict| verdict.status.name() == name)
            .count()
    };
    let mut parts = vec![format!("{} passed", of("passed"))];
    for name in ["failed", "error", "skipped"] {
        if of(name) > 0 {
            parts.push(format!("{} {name}", of(name)));
        }
    }
    let tests = text::count(verdicts.len(), "test");
    format!("{tests}: {}", parts.join(", "))
}

/// How the apps were tested if `report.synced`.
const AS_EDITED: &str = "as edited, not a clean build";

/// The summary of a report, which says if the apps were not clean builds.
pub fn summary_of(report: &Report) -> String {
    let summary = summary(&report.verdicts);
    if report.synced {
        format!("{summary}; {AS_EDITED}")
    } else {
        summary
    }
}

/// One line for each of several engines.
pub fn summary_of_engines(engines: &[EngineUse]) -> String {
    let line = |engine: &EngineUse| {
        let lost = engine
            .lost
            .as_ref()
            .map(|why| format!(", then given up: {why}"));
        let (name, tests) = (safe_line(&engine.name), text::count(engine.tests, "test"));
        format!(
            "  {name}: {tests}{}\n",
            safe_line(&lost.unwrap_or_default())
        )
    };
    engines.iter().map(line).collect()
}

/// JUnit's XML, as Jenkins, GitLab and others read it: a suite per app, a case per test.
pub fn junit(report: &Report) -> String {
    let verdicts = &report.verdicts;
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let counts = |verdicts: &[&Verdict]| {
        let of = |name: &str| {
            verdicts
                .iter()
                .filter(|verdict| verdict.status.name() == name)
                .count()
        };
        let time: f64 = verdicts
            .iter()
            .map(|verdict| verdict.duration.as_secs_f64())
            .sum();
        format!(
            "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{time:.3}\"",
            verdicts.len(),
            of("failed"),
            of("error"),
            of("skipped")
        )
    };
    let all: Vec<&Verdict> = verdicts.iter().collect();
    let _ = writeln!(text, "<testsuites name=\"upsun-local\" {}>", counts(&all));
    let mut containers: Vec<&str> = Vec::new();
    for verdict in verdicts {
        if !containers.contains(&verdict.container.as_str()) {
            containers.push(&verdict.container);
        }
    }
    for container in containers {
        let of: Vec<&Verdict> = verdicts
            .iter()
            .filter(|verdict| verdict.container == container)
            .collect();
        let _ = writeln!(
            text,
            "  <testsuite name=\"{}\" {}>",
            escaped(container),
            counts(&of)
        );
        if report.synced {
            let _ = writeln!(
                text,
                "    <properties>\n      <property name=\"tested\" value=\"{AS_EDITED}\"/>\n    </properties>"
            );
        }
        for verdict in of {
            case(&mut text, verdict);
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn case(text: &mut String, verdict: &Verdict) {
    let _ = write!(
        text,
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
        escaped(&format!("{}.{}", verdict.container, verdict.operation)),
        escaped(&verdict.name),
        verdict.duration.as_secs_f64()
    );
    if verdict.status == Status::Passed {
        if verdict.notes.is_empty() {
            text.push_str("/>\n");
        } else {
            let notes = escaped(&verdict.notes.join("\n"));
            let _ = writeln!(
                text,
                ">\n      <system-out>{notes}</system-out>\n    </testcase>"
            );
        }
        return;
    }
    text.push_str(">\n");
    let messages = verdict.status.messages();
    let first = messages.first().map(String::as_str).unwrap_or_default();
    let element = match verdict.status {
        Status::Error(_) => "error",
        Status::Skipped(_) => "skipped",
        _ => "failure",
    };
    let _ = writeln!(
        text,
        "      <{element} message=\"{}\">{}</{element}>",
        escaped(first),
        escaped(&messages.join("\n"))
    );
    let (out, errors) = &verdict.output;
    for (element, printed) in [("system-out", out), ("system-err", errors)] {
        if !printed.is_empty() {
            let _ = writeln!(text, "      <{element}>{}</{element}>", escaped(printed));
        }
    }
    text.push_str("    </testcase>\n");
}

/// Escapes a text for XML 1.0, which has no way to write most control characters.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            // Readers take a return for the end of a line, which it is only by itself.
            '\r' if characters.peek() == Some(&'\n') => {}
            '\r' => out.push('\n'),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Workflow commands, which GitHub shows at the line of the test in `file`.
pub fn github(report: &Report, file: &str) -> String {
    let mut text = String::new();
    if report.synced {
        let _ = writeln!(
            text,
            "::notice title=upsun-local::The apps were tested {AS_EDITED}"
        );
    }
    for verdict in &report.verdicts {
        let level = match verdict.status {
            Status::Passed if verdict.notes.is_empty() => continue,
            Status::Passed => "warning",
            Status::Skipped(_) => "notice",
            _ => "error",
        };
        let mut properties = format!("title={}", github_property(&shown(&verdict.name)));
        if let Some(line) = verdict.line {
            let _ = write!(properties, ",file={},line={line}", github_property(file));
        }
        let mut words = [verdict.status.messages(), verdict.notes.as_slice()].concat();
        if verdict.status == Status::Passed {
            let _ = writeln!(
                text,
                "::{level} {properties}::{}",
                github_message(&shown(&words.join("\n")))
            );
            continue;
        }
        words.extend(printed(verdict).into_iter().map(|line| format!("| {line}")));
        let _ = writeln!(
            text,
            "::{level} {properties}::{}",
            github_message(&shown(&words.join("\n")))
        );
    }
    text
}

/// Lines without control characters.
fn shown(text: &str) -> String {
    let is_shown = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
    text.replace("\r\n", "\n")
        .chars()
        .filter(is_shown)
        .collect()
}
