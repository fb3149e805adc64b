//! `web`, from a tree to the typed model.

use std::time::Duration;

use super::super::app::{
    Expires, Image, Location, MAX_REQUEST_SIZE, Passthru, Properties, Protocol, RequestBuffering,
    START_PHP_APP, SocketFamily, Web,
};
use super::super::node::{Entry, Node, Value};
use super::{commands, normalize, texts};

pub(super) fn decode(web: Option<&Node>, image: &Image) -> Web {
    let is_php = image.primary() == Some("php");
    let upstream = |key: &str| web?.get("upstream")?.text_of(key);
    let locations: Vec<Location> = web
        .and_then(|web| web.get("locations"))
        .map(|locations| locations.entries().iter().map(location).collect())
        .unwrap_or_default();
    let mut commands = web
        .and_then(|web| web.get("commands"))
        .map(commands)
        .unwrap_or_default();
    if is_php && commands.start.is_none() {
        commands.start = Some(START_PHP_APP.to_owned());
    }
    Web {
        commands,
        socket_family: match upstream("socket_family") {
            Some("unix") => SocketFamily::Unix,
            None if is_php => SocketFamily::Unix,
            _ => SocketFamily::Tcp,
        },
        protocol: match upstream("protocol") {
            Some("fastcgi") => Protocol::FastCgi,
            None if is_php => Protocol::FastCgi,
            _ => Protocol::Http,
        },
        document_root: locations
            .iter()
            .find(|location| location.path == "/")
            .and_then(|location| location.root.clone())
            .unwrap_or_default(),
        locations,
    }
}

fn location(entry: &Entry) -> Location {
    let node = &entry.value;
    let index = node.get("index").map(Node::items).unwrap_or_default();
    let rules = node.get("rules").map(Node::entries).unwrap_or_default();
    Location {
        path: format!("/{}", normalize(&entry.key)),
        root: node.text_of("root").map(normalize),
        index: index
            .iter()
            .filter_map(|item| Some(item.text()?.to_owned()))
            .collect(),
        properties: properties(node),
        rules: rules
            .iter()
            .map(|rule| (rule.key.to_string(), properties(&rule.value)))
            .collect(),
        request_buffering: node
            .get("request_buffering")
            .map(request_buffering)
            .unwrap_or_default(),
    }
}

fn properties(node: &Node) -> Properties {
    let flag = |key: &str| node.get(key).and_then(boolean);
    Properties {
        passthru: node.get("passthru").and_then(passthru),
        allow: flag("allow"),
        scripts: flag("scripts"),
        expires: node.get("expires").and_then(expires),
        headers: node.get("headers").map(|headers| texts(Some(headers))),
    }
}

fn boolean(node: &Node) -> Option<bool> {
    match node.value {
        Value::Bool(value) => Some(value),
        _ => None,
    }
}

fn passthru(node: &Node) -> Option<Passthru> {
    Some(match (boolean(node), node.text()) {
        (Some(true), _) | (_, Some("true")) => Passthru::App,
        (Some(false), _) | (_, Some("false" | "")) => Passthru::Never,
        (_, Some(path)) => Passthru::Path(format!("/{}", path.trim_start_matches('/'))),
        _ => return None,
    })
}

fn request_buffering(node: &Node) -> RequestBuffering {
    RequestBuffering {
        enabled: node.get("enabled").and_then(boolean).unwrap_or(true),
        max_request_size: node
            .text_of("max_request_size")
            .and_then(size)
            .unwrap_or(MAX_REQUEST_SIZE),
    }
}

/// `250m` and the like, in bytes.
fn size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit: u64 = match &text[digits.len()..] {
        "" => 1,
        "k" | "K" => 1 << 10,
        "m" | "M" => 1 << 20,
        "g" | "G" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

fn expires(node: &Node) -> Option<Expires> {
    match &node.value {
        Value::Integer(seconds) => {
            Some(u64::try_from(*seconds).map_or(Expires::Unsaid, |seconds| {
                Expires::After(Duration::from_secs(seconds))
            }))
        }
        Value::Text(text) if text.trim().starts_with('-') => Some(Expires::Unsaid),
        Value::Text(text) => duration(text).map(Expires::After),
        _ => None,
    }
}

/// `24h`, `300`, `1d 12h`: numbers with units, seconds without one.
fn duration(text: &str) -> Option<Duration> {
    const DAY: u64 = 24 * 60 * 60;
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let number: u64 = rest[..digits].parse().ok()?;
        let unit = &rest[digits..];
        let end = unit
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(unit.len());
        let seconds: u64 = match &unit[..end] {
            "ms" => {
                total = total.checked_add(Duration::from_millis(number))?;
                0
            }
            "" | "s" => 1,
            "m" => 60,
            "h" => 60 * 60,
            "d" => DAY,
            "w" => 7 * DAY,
            "M" => 30 * DAY,
            "y" => 365 * DAY,
            _ => return None,
        };
        total = total.checked_add(Duration::from_secs(number.checked_mul(seconds)?))?;
        rest = unit[end..].trim_start();
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_all_of_upsuns_units() {
        let table = [
            ("300", 300),
            ("1500ms", 1),
            ("5s", 5),
            ("5m", 300),
            ("24h", 86_400),
            ("2d", 172_800),
            ("4w", 2_419_200),
            ("1M", 2_592_000),
            ("1y", 31_536_000),
            ("1d 12h", 129_600),
        ];
        for (text, seconds) in table {
            assert_eq!(duration(text).unwrap().as_secs(), seconds, "{text}");
        }
        for text in [
            "",
            "h",
            "5x",
            "5 ;",
            "99999999999999999999",
            "18446744073709551615y",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_have_units_too() {
        assert_eq!(size("250m"), Some(MAX_REQUEST_SIZE));
        assert_eq!(size("10"), Some(10));
        for text in ["", "m", "10; x", "10mb", "99999999999g"] {
            assert_eq!(size(text), None, "{text}");
        }
    }
}
