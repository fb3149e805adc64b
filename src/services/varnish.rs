//! Varnish in front of apps. Its VCL is the configuration's, with a backend for each of its relationships.
//!
//! <https://docs.upsun.com/add-services/varnish.html>

use serde_json::Value;

use super::configuration::Configuration;
use super::draft::{Draft, http_check};
use super::{Endpoints, Error, Inputs, ServiceFile, ServiceType, payload, service_host};
use crate::engine::spec::Link;

pub(super) const TYPES: &[ServiceType] = &[ServiceType {
    name: "varnish",
    supported: &["9.0", "6.0"],
    deprecated: &[],
    endpoint: "http",
    endpoints: Endpoints::Unlike(&["http"]),
    configures_endpoints: false,
    image: Some("varnish:{}"),
    exact: &[],
    clients: None,
    usual_port: None,
    keeps_data: false,
    same_as: None,
    draft,
}];

const PORT: u16 = 80;

pub(super) fn draft(inputs: &Inputs<'_>) -> Result<Draft, Error> {
    let configuration = Configuration::of(inputs)?;
    let mut backends = Vec::new();
    for (name, target) in inputs
        .service
        .raw
        .get("relationships")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let app = match target {
            Value::Null => Some(name.as_str()),
            Value::String(text) => text.split(':').next(),
            target => target.get("service").and_then(Value::as_str),
        };
        let plain = name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        let first = name.starts_with(|c: char| c.is_ascii_alphabetic());
        let Some(app) = app.filter(|_| plain && first) else {
            return Err(configuration.error(&format!(
                "the relationship `{}` cannot be a backend",
                name.escape_debug()
            )));
        };
        backends.push((name.as_str(), app));
    }
    if backends.is_empty() {
        return Err(configuration.error("Varnish needs `relationships` to the apps behind it"));
    }
    let own = configuration.text("vcl")?;
    let mut draft = Draft::container(inputs)?
        // The image of 6.0 is root, and as root `varnishd` puts its child into a jail, which takes capabilities.
        .user("varnish")
        .variable("VARNISH_SIZE", "64M")
        .variable("VARNISH_HTTP_PORT", PORT.to_string())
        // Any answer will do: the app behind it may well say no.
        .ready(http_check(PORT, "/", ""))
        .endpoints(vec![payload::plain(inputs, "http", "http", PORT)])
        .warn(configuration.ignored(&["vcl"]));
    draft.files.push(ServiceFile {
        path: "/etc/varnish/default.vcl".to_owned(),
        content: vcl(&backends, own.as_deref()),
        mode: 0o644,
    });
    for (name, app) in backends {
        let container = inputs.project.name(&[inputs.environment, app]);
        for alias in [format!("{name}.internal"), service_host(app)] {
            draft.links.push(Link {
                container: container.clone(),
                alias,
            });
        }
    }
    if own.is_none() {
        draft.warnings.push(format!(
            "`services.{}.configuration.vcl` is missing: all requests go to the first relationship",
            inputs.service.name
        ));
    }
    Ok(draft)
}

/// What Upsun adds in front of the project's own VCL, and that itself.
fn vcl(backends: &[(&str, &str)], own: Option<&str>) -> String {
    let mut text = "vcl 4.1;\nimport std;\nimport directors;\n".to_owned();
    for (name, _) in backends {
        text.push_str(&format!(
            "backend {name}_app {{\n    .host = \"{name}.internal\";\n    .port = \"80\";\n}}\n"
        ));
    }
    text.push_str("sub vcl_init {\n");
    for (name, _) in backends {
        text.push_str(&format!(
            "    new {name} = directors.round_robin();\n    {name}.add_backend({name}_app);\n"
        ));
    }
    text.push_str("}\n");
    match own {
        Some(own) => text.push_str(own),
        None => text.push_str(&format!(
            "sub vcl_recv {{\n    set req.backend_hint = {}.backend();\n}}\n",
            backends[0].0
        )),
    }
    text
}
