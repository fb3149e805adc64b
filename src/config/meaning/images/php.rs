//! The extensions of a PHP image: that Upsun has them for its version.
//!
//! Those of a composable image come from Nix, which has others.

use super::super::super::decode::item_name;
use super::super::super::node::Node;
use super::super::super::php_extensions::{State, Version};
use super::super::super::report::Report;
use super::super::{error, warning};

const DOCS: &str = "/languages/php/extensions.html";

pub(super) fn extensions(app: &Node, version: &str, report: &mut Report) {
    // The extensions of an unknown version are unknown.
    let (Some(version), Some(runtime)) = (Version::find(version), app.get("runtime")) else {
        return;
    };
    let items = |key| runtime.get(key).map(Node::items).unwrap_or_default();
    for item in items("extensions") {
        if let Some(name) = item_name(item) {
            switched_on(&name, item, version, report);
        }
    }
    for item in items("disabled_extensions") {
        if let Some(name) = item_name(item) {
            switched_off(&name, item, version, report);
        }
    }
}

/// The only part of PHP that Upsun is known to refuse in a list. Projects that run on Upsun list `opcache`.
const REFUSED: &str = "json";

fn switched_on(name: &str, item: &Node, version: Version, report: &mut Report) {
    let problem = match version.state(name) {
        Some(State::Available | State::Default) => return,
        Some(State::BuiltIn) => {
            let message = format!("the extension `{name}` is built into PHP {version}");
            let problem = if name == REFUSED {
                let message = format!("{message}, and Upsun refuses it in a list");
                error(report, "U328", item.span, message)
            } else {
                warning(report, "U328", item.span, message)
            };
            problem.hint("remove it from `extensions`: it is always on")
        }
        None if report.overflows() => return,
        None => {
            let message = format!("Upsun has no extension `{name}` for PHP {version}");
            error(report, "U328", item.span, message).hint(version.hint(name))
        }
    };
    report.add(problem.docs(DOCS));
}

fn switched_off(name: &str, item: &Node, version: Version, report: &mut Report) {
    let (message, hint) = match version.state(name) {
        Some(State::Default) => return,
        Some(State::BuiltIn) => (
            format!(
                "the extension `{name}` is built into PHP {version}, and cannot be switched off"
            ),
            "remove it from `disabled_extensions`".to_owned(),
        ),
        Some(State::Available) => (
            format!("the extension `{name}` is off unless `extensions` switches it on"),
            "remove it from `disabled_extensions`".to_owned(),
        ),
        None => (
            format!(
                "Upsun has no extension `{name}` for PHP {version}, so there is nothing to switch off"
            ),
            version.hint(name),
        ),
    };
    let problem = warning(report, "U328", item.span, message);
    report.add(problem.hint(hint).docs(DOCS));
}
