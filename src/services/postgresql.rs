//! PostgreSQL: databases, endpoints with their privileges, extensions.
//!
//! <https://docs.upsun.com/add-services/postgresql.html>

mod statements;

use self::statements::Plan;
use super::configuration::Configuration;
use super::draft::{self, Draft};
use super::payload::{self, Connection};
use super::privileges::{self, Access};
use super::{Endpoint, Endpoints, Error, Inputs, ServiceType, image};
use crate::image_ref::ImageRef;
use crate::project::SETTINGS_FILE;

pub(super) const TYPES: &[ServiceType] = &[
    POSTGRESQL,
    ServiceType {
        name: "postgresql-replica",
        endpoints: Endpoints::Only(&[]),
        configures_endpoints: false,
        image: None,
        clients: None,
        draft: draft::replica,
        ..POSTGRESQL
    },
];

const POSTGRESQL: ServiceType = ServiceType {
    name: "postgresql",
    supported: &["18", "17", "16", "15", "14"],
    deprecated: &[],
    endpoint: "postgresql",
    // Databases without endpoints have one of this name.
    endpoints: Endpoints::Only(&["main"]),
    configures_endpoints: true,
    image: Some("postgres:{}-{suite}"),
    exact: &[],
    clients: Some((
        "postgresql",
        &["psql", "pg_dump", "pg_restore", "pg_isready"],
    )),
    usual_port: Some(("pgsql", PORT)),
    keeps_data: true,
    same_as: None,
    draft,
};

const PORT: u16 = 5432;

/// The longest name that PostgreSQL does not cut off, in bytes.
const LONGEST: usize = 63;

/// What Upsun's privileges are called.
const LEVELS: &[&str] = &["ro", "rw", "admin"];

/// Extensions that the official image does not have, and the image that does, with `{}` for the version.
const IMAGES: &[(&[&str], &str)] = &[
    (
        &[
            "address_standardizer",
            "address_standardizer_data_us",
            "postgis",
            "postgis_raster",
            "postgis_sfcgal",
            "postgis_tiger_geocoder",
            "postgis_topology",
        ],
        "postgis/postgis:{}",
    ),
    (&["vector"], "pgvector/pgvector:pg{}"),
];

/// Runs scripts, each in a database: `<database> <script> …`. The database is named by a variable, because
/// psql takes an option that looks like a URL or `a=b` for more than a name.
const RUN: &str = r#"set -e
while [ "$#" -gt 0 ]; do
    printf '%s\n' "$2" | PGDATABASE=$1 psql --username postgres --quiet --no-psqlrc --set ON_ERROR_STOP=1 --output /dev/null
    shift 2
done"#;

pub(super) fn draft(inputs: &Inputs<'_>) -> Result<Draft, Error> {
    let configuration = Configuration::of(inputs)?;
    let version = inputs.kind().1;
    let databases = configuration
        .list("databases")?
        .unwrap_or_else(|| vec!["main".to_owned()]);
    let given = privileges::read(&configuration, "default_database", LEVELS, &databases)?;
    let own_users = given.is_some();
    let accesses = given.unwrap_or_else(|| vec![default_access(&configuration, &databases)]);
    let extensions = configuration.list("extensions")?.unwrap_or_default();
    let names = databases
        .iter()
        .chain(accesses.iter().map(|access| &access.name));
    for name in names.chain(&extensions) {
        if name.is_empty() || name.len() > LONGEST {
            return Err(configuration.error(&format!(
                "`{name}` cannot be a name: PostgreSQL takes 1 to {LONGEST} bytes"
            )));
        }
    }
    if let Some(name) = databases.iter().find(|name| is_taken(name)) {
        return Err(configuration.error(&format!("the database `{name}` is the server's own")));
    }
    if let Some(access) = accesses.iter().find(|access| is_taken(&access.name)) {
        let name = &access.name;
        return Err(configuration.error(&format!("the user `{name}` is the server's own")));
    }
    let users: Vec<User> = accesses
        .into_iter()
        .map(|access| User::of(inputs, access, own_users))
        .collect();
    let plan = Plan {
        databases: &databases,
        users: &users,
        extensions: &extensions,
        locale: locale(&configuration)?,
    };
    let mut endpoints: Vec<Endpoint> = users
        .iter()
        .map(|user| {
            let path = user.access.default.clone();
            let connection = Connection::database("pgsql", PORT, &user.name, &user.password, path);
            payload::full(inputs, &user.access.name, connection)
        })
        .collect();
    // The documentation calls it `main` where databases are given; the usual name leads there as well.
    if let [only] = &endpoints[..]
        && only.name == "main"
        && !own_users
    {
        let mut usual = only.clone();
        "postgresql".clone_into(&mut usual.name);
        usual.payload["rel"] = usual.name.clone().into();
        endpoints.push(usual);
    }
    let mut command: Vec<String> = vec!["sh".into(), "-c".into(), RUN.into(), "sh".into()];
    command.extend(plan.scripts());
    // Since version 18 the image keeps its data one level deeper, by version, and its volume is above.
    let data = if version.parse::<u32>().is_ok_and(|major| major < 18) {
        "/var/lib/postgresql/data"
    } else {
        "/var/lib/postgresql"
    };
    let mut draft = Draft::container(inputs)?
        .user("postgres")
        .command(server(&extensions))
        .variable("POSTGRES_PASSWORD", inputs.password("postgres"))
        .variable("POSTGRES_INITDB_ARGS", "--encoding=UTF8 --locale=C.UTF-8")
        .data(data, format!("postgresql:{version}"))
        // The image's first start runs a server of its own that listens on the socket only.
        .ready([
            "pg_isready",
            "--quiet",
            "--host=127.0.0.1",
            "--username=postgres",
        ])
        .step("databases and users", command)
        .endpoints(privileges::default_first(endpoints, "postgresql"))
        .warn(configuration.ignored(&[
            "databases",
            "endpoints",
            "extensions",
            "default_charset",
            "default_collation",
            "default_ctype",
        ]));
    let replicators = users.iter().filter(|user| user.access.replicates);
    draft.warnings.extend(replicators.map(|user| {
        let name = &user.name;
        configuration.not_applied(&format!("endpoints.{name}.replication"))
    }));
    // PostgreSQL shares memory between its processes in /dev/shm; the engine's 64 MB end with "no space
    // left on device" in the middle of a parallel query.
    draft.shared_memory = Some(256 * 1024 * 1024);
    if let Some(image) = image_with(inputs, &configuration, &extensions)? {
        draft.image = image;
    }
    Ok(draft)
}

