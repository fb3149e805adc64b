//! Relationships: that their targets and endpoints exist, and that none leads back to its beginning.
//!
//! Source: <https://docs.upsun.com/create-apps/multi-app/relationships.html>

use std::collections::HashMap;

use super::super::merge::Merged;
use super::super::node::{Entry, Node, Value};
use super::super::report::Report;
use super::super::schema::nearest;
use super::super::source::Span;
use super::super::versions::{self, Available};
use super::{containers, entries, error};

const DOCS: &str = "/create-apps/image-properties/relationships.html";
const CYCLE_DOCS: &str = "/create-apps/multi-app/relationships.html";

/// Services whose endpoints are those that their configuration names, if it names any.
const CONFIGURED: [&str; 7] = [
    "clickhouse",
    "mariadb",
    "mysql",
    "oracle-mysql",
    "postgresql",
    "solr",
    "vault-kms",
];

/// A relationship as far as it can be followed.
struct Target<'a> {
    /// The relationship itself.
    entry: &'a Entry,
    name: &'a str,
    name_span: Span,
    endpoint: Option<(&'a str, Span)>,
}

pub(super) fn check(merged: &Merged, partial: bool, report: &mut Report) {
    let mut edges: HashMap<&str, Vec<(&str, Span)>> = HashMap::new();
    for app in merged.applications.values() {
        for (index, (_, container)) in containers(app).enumerate() {
            for entry in entries(container, "relationships") {
                let Some(target) = target(entry) else {
                    continue;
                };
                follow(&target, merged, partial, report);
                // A worker is a container of its own: it may well ask its application.
                let is_web = index == 0 || app.value.get("web").is_some() && index == 1;
                if is_web {
                    let edge = (target.name, target.name_span);
                    edges.entry(&app.key).or_default().push(edge);
                }
            }
        }
    }
    for service in merged.services.values() {
        for entry in entries(&service.value, "relationships") {
            let Some(target) = target(entry) else {
                continue;
            };
            follow(&target, merged, partial, report);
            let edge = (target.name, target.name_span);
            edges.entry(&service.key).or_default().push(edge);
        }
    }
    cycles(merged, &edges, report);
}

fn target(entry: &Entry) -> Option<Target<'_>> {
    let span = entry.value.span;
    match &entry.value.value {
        Value::Null => Some(Target {
            entry,
            name: &entry.key,
            name_span: entry.key_span,
            endpoint: None,
        }),
        Value::Text(text) => Some(match text.split_once(':') {
            Some((name, endpoint)) => Target {
                entry,
                name,
                name_span: span,
                endpoint: Some((endpoint, span)),
            },
            None => Target {
                entry,
                name: text,
                name_span: span,
                endpoint: None,
            },
        }),
        Value::Map(_) => {
            let service = entry.value.get("service");
            let endpoint = entry.value.get("endpoint");
            Some(Target {
                entry,
                name: service.map_or(Some(&*entry.key), Node::text)?,
                name_span: service.map_or(entry.key_span, |service| service.span),
                endpoint: endpoint.and_then(|node| Some((node.text()?, node.span))),
            })
        }
        _ => None,
    }
}

fn follow(target: &Target<'_>, merged: &Merged, partial: bool, report: &mut Report) {
    let name = target.name;
    if merged.applications.contains_key(name) {
        match target.endpoint {
            Some(("http", _)) => {}
            Some((endpoint, span)) => {
                let message = format!("the application `{name}` has no endpoint `{endpoint}`");
                let problem = error(report, "U341", span, message);
                report.add(
                    problem
                        .hint("an application has one endpoint, `http`")
                        .docs(DOCS),
                );
            }
            None => {
                let message =
                    format!("`{name}` is an application, and those have no default endpoint");
                let problem = error(report, "U341", target.name_span, message);
                let hint = format!("write `{{service: {name}, endpoint: http}}`");
                report.add(problem.hint(hint).docs(DOCS));
            }
        }
        return;
    }
    if let Some(service) = merged.services.get(name) {
        if let Some((endpoint, span)) = target.endpoint {
            service_endpoint(service, endpoint, span, report);
        }
        return;
    }
    if partial || report.overflows() {
        return;
    }
    let message = format!("there is no service or application `{name}`");
    let problem = error(report, "U340", target.name_span, message);
    report.add(problem.hint(unknown_hint(target, merged)).docs(DOCS));
}

/// What was meant by a relationship whose target is not there.
fn unknown_hint(target: &Target<'_>, merged: &Merged) -> String {
    let name = target.name;
    let key = &target.entry.key;
    let has_levels = matches!(&**key, "service" | "endpoint");
    if has_levels && target.entry.value.text().is_some() {
        return format!(
            "put the name of the relationship in between: `database:`, and below it `{key}: …`"
        );
    }
    let known = merged.services.keys().chain(merged.applications.keys());
    if let Some(near) = nearest(name, known.map(|key| &**key)) {
        return format!("did you mean `{near}`?");
    }
    if name.is_empty() || !names_service(target.entry) {
        return match only(target, merged) {
            Some(service) => format!("name the service of the relationship: `service: {service}`"),
            None => format!(
                "name the service of the relationship with `service`; without it, `{key}` itself is taken for the service"
            ),
        };
    }
    format!("define `{name}` under `services`, or correct the name")
}

/// Whether a relationship says which service it leads to.
fn names_service(relationship: &Entry) -> bool {
    match &relationship.value.value {
        Value::Null => false,
        Value::Map(_) => relationship.value.get("service").is_some(),
        _ => true,
    }
}

