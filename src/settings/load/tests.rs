//! Which of the two files counts, and for what.

use super::*;
use crate::roles::{Grants, Role};

struct Place {
    folder: tempfile::TempDir,
    own: OwnFile,
}

impl Place {
    fn new(repository: &str, own: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place {
            own: OwnFile::of(
                Some(folder.path().join("config")),
                Some(folder.path().to_owned()),
            ),
            folder,
        };
        place.write("repository/.upsun-local.yaml", repository);
        place.write("config/upsun-local/settings.yaml", own);
        place
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn root(&self) -> PathBuf {
        self.folder
            .path()
            .join("repository")
            .canonicalize()
            .unwrap()
    }

    /// With a file that Git ignores, or with one that it does not.
    fn load(&self, is_ignored: bool) -> Loaded {
        load(&self.root(), &self.own, || is_ignored).unwrap()
    }

    fn error(&self) -> String {
        load(&self.root(), &self.own, || false)
            .unwrap_err()
            .to_string()
    }
}

fn refused(loaded: &Loaded) -> Vec<&str> {
    let keys = loaded.refused.iter().map(|reaching| reaching.key.as_str());
    keys.collect()
}

#[test]
fn the_repositorys_settings_stand_above_the_users_and_are_joined_with_them() {
    let place = Place::new(
        "
project: shop
environment: {name: here}
role: viewer
users: {ada: viewer, bob: admin}
variables: {project: {env:A: upper}, environment: {env:E: upper}}
images: {nodejs: upper/node}
port: 8080
user: {uid: 10000, gid: 10000}
mail: false
tests: {one: {operation: build}}
check: {ignore: [U402]}
services: {db: {}}
ca_certificates: a.pem
",
        "
project: other
environment: {name: there, type: staging}
role: admin
users: {ada: admin, eve: admin}
variables: {project: {env:A: below, env:B: below}}
images: {nodejs: below/node, php: below/php}
port: 9090
user: {uid: 1, gid: 1}
mail: true
tests: {two: {operation: build}}
check: {ignore: U406}
services: {db: {external: 'redis://host'}, cache: {external: 'redis://host'}}
ca_certificates: b.pem
engine: colima
proxy: {credentials: true}
",
    );
    let loaded = place.load(false);
    assert!(loaded.refused.is_empty(), "{loaded:?}");
    let settings = loaded.settings;
    assert_eq!(settings.project.as_deref(), Some("shop"));
    assert_eq!(settings.environment.name.as_deref(), Some("here"));
    assert!(settings.environment.r#type.is_some());
    assert_eq!(settings.role, Some(Grants::Everywhere(Role::Viewer)));
    assert_eq!(settings.users["ada"], Grants::Everywhere(Role::Viewer));
    assert_eq!(settings.users.len(), 3);
    assert_eq!(settings.own_users, BTreeSet::from(["eve".to_owned()]));
    let variables = &settings.variables.project;
    assert_eq!(variables["env:A"].value, serde_json::json!("upper"));
    assert_eq!(variables["env:B"].value, serde_json::json!("below"));
    assert_eq!(settings.images["nodejs"], "upper/node");
    assert_eq!(settings.images["php"], "below/php");
    assert_eq!(settings.port.map(u16::from), Some(8080));
    assert_eq!(settings.user.uid, 10_000);
    assert_eq!(settings.mail, None);
    assert_eq!(settings.tests.keys().collect::<Vec<_>>(), ["one"]);
    assert_eq!(settings.check.ignore, ["U402", "U406"]);
    // It says nothing of `db` that could stand above this.
    assert_eq!(settings.services["db"].external, None);
    assert!(settings.services["cache"].external.is_some());
    let own = place.folder.path().join("config/upsun-local/b.pem");
    assert_eq!(settings.ca_certificates, [PathBuf::from("a.pem"), own]);
    assert_eq!(settings.engine.as_deref(), Some("colima"));
    assert_eq!(settings.proxy.credentials, Some(true));
}

#[test]
fn what_the_repository_leaves_open_the_user_says() {
    let place = Place::new(
        "project: shop\n",
        "user: {uid: 1, gid: 1}\nmail: true\ntests: {two: {operation: build}}\nenv_file: ~/own.env\n",
    );
    let settings = place.load(false).settings;
    assert_eq!(settings.user.uid, 1);
    assert!(settings.mail.is_some());
    assert_eq!(settings.tests.len(), 1);
    let env_file = settings.env_file.unwrap();
    assert_eq!(env_file, place.folder.path().join("own.env"));
    assert_eq!(
        settings.places["env_file"],
        "~/config/upsun-local/settings.yaml:4"
    );
}

const REACHING: &str =
    "engine: tcp://x\nenv_file: /etc/passwd\nimages: {php: my/php}\nrole: viewer\n";

#[test]
fn what_leads_out_counts_only_in_a_file_that_git_ignores() {
    let place = Place::new(REACHING, "");
    let loaded = place.load(false);
    assert_eq!(refused(&loaded), ["engine", "env_file"]);
    assert_eq!(loaded.settings.engine, None);
    assert_eq!(loaded.settings.env_file, None);
    assert_eq!(
        loaded.settings.foreign_images,
        BTreeSet::from(["my/php".to_owned()])
    );
    assert_eq!(loaded.settings.role, Some(Grants::Everywhere(Role::Viewer)));

    let loaded = place.load(true);
    assert!(loaded.refused.is_empty());
    assert_eq!(loaded.settings.engine.as_deref(), Some("tcp://x"));
    assert_eq!(loaded.settings.env_file, Some(PathBuf::from("/etc/passwd")));
    assert!(loaded.settings.foreign_images.is_empty());
}

#[test]
fn git_is_asked_only_where_that_makes_a_difference() {
    let never = || -> bool { unreachable!() };
    let place = Place::new("role: viewer\nport: 8080\n", REACHING);
    load(&place.root(), &place.own, never).unwrap();
    std::fs::remove_file(place.root().join(FILE_NAME)).unwrap();
    let loaded = load(&place.root(), &place.own, never).unwrap();
    assert_eq!(loaded.settings.engine.as_deref(), Some("tcp://x"));
    assert!(loaded.settings.foreign_images.is_empty());
}

#[test]
fn the_repository_does_not_say_where_the_users_own_words_lead() {
    let place = Place::new(
        "engine: tcp://x\n",
        "engine: colima\nimages: {php: my/php}\n",
    );
    let loaded = place.load(false);
    assert_eq!(refused(&loaded), ["engine"]);
    assert_eq!(loaded.settings.engine.as_deref(), Some("colima"));
    place.write(
        "repository/.upsun-local.yaml",
        "images: {php: my/php, nodejs: my/node}\n",
    );
    // The user trusts this one under another name already.
    assert_eq!(
        place.load(false).settings.foreign_images,
        BTreeSet::from(["my/node".to_owned()])
    );
}

#[test]
fn a_path_of_the_repository_counts_from_its_root_however_it_is_written() {
    let place = Place::new("", "");
    let absolute = place.root().join("a/.env");
    for path in ["a/.env", "./b/../a/.env", absolute.to_str().unwrap()] {
        place.write(
            "repository/.upsun-local.yaml",
            &format!("env_file: {path}\n"),
        );
        let loaded = place.load(false);
        assert!(loaded.refused.is_empty(), "{path}");
        assert_eq!(loaded.settings.env_file, Some(PathBuf::from("a/.env")));
    }
    place.write("repository/.upsun-local.yaml", "env_file: ../x\n");
    assert_eq!(refused(&place.load(false)), ["env_file"]);
    assert!(place.load(true).settings.env_file.unwrap().is_absolute());
}

#[test]
fn errors_name_the_file_they_are_in() {
    let place = Place::new("", "rloe: admin\n");
    assert_eq!(
        place.error(),
        "~/config/upsun-local/settings.yaml:1: unknown setting `rloe`"
    );
    let own = place.folder.path().join("config/upsun-local/settings.yaml");
    std::fs::remove_file(&own).unwrap();
    std::fs::create_dir(&own).unwrap();
    assert_eq!(
        place.error(),
        "cannot read `~/config/upsun-local/settings.yaml`: it is a directory, not a file"
    );
}

#[test]
fn the_users_file_may_be_a_link_and_the_repositorys_may_not_lead_out() {
    let place = Place::new("", "");
    let own = place.folder.path().join("config/upsun-local/settings.yaml");
    std::fs::remove_file(&own).unwrap();
    place.write("dotfiles", "role: viewer\n");
    std::os::unix::fs::symlink("../../dotfiles", &own).unwrap();
    assert!(place.load(false).settings.role.is_some());
    let file = place.root().join(FILE_NAME);
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("../dotfiles", &file).unwrap();
    assert_eq!(
        place.error(),
        "cannot read `.upsun-local.yaml`: it leads outside the repository"
    );
}

#[test]
fn the_users_file_is_where_xdg_says() {
    let name = |config: Option<&str>, home: Option<&str>| {
        let own = OwnFile::of(config.map(PathBuf::from), home.map(PathBuf::from));
        own.name()
    };
    let usual = "~/.config/upsun-local/settings.yaml";
    assert_eq!(name(None, Some("/home/ada")), usual);
    assert_eq!(name(Some("relative"), Some("/home/ada")), usual);
    assert_eq!(name(None, None), usual);
    assert_eq!(
        name(Some("/xdg"), Some("/home/ada")),
        "/xdg/upsun-local/settings.yaml"
    );
}
