//! Kafka: one node that is broker and controller, without ZooKeeper.
//!
//! <https://docs.upsun.com/add-services/kafka.html>

use super::configuration::Configuration;
use super::draft::Draft;
use super::{Endpoints, Error, Inputs, ServiceType, payload, service_host};

pub(super) const TYPES: &[ServiceType] = &[ServiceType {
    name: "kafka",
    supported: &["4.3", "4.1", "3.7", "3.6"],
    deprecated: &[],
    endpoint: "kafka",
    endpoints: Endpoints::Only(&[]),
    configures_endpoints: false,
    image: None,
    exact: &[
        ("3.6", "apache/kafka:3.7.1"),
        ("3.7", "apache/kafka:3.7.1"),
        ("4.1", "apache/kafka:4.1.1"),
        ("4.3", "apache/kafka:4.3.1"),
    ],
    clients: None,
    usual_port: Some(("kafka", PORT)),
    keeps_data: true,
    same_as: None,
    draft,
}];

const PORT: u16 = 9092;

const VARIABLES: &[(&str, &str)] = &[
    ("KAFKA_NODE_ID", "1"),
    ("KAFKA_PROCESS_ROLES", "broker,controller"),
    ("KAFKA_LISTENERS", "PLAINTEXT://:9092,CONTROLLER://:9093"),
    ("KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER"),
    ("KAFKA_CONTROLLER_QUORUM_VOTERS", "1@localhost:9093"),
    ("KAFKA_INTER_BROKER_LISTENER_NAME", "PLAINTEXT"),
    (
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP",
        "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    ),
    ("KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", "1"),
    ("KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR", "1"),
    ("KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "1"),
    ("KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "0"),
    ("KAFKA_LOG_DIRS", "/var/lib/kafka/data"),
    ("KAFKA_HEAP_OPTS", "-Xms256m -Xmx512m"),
];

pub(super) fn draft(inputs: &Inputs<'_>) -> Result<Draft, Error> {
    let version = inputs.kind().1;
    let configuration = Configuration::of(inputs)?;
    // Clients are sent on to this name, which every container with a relationship knows.
    let name = service_host(inputs.service.name);
    let mut draft = Draft::container(inputs)?
        .variable(
            "KAFKA_ADVERTISED_LISTENERS",
            format!("PLAINTEXT://{name}:9092"),
        )
        .data("/var/lib/kafka/data", format!("kafka:{version}"))
        .ready([
            "/opt/kafka/bin/kafka-broker-api-versions.sh",
            "--bootstrap-server",
            "127.0.0.1:9092",
        ])
        .endpoints(vec![payload::plain(inputs, "kafka", "kafka", PORT)])
        .warn(configuration.ignored(&[]));
    for (name, value) in VARIABLES {
        draft = draft.variable(name, *value);
    }
    // So that the server and its own tools find it too.
    draft.hosts.insert(name, "127.0.0.1".to_owned());
    if version == "3.6" {
        draft.warnings.push(format!(
            "Kafka 3.7 stands for the 3.6 of `{}`, for which there is no official image",
            inputs.service.name
        ));
    }
    Ok(draft)
}
