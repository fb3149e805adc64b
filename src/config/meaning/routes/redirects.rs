//! Redirects that end where they began, be it a whole route's or that of a path.
//!
//! Source: <https://docs.upsun.com/define-routes/redirects.html>

use std::collections::HashMap;

use super::super::super::merge::Merged;
use super::super::super::node::{Entry, Value};
use super::super::super::report::Report;
use super::super::super::source::Span;
use super::super::{entries, error};
use super::{add, canonical};

/// How many parts of a path are taken off to find the route that serves it.
const DEEPEST: usize = 64;

/// Where each address leads, by the address.
type Steps<'a> = HashMap<String, (String, Span, &'a str)>;

pub(super) fn check(merged: &Merged, report: &mut Report) {
    let routes: HashMap<String, &Entry> = merged
        .routes
        .values()
        .map(|route| (canonical(&route.key), route))
        .collect();
    whole(merged, &routes, report);
    for route in merged.routes.values() {
        paths(route, report);
    }
}

/// Routes of the type `redirect`: the route that serves its target must not lead back.
fn whole(merged: &Merged, routes: &HashMap<String, &Entry>, report: &mut Report) {
    let steps: Steps<'_> = merged
        .routes
        .values()
        .filter(|route| route.value.text_of("type") == Some("redirect"))
        .filter_map(|route| {
            let to = route.value.get("to")?;
            let server = serving(&canonical(to.text()?), routes)?;
            Some((canonical(&route.key), (server, to.span, &*route.key)))
        })
        .collect();
    let order = merged.routes.keys().map(|key| canonical(key));
    circles(&steps, order, report);
}

/// The route that serves an address: the one that begins it with the most parts. Where the default domain
/// has none of its own, those of every domain count.
fn serving(address: &str, routes: &HashMap<String, &Entry>) -> Option<String> {
    let mut at = address;
    for _ in 0..DEEPEST {
        if routes.contains_key(at) {
            return Some(at.to_owned());
        }
        let (shorter, _) = at.rsplit_once('/')?;
        if shorter.ends_with('/') {
            break;
        }
        at = shorter;
    }
    let every = address.replacen("{default}", "{all}", 1);
    (every != address).then(|| serving(&every, routes))?
}

/// The `redirects` of one route, as far as they are plain paths.
fn paths(route: &Entry, report: &mut Report) {
    let Some(redirects) = route.value.get("redirects") else {
        return;
    };
    let base = canonical(&route.key);
    let host_end = base
        .find("://")
        .and_then(|at| Some(at + 3 + base[at + 3..].find('/')?))
        .unwrap_or(base.len());
    let host = &base[..host_end];
    let is_plain = |path: &&Entry| {
        let regexp = path.value.get("regexp").map(|node| &node.value);
        !matches!(regexp, Some(Value::Bool(true)))
    };
    let plain = || entries(redirects, "paths").iter().filter(is_plain);
    let steps: Steps<'_> = plain()
        .filter_map(|path| {
            let to = path.value.get("to")?;
            let text = to.text()?;
            let target = text.strip_prefix(host).unwrap_or(text);
            Some((
                path.key.to_string(),
                (target.to_owned(), to.span, &*path.key),
            ))
        })
        .collect();
    circles(&steps, plain().map(|path| path.key.to_string()), report);
}

/// Every circle is reported once, at its first member.
fn circles(steps: &Steps<'_>, order: impl Iterator<Item = String>, report: &mut Report) {
    // The walk that passed each address: a walk that meets an address of its own goes in a circle.
    let mut passed: HashMap<&str, usize> = HashMap::new();
    let mut starts: Vec<(&str, &(String, Span, &str))> = Vec::new();
    for (walk, begin) in order.enumerate() {
        let Some((mut at, _)) = steps
            .get_key_value(&begin)
            .map(|(at, step)| (at.as_str(), step))
        else {
            continue;
        };
        while let Some((key, step)) = steps.get_key_value(at) {
            match passed.insert(key, walk) {
                None => at = &step.0,
                Some(earlier) => {
                    if earlier == walk {
                        starts.push((key, step));
                    } else {
                        // The walk that was here first has told everything.
                        passed.insert(key, earlier);
                    }
                    break;
                }
            }
        }
    }
    for (key, (to, span, written)) in starts {
        let message = if key == to {
            format!("the redirect of `{written}` leads to itself")
        } else {
            format!("the redirect of `{written}` leads back to it")
        };
        let problem = error(report, "U354", *span, message);
        let hint = "browsers give up on such a loop: one of its addresses must be served";
        add(report, problem, hint);
    }
}
