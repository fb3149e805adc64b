//! `dev`: how `upsun-local dev` runs apps while they are edited.

use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::{self, Deserializer};

use super::{PathPattern, one_or_more};

/// `dev`. What stands directly in it holds for every app; `apps` says what is different for one.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dev {
    /// `command`: what runs instead of `web.commands.start`.
    pub command: Option<String>,
    /// `restart`: files after whose change the web process is started again, relative to the app's root.
    #[serde(deserialize_with = "patterns")]
    pub restart: Option<Vec<PathPattern>>,
    /// `rebuild`: files after whose change the app is built anew, relative to the app's root.
    #[serde(deserialize_with = "patterns")]
    pub rebuild: Option<Vec<PathPattern>>,
    /// `apps`: the same for single apps, by name.
    pub apps: IndexMap<String, AppDev>,
}

/// One entry of `dev.apps`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AppDev {
    /// `command`.
    pub command: Option<String>,
    /// `restart`.
    #[serde(deserialize_with = "patterns")]
    pub restart: Option<Vec<PathPattern>>,
    /// `rebuild`.
    #[serde(deserialize_with = "patterns")]
    pub rebuild: Option<Vec<PathPattern>>,
}

/// The files from which package managers install, and those that say what they installed.
const MANIFESTS: [&str; 36] = [
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    ".yarnrc.yml",
    "pnpm-lock.yaml",
    "pnpm-workspace.yaml",
    "bun.lock",
    "bun.lockb",
    "deno.lock",
    "composer.json",
    "composer.lock",
    "requirements*.txt",
    "pyproject.toml",
    "poetry.lock",
    "uv.lock",
    "Pipfile",
    "Pipfile.lock",
    "Gemfile",
    "Gemfile.lock",
    "*.gemspec",
    "go.mod",
    "go.sum",
    "Cargo.toml",
    "Cargo.lock",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "settings.gradle",
    "gradle.lockfile",
    "mix.exs",
    "mix.lock",
    "*.csproj",
    "packages.lock.json",
    "paket.lock",
    "pdm.lock",
];

impl Dev {
    /// The command of an app, if it has one.
    pub fn command_of(&self, app: &str) -> Option<&str> {
        let own = self.apps.get(app).and_then(|app| app.command.as_deref());
        own.or(self.command.as_deref())
    }

    /// Whether the web process of an app is started again after a change of this file.
    pub fn restarts(&self, app: &str, path: &str) -> bool {
        let own = self.apps.get(app).and_then(|app| app.restart.as_ref());
        let patterns = own.or(self.restart.as_ref());
        patterns.is_some_and(|all| all.iter().any(|pattern| pattern.matches(path)))
    }

    /// Whether an app is built anew after a change of this file.
    pub fn rebuilds(&self, app: &str, path: &str) -> bool {
        let own = self.apps.get(app).and_then(|app| app.rebuild.as_ref());
        match own.or(self.rebuild.as_ref()) {
            Some(patterns) => patterns.iter().any(|pattern| pattern.matches(path)),
            None => is_manifest(path),
        }
    }

    /// These settings, completed by those of `below`.
    pub(super) fn over(self, below: Dev) -> Dev {
        let mut apps = self.apps;
        for (name, app) in below.apps {
            apps.entry(name).or_insert(app);
        }
        Dev {
            command: self.command.or(below.command),
            restart: self.restart.or(below.restart),
            rebuild: self.rebuild.or(below.rebuild),
            apps,
        }
    }
}

fn is_manifest(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    MANIFESTS.iter().any(|known| match known.split_once('*') {
        None => *known == name,
        Some((begin, end)) => {
            name.len() >= begin.len() + end.len() && name.starts_with(begin) && name.ends_with(end)
        }
    })
}

/// A pattern, or a list of them.
fn patterns<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<PathPattern>>, D::Error> {
    let texts = one_or_more(deserializer)?;
    let all: Result<Vec<_>, _> = texts.iter().map(|text| PathPattern::new(text)).collect();
    all.map(Some).map_err(de::Error::custom)
}

#[cfg(test)]
mod tests {
    use crate::settings::{FILE_NAME, Settings};

    fn dev(text: &str) -> super::Dev {
        Settings::parse(text, FILE_NAME).unwrap().dev
    }

    #[test]
    fn an_app_has_its_own_settings_above_those_of_all() {
        let dev = dev(
            "dev:\n  command: npm run dev\n  restart: [config/**]\n  apps:\n    api:\n      command: ./serve --reload\n      restart: '*.toml'\n",
        );
        assert_eq!(dev.command_of("shop"), Some("npm run dev"));
        assert_eq!(dev.command_of("api"), Some("./serve --reload"));
        assert!(dev.restarts("shop", "config/a/b.yaml"));
        assert!(!dev.restarts("shop", "other.toml"));
        assert!(dev.restarts("api", "other.toml"));
        assert!(!dev.restarts("api", "config/a.yaml"));
    }

    #[test]
    fn manifests_and_lock_files_build_anew_unless_the_settings_say_otherwise() {
        let default = dev("");
        for path in [
            "package.json",
            "packages/a/package.json",
            "requirements.txt",
            "requirements-dev.txt",
            "app.csproj",
        ] {
            assert!(default.rebuilds("shop", path), "{path}");
        }
        for path in [
            "package.jsonc",
            "app/page.js",
            "require.txt",
            "mypackage.json",
        ] {
            assert!(!default.rebuilds("shop", path), "{path}");
        }
        let own = dev("dev: {rebuild: [schema/*.sql]}");
        assert!(own.rebuilds("shop", "schema/a.sql"));
        assert!(!own.rebuilds("shop", "package.json"));
        let none = dev("dev: {rebuild: []}");
        assert!(!none.rebuilds("shop", "package.json"));
    }

    #[test]
    fn unknown_keys_and_broken_patterns_are_refused() {
        for text in [
            "dev: {comand: x}",
            "dev: {restart: ['a[']}",
            "dev: {apps: {shop: {start: x}}}",
        ] {
            let err = Settings::parse(text, FILE_NAME).unwrap_err().to_string();
            assert!(err.starts_with(".upsun-local.yaml:1: "), "{text}: {err}");
        }
    }
}
