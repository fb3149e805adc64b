//! The runtimes and services that Upsun has, and which of their versions it supports.
//!
//! Source: the tables on <https://docs.upsun.com/create-apps/app-reference/single-runtime-image.html>
//! and <https://docs.upsun.com/add-services.html>. An entry is one line: a new version goes in front.

/// A runtime or a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Available {
    /// The name before the colon.
    pub name: &'static str,
    /// Whether it stands under `services`.
    pub is_service: bool,
    /// The endpoint that a relationship gets when it names none; empty for runtimes.
    pub endpoint: &'static str,
    /// The versions that are supported, newest first.
    pub supported: &'static [&'static str],
    /// The versions that still work and will go away.
    pub deprecated: &'static [&'static str],
}

const fn runtime(
    name: &'static str,
    supported: &'static [&'static str],
    deprecated: &'static [&'static str],
) -> Available {
    Available {
        name,
        is_service: false,
        endpoint: "",
        supported,
        deprecated,
    }
}

const fn service(
    name: &'static str,
    endpoint: &'static str,
    supported: &'static [&'static str],
    deprecated: &'static [&'static str],
) -> Available {
    Available {
        name,
        is_service: true,
        endpoint,
        supported,
        deprecated,
    }
}

/// Everything there is, by kind and name.
pub const AVAILABLE: &[Available] = &[
    runtime("dotnet", &["10.0", "8.0"], &[]),
    runtime("elixir", &["1.20"], &["1.19", "1.18"]),
    runtime("golang", &["1.26", "1.25"], &[]),
    runtime("java", &["25", "21", "17"], &[]),
    runtime("nodejs", &["26", "24"], &["22"]),
    runtime("php", &["8.5", "8.4"], &["8.3", "8.2"]),
    runtime("python", &["3.14", "3.13"], &["3.12", "3.11", "3.10"]),
    runtime("ruby", &["4.0", "3.4", "3.3"], &[]),
    runtime("rust", &["1"], &[]),
    service("chrome-headless", "http", &["120", "113"], &[]),
    service(
        "clickhouse",
        "clickhouse",
        &["26.3", "25.8"],
        &["25.3", "24.3", "23.8"],
    ),
    service("elasticsearch", "elasticsearch", &["7.10"], &[]),
    service(
        "elasticsearch-enterprise",
        "elasticsearch",
        &["9.3", "8.19"],
        &[],
    ),
    service("gotenberg", "http", &["8"], &[]),
    service("influxdb", "influxdb", &["3", "2.7", "2.3"], &[]),
    service("kafka", "kafka", &["4.3", "4.1", "3.7", "3.6"], &[]),
    service("mariadb", "mysql", &["12.3", "11.8", "11.4"], &[]),
    service("mariadb-replica", "mysql", &["12.3", "11.8", "11.4"], &[]),
    service("memcached", "memcached", &["1.6"], &[]),
    service("mercure", "mercure", &["0"], &[]),
    service("mongodb", "mongodb", &["4.0"], &[]),
    service("mongodb-enterprise", "mongodb", &["7.0"], &[]),
    service("mysql", "mysql", &["12.3", "11.8", "11.4"], &[]),
    service("mysql-replica", "mysql", &["12.3", "11.8", "11.4"], &[]),
    service("network-storage", "", &["1.0"], &["2.0"]),
    service("opensearch", "opensearch", &["3"], &["2"]),
    service("oracle-mysql", "mysql", &["8.4"], &[]),
    service(
        "postgresql",
        "postgresql",
        &["18", "17", "16", "15", "14"],
        &[],
    ),
    service(
        "postgresql-replica",
        "postgresql",
        &["18", "17", "16", "15", "14"],
        &[],
    ),
    service("rabbitmq", "rabbitmq", &["4.3"], &[]),
    service("redis", "redis", &["8.8", "8.0", "7.2"], &["6.2"]),
    service(
        "redis-persistent",
        "redis",
        &["8.8", "8.0", "7.2"],
        &["6.2"],
    ),
    service(
        "solr",
        "solr",
        &["10.0", "9.9", "9.6", "9.4", "9.2", "9.1"],
        &[],
    ),
    service("valkey", "valkey", &["9.0", "8.1", "8.0"], &[]),
    service("valkey-persistent", "valkey", &["9.0", "8.1", "8.0"], &[]),
    service("varnish", "http", &["9.0", "6.0"], &[]),
    service("vault-kms", "manage_keys", &["1.12"], &[]),
];

/// The runtime or service of that name.
pub fn find(name: &str) -> Option<&'static Available> {
    AVAILABLE.iter().find(|available| available.name == name)
}
