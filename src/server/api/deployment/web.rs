//! Routes, and what the web server of an app serves, in the shape of Upsun's API.

use serde_json::{Value, json};

use super::super::object;
use crate::config::app::{App, Expires, Location, Passthru, Properties, Protocol, SocketFamily};
use crate::routes::{Entrance, Kind, Route};

/// By the address at which each answers on this machine.
pub(super) fn routes(entrance: &Entrance) -> Value {
    object(
        entrance
            .routes
            .iter()
            .map(|it| (it.url(entrance.port), route(it))),
    )
}

fn route(route: &Route) -> Value {
    let paths = route.redirects.iter().map(|redirect| {
        let shown = json!({
            "regexp": redirect.regexp,
            "to": redirect.target.to,
            "prefix": redirect.prefix,
            "append_suffix": redirect.append_suffix,
            "code": redirect.target.code,
            "expires": redirect.target.expires,
        });
        (redirect.path.clone(), shown)
    });
    let mut shown = json!({
        "id": route.id.clone().unwrap_or_default(),
        "primary": route.primary,
        "production_url": null,
        "attributes": route.attributes,
        "original_url": route.original_url,
        "tls": {
            "strict_transport_security": { "enabled": null, "include_subdomains": null, "preload": null },
            "min_version": null,
            "client_authentication": null,
            "client_certificate_authorities": [],
        },
    });
    match &route.kind {
        Kind::Upstream(name) => {
            shown["type"] = "upstream".into();
            shown["upstream"] = format!("{name}:http").into();
            shown["cache"] =
                json!({ "enabled": false, "default_ttl": 0, "cookies": [], "headers": [] });
            shown["ssi"] = json!({ "enabled": route.ssi });
            shown["redirects"] = json!({ "expires": "-1s", "paths": object(paths) });
            shown["sticky"] = json!({ "enabled": false });
        }
        Kind::Redirect(target) => {
            shown["type"] = "redirect".into();
            shown["to"] = target.to.as_str().into();
            shown["redirects"] = json!({ "expires": "-1s", "paths": object(paths) });
        }
        Kind::Proxy(to) => {
            shown["type"] = "proxy".into();
            shown["to"] = to.as_str().into();
        }
    }
    shown
}

pub(super) fn web(app: &App) -> Value {
    let web = &app.web;
    let locations = web
        .locations
        .iter()
        .map(|it| (it.path.clone(), location(it)));
    let family = match web.socket_family {
        SocketFamily::Tcp => "tcp",
        SocketFamily::Unix => "unix",
    };
    let protocol = match web.protocol {
        Protocol::Http => "http",
        Protocol::FastCgi => "fastcgi",
    };
    json!({
        "locations": object(locations),
        "commands": {
            "pre_start": web.commands.pre_start,
            "start": web.commands.start,
            "post_start": web.commands.post_start,
        },
        "upstream": { "socket_family": family, "protocol": protocol },
        "document_root": web.document_root,
        "move_to_root": false,
    })
}

fn location(location: &Location) -> Value {
    let mut shown = properties(&location.properties);
    let rules = location.rules.iter().map(|(pattern, rule)| {
        let rule = properties(&rule.or(&location.properties));
        (pattern.clone(), rule)
    });
    shown["root"] = json!(location.root);
    shown["index"] = json!(location.index);
    shown["rules"] = object(rules);
    let buffering = location.request_buffering;
    shown["request_buffering"] = json!({
        "enabled": buffering.enabled,
        "max_request_size": format!("{}", buffering.max_request_size),
    });
    shown
}

fn properties(properties: &Properties) -> Value {
    let expires = match properties.expires {
        Some(Expires::After(time)) => format!("{}s", time.as_secs()),
        Some(Expires::Unsaid) | None => "-1s".to_owned(),
    };
    let passthru = match &properties.passthru {
        None | Some(Passthru::Never) => "false",
        Some(Passthru::App) => "true",
        Some(Passthru::Path(path)) => path,
    };
    json!({
        "expires": expires,
        "passthru": passthru,
        "scripts": properties.scripts.unwrap_or(true),
        "allow": properties.allow.unwrap_or(true),
        "headers": properties.headers.clone().unwrap_or_default(),
    })
}
