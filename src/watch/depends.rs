//! What a turn of `watch` depends on.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::bounded::{self, MEBIBYTE};
use crate::config::app::App;
use crate::config::{self, Config};
use crate::relationships;
use crate::settings::Settings;
use crate::source::Tree;

/// What a turn depends on: all files, or those of the apps that have an operation of this name and of those that
/// they reach.
#[derive(Debug, Clone)]
pub enum Scope {
    /// All files that Git would deploy.
    Everything,
    /// What an operation can notice.
    Operation(String),
}

impl Scope {
    /// Something that is different when a turn may end differently. The settings count by their bytes, also where Git
    /// ignores them.
    pub fn fingerprint(&self, root: &Path, settings: &[u8], tree: &Tree) -> Vec<u8> {
        let mut hash = Sha256::new();
        hash.update(settings);
        let settings = Settings::parse(&String::from_utf8_lossy(settings), "").ok();
        if let Some(path) = settings.and_then(|settings| settings.env_file) {
            hash.update(bounded::read_named(root, &path, MEBIBYTE).unwrap_or_default());
        }
        let apps = match self {
            Scope::Everything => None,
            // The errors of a configuration are printed again with every change, until there are none.
            Scope::Operation(name) => config::load_errors(root)
                .config
                .and_then(|config| of_operation(name, &config, tree)),
        };
        hash.update(
            apps.unwrap_or_else(|| tree.id("").map_or_else(String::new, |id| id.to_string())),
        );
        hash.finalize().to_vec()
    }
}

/// `None` where no app has an operation of that name.
fn of_operation(name: &str, config: &Config, tree: &Tree) -> Option<String> {
    let has_it = |app: &&App| {
        let of_workers = app.workers.iter().flat_map(|worker| &worker.operations);
        let mut all = app.operations.iter().chain(of_workers);
        all.any(|operation| operation.name == name)
    };
    let apps: Vec<&App> = config.apps.values().filter(has_it).collect();
    if apps.is_empty() {
        return None;
    }
    let reached = relationships::in_order(&apps, config).into_iter();
    let parts = reached.map(|app| {
        let id = tree.id(&app.source_root).map(|id| id.to_string());
        let services = relationships::wanted(app, config).into_iter();
        let services: Vec<String> = services
            .filter_map(|name| config.services.get(&name))
            .map(|service| service.raw.to_string())
            .collect();
        format!("{} {id:?} {} {services:?}\n", app.name, app.raw)
    });
    Some(format!("{}{:?}", parts.collect::<String>(), config.routes))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::source;

    const CONFIG: &str = "\
applications:
  shop:
    type: nodejs:24
    source: { root: shop }
    relationships: { api: { service: api, endpoint: http }, db: null }
    operations: { build: { commands: { start: build } } }
  api: { type: 'nodejs:24', source: { root: api }, operations: { warm: { commands: { start: warm } } } }
services:
  db: { type: 'postgresql:18' }
";

    struct Repository(tempfile::TempDir);

    impl Repository {
        fn new() -> Self {
            let repository = Repository(tempfile::tempdir().unwrap());
            repository.write(".upsun/config.yaml", CONFIG);
            for file in ["shop/a", "api/a", "README"] {
                repository.write(file, "1");
            }
            repository
        }

        fn write(&self, file: &str, text: &str) {
            let path = self.root().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }

        fn root(&self) -> PathBuf {
            self.0.path().canonicalize().unwrap().join("repository")
        }

        fn prints(&self) -> [Vec<u8>; 4] {
            let root = self.root();
            let tree = source::scan(&root, &self.0.path().join("cache")).unwrap();
            let settings = std::fs::read(root.join(".upsun-local.yaml")).unwrap_or_default();
            let operation = |name: &str| Scope::Operation(name.to_owned());
            [
                Scope::Everything,
                operation("build"),
                operation("warm"),
                operation("unknown"),
            ]
            .map(|scope| scope.fingerprint(&root, &settings, &tree))
        }

        /// Whether writing a file matters: to everything, to `build`, to `warm`, to an operation that is not there.
        fn matters(&self, file: &str, text: &str) -> [bool; 4] {
            let before = self.prints();
            self.write(file, text);
            let after = self.prints();
            std::array::from_fn(|at| before[at] != after[at])
        }
    }

    #[test]
    fn an_operation_depends_on_its_app_and_on_what_that_reaches() {
        let repository = Repository::new();
        assert_eq!(
            repository.matters("README", "2"),
            [true, false, false, true]
        );
        assert_eq!(repository.matters("shop/a", "2"), [true, true, false, true]);
        assert_eq!(repository.matters("api/a", "2"), [true, true, true, true]);
        let comment = format!("# A comment\n{CONFIG}");
        let config = ".upsun/config.yaml";
        assert_eq!(
            repository.matters(config, &comment),
            [true, false, false, true]
        );
        let service = CONFIG.replace("postgresql:18", "postgresql:17");
        assert_eq!(
            repository.matters(config, &service),
            [true, true, false, true]
        );
        let command = service.replace("start: warm", "start: heat");
        assert_eq!(
            repository.matters(config, &command),
            [true, true, true, true]
        );
        // With errors, everything matters.
        assert_eq!(repository.matters(config, "applications: ["), [true; 4]);
        assert_eq!(repository.matters("README", "3"), [true; 4]);
        assert_eq!(repository.matters(config, &command), [true; 4]);
    }

    #[test]
    fn settings_and_the_files_that_they_name_matter_to_all() {
        let repository = Repository::new();
        repository.write(".gitignore", ".env.local\n.upsun-local.yaml\n");
        repository.write(".env.local", "A=1\n");
        let settings = "env_file: .env.local\n";
        assert_eq!(repository.matters(".upsun-local.yaml", settings), [true; 4]);
        assert_eq!(repository.matters(".env.local", "A=2\n"), [true; 4]);
    }
}
