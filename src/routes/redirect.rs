//! Redirects: of a whole route, and of paths of one.
//!
//! Source: <https://docs.upsun.com/define-routes/redirects.html>

use serde_json::Value;

use super::place::Places;

/// The codes that a redirect may have.
const CODES: [u64; 4] = [301, 302, 307, 308];

/// Where a redirect leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// An address, or a path of the same host.
    pub to: String,
    /// The HTTP status code.
    pub code: u16,
    /// How long a client may remember the redirect, as nginx takes it (`1d`); `None` if the route sets no time.
    pub expires: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathRedirect {
    /// A path, or a regular expression of them.
    pub path: String,
    /// Whether it is a regular expression.
    pub regexp: bool,
    /// Whether what is below the path is redirected too.
    pub prefix: bool,
    /// Whether what is below the path is carried over.
    pub append_suffix: bool,
    /// Where it leads.
    pub target: Target,
}

impl Target {
    /// The target of a route of the type `redirect`.
    pub(super) fn of_route(route: &Value, places: &Places) -> Target {
        Target::of(route, 301, None, places)
    }

    fn of(value: &Value, code: u16, expires: Option<String>, places: &Places) -> Target {
        let to = value.get("to").and_then(Value::as_str).unwrap_or_default();
        let own = value.get("code").and_then(Value::as_u64);
        Target {
            to: places.target(to),
            code: own
                .filter(|code| CODES.contains(code))
                .and_then(|code| u16::try_from(code).ok())
                .unwrap_or(code),
            expires: value.get("expires").map_or(expires, duration),
        }
    }
}

/// The redirects of paths of a route: paths before regular expressions, the longest first.
pub(super) fn paths(route: &Value, places: &Places) -> Vec<PathRedirect> {
    let redirects = route.get("redirects");
    let expires = redirects
        .and_then(|redirects| redirects.get("expires"))
        .and_then(duration);
    let paths = redirects
        .and_then(|redirects| redirects.get("paths"))
        .and_then(Value::as_object);
    let mut all: Vec<PathRedirect> = paths
        .into_iter()
        .flatten()
        .map(|(path, value)| {
            let flag = |key: &str| value.get(key).and_then(Value::as_bool);
            let regexp = flag("regexp").unwrap_or(false);
            let prefix = !regexp && flag("prefix").unwrap_or(true);
            PathRedirect {
                path: path.clone(),
                regexp,
                prefix,
                append_suffix: prefix && flag("append_suffix").unwrap_or(true),
                target: Target::of(value, 302, expires.clone(), places),
            }
        })
        .collect();
    // **Assumption**: the most specific one decides, wherever it stands.
    all.sort_by_key(|redirect| (redirect.regexp, std::cmp::Reverse(redirect.path.len())));
    all
}

/// Seconds, or a number with a unit; a negative number says nothing.
fn duration(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => number.as_u64().map(|seconds| format!("{seconds}s")),
        Value::String(text) => {
            let text = text.trim();
            let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
            let unit = &text[digits.len()..];
            let known = ["", "ms", "s", "m", "h", "d", "w", "M", "y"].contains(&unit);
            let number = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
            (known && number).then(|| text.to_owned())
        }
        _ => None,
    }
}
