//! From a route's pattern to the place where it answers here.

use indexmap::IndexMap;
use serde_json::Value;

/// Where a route answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The host, without the port.
    pub(super) host: String,
    /// The path, with a slash at both ends.
    pub(super) path: String,
    /// The whole address.
    pub(super) url: String,
}

impl Place {
    /// Whether of two patterns for one place the new one counts: `https` before `http`, `{default}` before `{all}`,
    /// else the earlier one.
    pub(super) fn goes_before(new: &str, old: &str) -> bool {
        let rank = |pattern: &str| (pattern.starts_with("https:"), pattern.contains("{default}"));
        rank(new) > rank(old)
    }
}

/// How hosts are resolved.
#[derive(Debug)]
pub(super) struct Places {
    /// The host of `{default}`.
    host: String,
    port: u16,
    /// The default domain, where the configuration names it instead of writing `{default}`.
    domain: Option<String>,
    /// The hosts that routes name without a placeholder.
    absolute: Vec<String>,
}

impl Places {
    pub(super) fn of(routes: &IndexMap<String, Value>, host: &str, port: u16) -> Places {
        let absolute: Vec<String> = routes
            .keys()
            .filter(|pattern| !has_placeholder(pattern))
            .filter_map(|pattern| Some(parts(pattern)?.0))
            .collect();
        let first = routes
            .iter()
            .filter(|(_, route)| route.get("upstream").is_some())
            .find_map(|(pattern, _)| Some(parts(pattern)?.0));
        let domain = first
            .filter(|_| !routes.keys().any(|pattern| has_placeholder(pattern)))
            .map(|host| host.trim_start_matches("www.").to_owned());
        Places {
            host: host.to_owned(),
            port,
            domain,
            absolute,
        }
    }

    /// Where a pattern answers; `None` for what is no address.
    pub(super) fn resolve(&self, pattern: &str) -> Option<Place> {
        let (host, path) = parts(pattern)?;
        let host = self.host_of(&host);
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let path = match path.trim_matches('/') {
            "" => "/".to_owned(),
            inner => format!("/{inner}/"),
        };
        let url = format!("http://{host}:{}{path}", self.port);
        Some(Place { host, path, url })
    }

    /// Where a redirect leads: to a place here when it names one of the routes' hosts, else as it is written.
    pub(super) fn target(&self, to: &str) -> String {
        let Some((host, path)) = parts(to) else {
            return to.to_owned();
        };
        if has_placeholder(&host) || self.absolute.contains(&host) {
            format!("http://{}:{}{path}", self.host_of(&host), self.port)
        } else {
            to.to_owned()
        }
    }

    fn host_of(&self, host: &str) -> String {
        let own = &self.host;
        let resolved = if has_placeholder(host) {
            host.replace("{default}", own).replace("{all}", own)
        } else {
            let below = self.domain.as_ref().and_then(|domain| {
                let before = host.strip_suffix(domain.as_str())?;
                (before.is_empty() || before.ends_with('.')).then(|| format!("{before}{own}"))
            });
            below.unwrap_or_else(|| format!("{host}.{own}"))
        };
        resolved
            .to_lowercase()
            .chars()
            .enumerate()
            .map(|(at, c)| {
                let plain = c.is_ascii_alphanumeric() || ".-".contains(c);
                if plain || (at == 0 && c == '*') {
                    c
                } else {
                    '-'
                }
            })
            .collect()
    }
}

fn has_placeholder(pattern: &str) -> bool {
    pattern.contains("{default}") || pattern.contains("{all}")
}

/// Host and the rest of an address, which begins with a slash.
fn parts(url: &str) -> Option<(String, String)> {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let path = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    };
    (!host.is_empty()).then(|| (host.to_owned(), path))
}
