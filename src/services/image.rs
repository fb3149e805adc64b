//! Which official image stands for which of Upsun's services.
//!
//! The tags were checked against the published list of docker-library (`official-images`) and, for others,
//! against their projects' own pages. Versions that docker-library no longer builds keep their tags on
//! Docker Hub.

use super::{Error, Inputs};
use crate::image_ref::ImageRef;
use crate::images;
use crate::images::Clients;

/// The service, and its image with `{}` for the version.
const IMAGES: &[(&str, &str)] = &[
    ("clickhouse", "clickhouse/clickhouse-server:{}"),
    ("gotenberg", "gotenberg/gotenberg:{}"),
    ("influxdb", "influxdb:{}"),
    ("mariadb", "mariadb:{}"),
    ("memcached", "memcached:{}"),
    ("mongodb", "mongo:{}"),
    ("mongodb-enterprise", "mongo:{}"),
    ("mysql", "mariadb:{}"),
    ("opensearch", "opensearchproject/opensearch:{}"),
    ("oracle-mysql", "mysql:{}"),
    ("postgresql", "postgres:{}-bookworm"),
    ("rabbitmq", "rabbitmq:{}-management"),
    ("redis", "redis:{}"),
    ("redis-persistent", "redis:{}"),
    ("solr", "solr:{}"),
    ("valkey", "valkey/valkey:{}"),
    ("valkey-persistent", "valkey/valkey:{}"),
    ("varnish", "varnish:{}"),
    ("vault-kms", "hashicorp/vault:{}"),
];

/// Versions whose images have other tags: these publish none by major or minor version alone.
const EXACT: &[(&str, &str)] = &[
    (
        "chrome-headless:113",
        "chromedp/headless-shell:113.0.5672.93",
    ),
    ("chrome-headless:120", "zenika/alpine-chrome:123"),
    ("elasticsearch:7.10", "elasticsearch:7.10.1"),
    ("elasticsearch-enterprise:8.19", "elasticsearch:8.19.20"),
    ("elasticsearch-enterprise:9.3", "elasticsearch:9.3.5"),
    ("influxdb:3", "influxdb:3-core"),
    ("kafka:3.6", "apache/kafka:3.7.1"),
    ("kafka:3.7", "apache/kafka:3.7.1"),
    ("kafka:4.1", "apache/kafka:4.1.1"),
    ("kafka:4.3", "apache/kafka:4.3.1"),
    ("mercure:0", "dunglas/mercure:v0.24.2"),
];

/// The image of a service: what `images` of the settings says for `postgresql:18` or for `postgresql`, else
/// the official one.
pub(super) fn of(inputs: &Inputs<'_>) -> Result<String, Error> {
    if let Some(image) = overridden(inputs)? {
        return Ok(image);
    }
    let kind = inputs.service.r#type.as_str();
    let (name, version) = inputs.kind();
    let find = |table: &[(&str, &'static str)], key: &str| {
        let found = table.iter().find(|(known, _)| *known == key);
        found.map(|(_, image)| *image)
    };
    let image = find(EXACT, kind)
        .or_else(|| find(IMAGES, name))
        .ok_or_else(|| Error::Unsupported {
            service: inputs.service.name.clone(),
            reason: format!(
                "no image is known for `{kind}`, and `images` in {} names none",
                crate::settings::FILE_NAME
            ),
        })?;
    let image = ImageRef::new(&image.replace("{}", version)).map_err(images::Error::from)?;
    Ok(image.as_str().to_owned())
}

/// The image that the settings name, if they do.
pub(super) fn overridden(inputs: &Inputs<'_>) -> Result<Option<String>, Error> {
    let image = inputs
        .images
        .get(&inputs.service.r#type)
        .or_else(|| inputs.images.get(inputs.kind().0));
    match image {
        Some(image) => Ok(Some(
            ImageRef::new(image)
                .map_err(images::Error::from)?
                .as_str()
                .to_owned(),
        )),
        None => Ok(None),
    }
}

/// The commands that talk to a service, and come with its own image: of the right version, therefore. Upsun's containers
/// have those of the pages that call them "from your app container", and the CLI's `db:dump` and `sql` need the others.
///
/// The first names a family: MariaDB and Oracle's MySQL share the names of their commands.
const CLIENTS: &[(&str, &str, &[&str])] = &[
    ("mariadb", "mysql", MYSQL),
    ("mongodb", "mongodb", MONGODB),
    ("mongodb-enterprise", "mongodb", MONGODB),
    ("mysql", "mysql", MYSQL),
    ("oracle-mysql", "mysql", MYSQL),
    ("postgresql", "postgresql", POSTGRESQL),
    ("redis", "redis", &["redis-cli"]),
    ("redis-persistent", "redis", &["redis-cli"]),
    ("valkey", "redis", &["valkey-cli", "redis-cli"]),
    ("valkey-persistent", "redis", &["valkey-cli", "redis-cli"]),
];

/// `mariadb` stands for `mysql` as well: newer images have the first name only.
const MYSQL: &[&str] = &[
    "mariadb",
    "mariadb-admin",
    "mariadb-check",
    "mariadb-dump",
    "mariadb-import",
    "mysql",
    "mysqladmin",
    "mysqlcheck",
    "mysqldump",
    "mysqlimport",
];
const MONGODB: &[&str] = &[
    "mongosh",
    "mongodump",
    "mongorestore",
    "mongoexport",
    "mongoimport",
];
const POSTGRESQL: &[&str] = &["psql", "pg_dump", "pg_restore", "pg_isready"];

/// The clients of a service, from its image; `None` where it has none or where no image is known for it.
pub(super) fn clients(inputs: &Inputs<'_>) -> Option<Clients> {
    let kind = inputs.kind().0;
    let (_, name, commands) = CLIENTS.iter().find(|(known, ..)| *known == kind)?;
    Some(Clients {
        name,
        image: ImageRef::new(&of(inputs).ok()?).ok()?,
        commands,
    })
}