/// The only service that has the endpoint of a relationship, if there is one.
fn only<'a>(target: &Target<'_>, merged: &'a Merged) -> Option<&'a str> {
    let (endpoint, _) = target.endpoint?;
    let mut fitting = merged.services.values().filter(|service| {
        let kind = service.value.text_of("type").unwrap_or_default();
        let kind = kind.split(':').next().unwrap_or_default();
        versions::find(kind).is_some_and(|known| known.is_service && known.endpoint == endpoint)
    });
    let service = fitting.next()?;
    fitting.next().is_none().then_some(&*service.key)
}

/// Endpoints that the service's configuration defines, or else the one that its type has.
fn service_endpoint(service: &Entry, endpoint: &str, span: Span, report: &mut Report) {
    let kind = service.value.text_of("type").unwrap_or_default();
    let kind = kind.split(':').next().unwrap_or_default();
    let configured: Vec<&str> = service
        .value
        .get("configuration")
        .map(|configuration| entries(configuration, "endpoints"))
        .unwrap_or_default()
        .iter()
        .map(|entry| &*entry.key)
        .collect();
    let known: Vec<&str> = match versions::find(kind) {
        Some(available) if CONFIGURED.contains(&available.name) && !configured.is_empty() => {
            configured
        }
        Some(available) if available.is_service => endpoints(available, endpoint),
        _ => return,
    };
    if known.contains(&endpoint) {
        return;
    }
    let list: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    let message = format!("the service `{}` has no endpoint `{endpoint}`", service.key);
    let problem = error(report, "U341", span, message);
    report.add(
        problem
            .hint(format!("its endpoints are {}", list.join(", ")))
            .docs(DOCS),
    );
}

/// The endpoints of a service that its configuration does not name. Some types have more than their pages
/// say: there, only what certainly belongs to another type is refused.
fn endpoints<'a>(available: &Available, endpoint: &'a str) -> Vec<&'a str> {
    const OPEN: [&str; 13] = [
        "chrome-headless",
        "gotenberg",
        "network-storage",
        "valkey",
        "valkey-persistent",
        "varnish",
        "vault-kms",
        "influxdb",
        "rabbitmq",
        "mercure",
        "redis",
        "redis-persistent",
        "elasticsearch-enterprise",
    ];
    let mut known = vec![available.endpoint];
    match available.name {
        // ClickHouse has an endpoint for each protocol.
        "clickhouse" => known.push("clickhouse-http"),
        // Databases without endpoints have one of this name.
        "postgresql" => known.push("main"),
        _ => {}
    }
    if OPEN.contains(&available.name) {
        let is_foreign = versions::AVAILABLE
            .iter()
            .any(|other| other.is_service && other.endpoint == endpoint);
        let is_kin = match available.name {
            "valkey" | "valkey-persistent" => endpoint == "redis",
            "vault-kms" | "network-storage" => true,
            "redis" | "redis-persistent" => false,
            _ => endpoint == "http",
        };
        if !is_foreign || is_kin {
            known.push(endpoint);
        }
    }
    known
}

/// Every cycle is reported once, at its first relationship in the order of the files.
fn cycles<'a>(
    merged: &'a Merged,
    edges: &HashMap<&'a str, Vec<(&'a str, Span)>>,
    report: &mut Report,
) {
    // Where on the path from `start` a name stands; `None` once everything behind it was followed.
    let mut places: HashMap<&str, Option<usize>> = HashMap::new();
    for start in merged.applications.keys().chain(merged.services.keys()) {
        let start = &**start;
        if places.contains_key(start) {
            continue;
        }
        // Each step with the number of its edges that were taken.
        let mut path: Vec<(&str, usize)> = vec![(start, 0)];
        places.insert(start, Some(0));
        while let Some((name, taken)) = path.last_mut() {
            let name = *name;
            let Some((target, _)) = edges.get(name).and_then(|edges| edges.get(*taken)) else {
                places.insert(name, None);
                path.pop();
                continue;
            };
            *taken += 1;
            match places.get(target) {
                Some(Some(begin)) => cycle(&path[*begin..], edges, report),
                Some(None) => {}
                None => {
                    places.insert(target, Some(path.len()));
                    path.push((target, 0));
                }
            }
        }
    }
}

fn cycle(steps: &[(&str, usize)], edges: &HashMap<&str, Vec<(&str, Span)>>, report: &mut Report) {
    if report.overflows() {
        return;
    }
    let first = steps
        .iter()
        .filter_map(|(name, next)| Some((*name, edges.get(name)?.get(next - 1)?.1)))
        .min_by_key(|(_, span)| (span.file, span.start));
    let Some((name, span)) = first else { return };
    let problem = if steps.len() == 1 {
        error(
            report,
            "U342",
            span,
            format!("`{name}` has a relationship to itself"),
        )
    } else {
        let from = steps
            .iter()
            .position(|(step, _)| *step == name)
            .unwrap_or(0);
        let mut names: Vec<String> = steps[from..]
            .iter()
            .chain(&steps[..=from])
            .map(|(step, _)| format!("`{step}`"))
            .collect();
        if names.len() > 8 {
            names.splice(4..names.len() - 2, ["…".to_owned()]);
        }
        let message = format!("these relationships form a cycle: {}", names.join(" → "));
        error(report, "U342", span, message)
    };
    let hint = "none of them could start first: remove one, and call by its public address instead";
    report.add(problem.hint(hint).docs(CYCLE_DOCS));
}
