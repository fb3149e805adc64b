//! Merges the settings of two files.

use indexmap::IndexMap;

use super::Settings;

impl Settings {
    /// These settings, completed by those of `below`. `has` says whether the upper file has a key. Maps whose keys
    /// are names are joined by name, lists are appended.
    pub(super) fn over(self, has: impl Fn(&str) -> bool, below: Settings) -> Settings {
        let upper = self;
        Settings {
            project: upper.project.or(below.project),
            environment: super::Environment {
                name: upper.environment.name.or(below.environment.name),
                r#type: upper.environment.r#type.or(below.environment.r#type),
            },
            role: upper.role.or(below.role),
            users: joined(upper.users, below.users),
            variables: super::Variables {
                project: joined(upper.variables.project, below.variables.project),
                environment: joined(upper.variables.environment, below.variables.environment),
            },
            env_file: upper.env_file.or(below.env_file),
            images: joined(upper.images, below.images),
            ca_certificates: [upper.ca_certificates, below.ca_certificates].concat(),
            proxy: super::Proxy {
                http: upper.proxy.http.or(below.proxy.http),
                https: upper.proxy.https.or(below.proxy.https),
                no: upper.proxy.no.or(below.proxy.no),
                credentials: upper.proxy.credentials.or(below.proxy.credentials),
            },
            engine: upper.engine.or(below.engine),
            engines: if upper.engines.is_empty() {
                below.engines
            } else {
                upper.engines
            },
            port: upper.port.or(below.port),
            user: if has("user") { upper.user } else { below.user },
            // Tests are about operations of one project, so those of two files make no whole.
            tests: if has("tests") {
                upper.tests
            } else {
                below.tests
            },
            services: joined(upper.services, below.services),
            mail: if has("mail") { upper.mail } else { below.mail },
            resources: super::Resources {
                memory: upper.resources.memory.or(below.resources.memory),
                tmp: upper.resources.tmp.or(below.resources.tmp),
            },
            dev: upper.dev.over(below.dev),
            check: super::Check {
                ignore: [upper.check.ignore, below.check.ignore].concat(),
            },
            foreign_images: upper.foreign_images,
            own_users: upper.own_users,
            names: upper.names,
            places: below.places.into_iter().chain(upper.places).collect(),
        }
    }
}

/// The entries of both; the upper one where both have it.
fn joined<T>(upper: IndexMap<String, T>, below: IndexMap<String, T>) -> IndexMap<String, T> {
    let mut all = upper;
    for (name, value) in below {
        all.entry(name).or_insert(value);
    }
    all
}
