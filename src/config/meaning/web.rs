//! `web.locations`: paths and rules.
//!
//! Source: <https://docs.upsun.com/create-apps/image-properties/web.html>

use super::super::node::{Entry, Value};
use super::super::report::Report;
use super::{entries, error, pattern};

const DOCS: &str = "/create-apps/image-properties/web.html";

pub(super) fn check(app: &Entry, report: &mut Report) {
    let Some(web) = app.value.get("web") else {
        return;
    };
    for location in entries(web, "locations") {
        // What is no mapping is no location: that was said before.
        let is_location = matches!(location.value.value, Value::Map(_));
        if is_location && !location.key.starts_with('/') {
            let message = format!(
                "the location `{}` does not start with a slash",
                location.key
            );
            let problem = error(report, "U370", location.key_span, message);
            let hint = format!("write `/{}`", location.key);
            report.add(problem.hint(hint).docs(DOCS));
        }
        for rule in entries(&location.value, "rules") {
            if let Err(why) = pattern::check(&rule.key) {
                let message = format!("`{}` is not a regular expression: {why}", rule.key);
                let problem = error(report, "U356", rule.key_span, message);
                let hint = if rule.key.starts_with("*.") {
                    format!("write `\\.{}$`", &rule.key[2..])
                } else {
                    "escape the character with a backslash".to_owned()
                };
                report.add(problem.hint(hint).docs(DOCS));
            }
        }
    }
}
