//! A service that runs elsewhere: its payload comes from a URL in the settings.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use url::Url;

use super::draft::Draft;
use super::service_type::usual_port;
use super::{Error, Inputs, find, payload};

pub(super) fn draft(inputs: &Inputs<'_>, url: &str) -> Result<Draft, Error> {
    let wrong = |message: &str| Error::External {
        service: inputs.service.name.to_owned(),
        message: message.to_owned(),
    };
    let url = Address::parse(url).map_err(|message| wrong(&message))?;
    let local = ["localhost", "127.0.0.1", "[::1]", "::1"].contains(&url.host.as_str());
    // The same fields as the service itself would have, where it can be planned.
    let mut endpoint = super::internal(inputs)
        .ok()
        .and_then(|draft| draft.endpoints.into_iter().next())
        .unwrap_or_else(|| {
            let name = find(inputs.kind().0).map_or("default", |known| known.endpoint);
            payload::full(inputs, name, payload::Connection::open("http", 80))
        });
    let fields = &mut endpoint.payload;
    fields["scheme"] = json!(url.scheme);
    fields["host"] = json!(url.host);
    fields["hostname"] = json!(url.host);
    fields["port"] = json!(url.port);
    let optional = [
        ("username", json!(url.username)),
        ("password", json!(url.password)),
        ("path", json!(url.path)),
    ];
    for (name, value) in optional {
        if !value.is_null() || fields.get(name).is_some() {
            fields[name] = value;
        }
    }
    if !url.query.is_empty() {
        fields["query"] = Value::Object(url.query);
    }
    let mut draft = Draft::nothing().endpoints(vec![endpoint]);
    draft.external = true;
    if local {
        draft.warnings.push(format!(
            "`services.{}.external` names this machine, but `{}` inside a container is the container itself: use `host.docker.internal` or an address",
            inputs.service.name, url.host
        ));
    }
    Ok(draft)
}

/// The parts of a URL, decoded.
#[derive(Debug, PartialEq, Eq)]
struct Address {
    scheme: String,
    username: Option<String>,
    password: Option<String>,
    host: String,
    port: u16,
    path: Option<String>,
    query: Map<String, Value>,
}

impl Address {
    fn parse(text: &str) -> Result<Address, String> {
        let url = Url::parse(text).map_err(|error| match error {
            url::ParseError::RelativeUrlWithoutBase => "it has no `scheme://` in front".to_owned(),
            error => error.to_string(),
        })?;
        let scheme = match url.scheme() {
            "postgres" | "postgresql" => "pgsql",
            scheme => scheme,
        };
        let host = url.host_str().filter(|host| !host.is_empty());
        let port = url.port_or_known_default().or_else(|| usual_port(scheme));
        // A user without a name and a password may still be given: `redis://:secret@host`.
        let username = (!url.username().is_empty() || url.password().is_some())
            .then(|| decode(url.username()));
        let path = url.path().trim_start_matches('/');
        Ok(Address {
            scheme: scheme.to_owned(),
            username,
            password: url.password().map(decode),
            host: host.ok_or("it names no host")?.to_owned(),
            port: port.ok_or("it names no port")?,
            path: (!path.is_empty()).then(|| decode(path)),
            query: url
                .query_pairs()
                .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
                .collect(),
        })
    }
}

/// `%40` and the like as what they stand for.
fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
