//! Solr: cores and the endpoints that lead to them.
//!
//! <https://docs.upsun.com/add-services/solr.html>

use serde_json::Value;

use super::configuration::{Configuration, is_word};
use super::draft::{Draft, http_check};
use super::payload::{self, Connection};
use super::{Endpoints, Error, Inputs, ServiceType, privileges};

pub(super) const TYPES: &[ServiceType] = &[ServiceType {
    name: "solr",
    supported: &["10.0", "9.9", "9.6", "9.4", "9.2", "9.1"],
    deprecated: &[],
    endpoint: "solr",
    endpoints: Endpoints::Only(&[]),
    configures_endpoints: true,
    image: Some("solr:{}"),
    exact: &[],
    clients: None,
    // Upsun's port is not the one that Solr has elsewhere.
    usual_port: None,
    keeps_data: true,
    same_as: None,
    draft,
}];

/// Upsun's port.
const PORT: u16 = 8080;

/// Makes the cores that are missing, then becomes the server. Words: its options, `--`, the cores.
const START: &str = r#"options=()
while [ "$1" != -- ]; do options+=("$1"); shift; done
shift
for core; do precreate-core "$core"; done
exec solr-foreground "${options[@]}""#;

pub(super) fn draft(inputs: &Inputs<'_>) -> Result<Draft, Error> {
    let version = inputs.kind().1;
    let configuration = Configuration::of(inputs)?;
    let mut warnings = configuration.ignored(&["cores", "endpoints"]);
    let mut cores = Vec::new();
    for (name, core) in configuration.map("cores")?.into_iter().flatten() {
        if !is_word(name) {
            return Err(configuration.error(&format!(
                "`{}` cannot be the name of a core",
                name.escape_debug()
            )));
        }
        for key in core.as_object().into_iter().flat_map(serde_json::Map::keys) {
            warnings.push(configuration.not_applied(&format!("cores.{name}.{key}")));
        }
        cores.push(name.clone());
    }
    if cores.is_empty() {
        cores.push("collection1".to_owned());
    }
    let mut endpoints = Vec::new();
    let mut add = |name: &str, core: &str| {
        let path = Some(format!("solr/{core}"));
        let connection = Connection {
            path,
            ..Connection::open("solr", PORT)
        };
        endpoints.push(payload::full(inputs, name, connection));
    };
    match configuration.map("endpoints")? {
        Some(given) => {
            for (name, endpoint) in given {
                let core = endpoint.get("core").and_then(Value::as_str);
                let core = core.filter(|core| cores.iter().any(|known| known == core));
                add(
                    name,
                    core.ok_or_else(|| {
                        configuration.error(&format!(
                            "`endpoints.{name}` needs one of the cores as `core`"
                        ))
                    })?,
                );
            }
        }
        None => add("solr", &cores[0]),
    }
    // Since version 10 it would start as a cluster, which has collections instead of cores.
    let alone = version.split('.').next().is_some_and(|major| major == "10");
    let mut command = vec!["bash", "-c", START, "bash"];
    command.extend(alone.then_some("--user-managed"));
    command.push("--");
    command.extend(cores.iter().map(String::as_str));
    Ok(Draft::container(inputs)?
        .command(command)
        .variable("SOLR_PORT", PORT.to_string())
        .variable("SOLR_HEAP", "512m")
        .data("/var/solr", format!("solr:{version}"))
        .ready(http_check(
            PORT,
            &format!("/solr/{}/admin/ping", cores[0]),
            "200",
        ))
        .endpoints(privileges::default_first(endpoints, "solr"))
        .warn(warnings))
}