/// A user and its endpoint.
#[derive(Debug)]
struct User {
    name: String,
    password: String,
    access: Access,
}

impl User {
    /// Configured endpoints have users of their own, the default one is `main` with the password `main`.
    fn of(inputs: &Inputs<'_>, mut access: Access, own: bool) -> User {
        if access.default.is_none()
            && let [(only, _)] = &access.privileges[..]
            && own
        {
            access.default = Some(only.clone());
        }
        if own {
            User {
                name: access.name.clone(),
                password: inputs.password(&access.name),
                access,
            }
        } else {
            User {
                name: "main".to_owned(),
                password: "main".to_owned(),
                access,
            }
        }
    }
}

/// What the documentation says is meant without `endpoints`.
fn default_access(configuration: &Configuration<'_>, databases: &[String]) -> Access {
    let is_default = configuration.value("databases").is_none();
    Access {
        name: if is_default { "postgresql" } else { "main" }.to_owned(),
        default: match databases {
            [only] => Some(only.clone()),
            _ => None,
        },
        privileges: databases
            .iter()
            .map(|database| (database.clone(), "admin".to_owned()))
            .collect(),
        replicates: false,
        port: None,
    }
}

/// Databases and users that the server has anyway.
fn is_taken(name: &str) -> bool {
    ["postgres", "template0", "template1"].contains(&name) || name.starts_with("pg_")
}

/// The locale of new databases: encoding, collation and character classification, where given.
fn locale(configuration: &Configuration<'_>) -> Result<[Option<String>; 3], Error> {
    Ok([
        configuration.word("default_charset")?,
        configuration.word("default_collation")?,
        configuration.word("default_ctype")?,
    ])
}

/// The server's options; none where its defaults will do.
fn server(extensions: &[String]) -> Vec<String> {
    let mut options = Vec::new();
    if extensions.iter().any(|name| name == "pg_stat_statements") {
        options.push("shared_preload_libraries=pg_stat_statements");
    }
    let options = options.into_iter().flat_map(|option| ["-c", option]);
    std::iter::once("postgres")
        .chain(options)
        .map(str::to_owned)
        .collect()
}

/// The image that has the extensions, where the official one has not.
fn image_with(
    inputs: &Inputs<'_>,
    configuration: &Configuration<'_>,
    extensions: &[String],
) -> Result<Option<String>, Error> {
    if image::overridden(inputs)?.is_some() {
        return Ok(None);
    }
    let (kind, version) = inputs.kind();
    let needed: Vec<&str> = IMAGES
        .iter()
        .filter(|(names, _)| extensions.iter().any(|name| names.contains(&name.as_str())))
        .map(|(_, image)| *image)
        .collect();
    match needed[..] {
        [] => Ok(None),
        [image] => {
            // postgis/postgis has its own version in its tags.
            let version = match (image.starts_with("postgis/"), version) {
                (false, version) => version.to_owned(),
                (true, "18") => "18-3.6".to_owned(),
                (true, version) => format!("{version}-3.5"),
            };
            Ok(Some(
                ImageRef::new(&image.replace("{}", &version))?.as_str().to_owned(),
            ))
        }
        _ => Err(configuration.error(&format!(
            "no image is known that has all of these `extensions`: name one in `images: {{\"{kind}:{version}\": …}}` of {SETTINGS_FILE}"
        ))),
    }
}
