//! RabbitMQ with its management interface, as on Upsun, and further virtual hosts.
//!
//! <https://docs.upsun.com/add-services/rabbitmq.html>

use serde_json::json;

use super::configuration::Configuration;
use super::draft::Draft;
use super::payload::{self, Connection};
use super::{Endpoints, Error, Inputs, ServiceType};

pub(super) const TYPES: &[ServiceType] = &[ServiceType {
    name: "rabbitmq",
    supported: &["4.3"],
    deprecated: &[],
    endpoint: "rabbitmq",
    endpoints: Endpoints::Unlike(&["http"]),
    configures_endpoints: false,
    image: Some("rabbitmq:{}-management"),
    exact: &[],
    clients: None,
    usual_port: Some(("amqp", PORT)),
    keeps_data: true,
    same_as: None,
    draft,
}];

const PORT: u16 = 5672;

/// What Upsun's user and password are.
const GUEST: &str = "guest";

/// Speaks the first words of AMQP: the server's own tools each start an Erlang system, which takes seconds.
/// The listener is the last thing that the server starts.
const ASK: &str = r"exec 3<>/dev/tcp/127.0.0.1/5672 && printf 'AMQP\0\0\011\001' >&3 && read -r -N 1 -t 5 answer <&3 && [[ $answer == $'\001' ]]";

/// Imports definitions that are its first word; what is there already stays as it is.
const IMPORT: &str = r#"file=$(mktemp) && trap 'rm "$file"' EXIT && printf '%s' "$1" >"$file" && rabbitmqctl --quiet import_definitions "$file""#;

pub(super) fn draft(inputs: &Inputs<'_>) -> Result<Draft, Error> {
    let configuration = Configuration::of(inputs)?;
    let hosts = configuration.list("vhosts")?.unwrap_or_default();
    if hosts.iter().any(|host| host.is_empty() || host.len() > 255) {
        return Err(configuration.error("the name of a virtual host has 1 to 255 bytes"));
    }
    let mut draft = Draft::container(inputs)?
        .user("rabbitmq")
        .command(["rabbitmq-server"])
        .variable("RABBITMQ_DEFAULT_USER", GUEST)
        .variable("RABBITMQ_DEFAULT_PASS", GUEST)
        // Its data are kept below the node's name, which would change with the container's.
        .variable("RABBITMQ_NODENAME", "rabbit@localhost")
        .data("/var/lib/rabbitmq", format!("rabbitmq:{}", inputs.kind().1))
        .ready(["bash", "-c", ASK])
        .endpoints(vec![payload::full(
            inputs,
            "rabbitmq",
            Connection {
                username: Some(GUEST.to_owned()),
                password: Some(GUEST.to_owned()),
                ..Connection::open("amqp", PORT)
            },
        )])
        .warn(configuration.ignored(&["vhosts"]));
    if !hosts.is_empty() {
        let definitions = json!({
            "vhosts": hosts.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
            "permissions": hosts
                .iter()
                .map(|name| json!({
                    "user": GUEST, "vhost": name, "configure": ".*", "write": ".*", "read": ".*",
                }))
                .collect::<Vec<_>>(),
        });
        draft = draft.step(
            "virtual hosts",
            ["sh", "-c", IMPORT, "sh", &definitions.to_string()],
        );
    }
    Ok(draft)
}
