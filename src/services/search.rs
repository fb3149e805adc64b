//! OpenSearch and Elasticsearch: one node, a small heap, no security.
//!
//! <https://docs.upsun.com/add-services/opensearch.html>,
//! <https://docs.upsun.com/add-services/elasticsearch.html>

use super::configuration::Configuration;
use super::draft::Draft;
use super::payload::{self, Connection};
use super::{Endpoints, Error, Inputs, ServiceType};

pub(super) const TYPES: &[ServiceType] = &[
    ELASTICSEARCH,
    ServiceType {
        name: "elasticsearch-enterprise",
        supported: &["9.3", "8.19"],
        endpoints: Endpoints::Unlike(&["http"]),
        exact: &[
            ("8.19", "elasticsearch:8.19.20"),
            ("9.3", "elasticsearch:9.3.5"),
        ],
        ..ELASTICSEARCH
    },
    ServiceType {
        name: "opensearch",
        supported: &["3"],
        deprecated: &["2"],
        endpoint: "opensearch",
        image: Some("opensearchproject/opensearch:{}"),
        exact: &[],
        ..ELASTICSEARCH
    },
];

const ELASTICSEARCH: ServiceType = ServiceType {
    name: "elasticsearch",
    supported: &["7.10"],
    deprecated: &[],
    endpoint: "elasticsearch",
    endpoints: Endpoints::Only(&[]),
    configures_endpoints: false,
    image: None,
    exact: &[("7.10", "elasticsearch:7.10.1")],
    clients: None,
    usual_port: None,
    keeps_data: true,
    same_as: None,
    draft,
};

const HEAP: &str = "-Xms512m -Xmx512m";

const HEALTH: &str = "http://127.0.0.1:9200/_cluster/health?wait_for_status=yellow&timeout=1s";

pub(super) fn draft(inputs: &Inputs<'_>) -> Result<Draft, Error> {
    let (kind, version) = inputs.kind();
    let configuration = Configuration::of(inputs)?;
    let is_open = kind == "opensearch";
    let name = if is_open {
        "opensearch"
    } else {
        "elasticsearch"
    };
    let major = version.split('.').next().unwrap_or_default();
    let mut draft = Draft::container(inputs)?
        .variable("discovery.type", "single-node")
        // Otherwise nothing can be written once the developer's disk is nearly full.
        .variable("cluster.routing.allocation.disk.threshold_enabled", "false")
        // Otherwise the machine's own `vm.max_map_count` would have to be raised.
        .variable("node.store.allow_mmap", "false")
        .data(
            &format!("/usr/share/{name}/data"),
            format!("{kind}:{major}"),
        )
        .ready([
            "curl",
            "--fail",
            "--silent",
            "--show-error",
            "--max-time",
            "5",
            HEALTH,
        ])
        .endpoints(vec![payload::full(
            inputs,
            name,
            Connection::open("http", 9200),
        )])
        .warn(configuration.ignored(&[]));
    draft = if is_open {
        draft
            .variable("DISABLE_SECURITY_PLUGIN", "true")
            .variable("DISABLE_INSTALL_DEMO_CONFIG", "true")
            .variable("DISABLE_PERFORMANCE_ANALYZER_AGENT_CLI", "true")
            .variable("OPENSEARCH_JAVA_OPTS", HEAP)
    } else {
        draft
            // The images of 7.x are root and change to this user with `chroot`, which takes a capability; those of 8.x and
            // 9.x are this user from the start.
            .user("1000:0")
            .variable("xpack.security.enabled", "false")
            .variable("ES_JAVA_OPTS", HEAP)
    };
    if kind == "elasticsearch-enterprise" {
        draft.warnings.push(format!(
            "`{}` runs with Elasticsearch's basic licence: what needs the enterprise one is missing",
            inputs.service.name
        ));
    }
    Ok(draft)
}
