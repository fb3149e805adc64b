//! The packages that builds of a project download, kept for its next build.
//!
//! Package managers keep what they download in the user's home, which is the app's directory. During a build, variables
//! name a directory of the project instead, so that the next build downloads only what is new, and no download stays in
//! the app. This is done only for downloads that no app needs at run time: some apps start from the repositories of
//! Maven and Go.

use std::collections::BTreeMap;

use super::Inputs;
use crate::engine::spec::VolumeSpec;
use crate::labels::Kind;
use crate::layout::PACKAGES_DIRECTORY;
use crate::project::Project;
use crate::settings::User;

/// A package manager.
struct Manager {
    /// The part of the directory that it gets.
    name: &'static str,
    /// The variables with that directory. A user who sets one of them has another directory in mind.
    directory: &'static [&'static str],
    /// Further variables that it needs then.
    besides: &'static [(&'static str, &'static str)],
    /// The files of the source that may rule the directory out, and the word by which they do.
    settings: &'static [(&'static str, &'static str)],
    /// A file without which the variables are left out.
    needs: Option<&'static str>,
    /// A file with which the variables are left out.
    unless: Option<&'static str>,
}

const USUAL: Manager = Manager {
    name: "",
    directory: &[],
    besides: &[],
    settings: &[],
    needs: None,
    unless: None,
};

/// Sources: <https://docs.npmjs.com/cli/using-npm/config#cache>, <https://pnpm.io/settings#storedir>,
/// <https://classic.yarnpkg.com/lang/en/docs/cli/cache/>, <https://getcomposer.org/doc/03-cli.md#composer-cache-dir>,
/// <https://pip.pypa.io/en/stable/topics/caching/>, <https://docs.astral.sh/uv/concepts/cache/>,
/// <https://python-poetry.org/docs/configuration/#cache-dir>, <https://bundler.io/man/bundle-config.1.html>,
/// <https://learn.microsoft.com/nuget/consume-packages/managing-the-global-packages-and-cache-folders>
const MANAGERS: [Manager; 9] = [
    Manager {
        name: "npm",
        directory: &["npm_config_cache"],
        settings: &[(".npmrc", "cache")],
        ..USUAL
    },
    Manager {
        name: "pnpm",
        directory: &["npm_config_store_dir", "pnpm_config_store_dir"],
        settings: &[(".npmrc", "store-dir")],
        // npm complains about a setting that only pnpm has.
        needs: Some("pnpm-lock.yaml"),
        ..USUAL
    },
    Manager {
        name: "yarn",
        directory: &["YARN_CACHE_FOLDER"],
        // Later versions of Yarn may start an app from their cache.
        settings: &[
            (".yarnrc", "cache-folder"),
            ("package.json", "\"yarn@2"),
            ("package.json", "\"yarn@3"),
            ("package.json", "\"yarn@4"),
        ],
        unless: Some(".yarnrc.yml"),
        ..USUAL
    },
    Manager {
        name: "composer",
        directory: &["COMPOSER_CACHE_DIR"],
        settings: &[("composer.json", "\"cache-dir\"")],
        ..USUAL
    },
    Manager {
        name: "pip",
        directory: &["PIP_CACHE_DIR"],
        settings: &[("pip.conf", "cache-dir")],
        ..USUAL
    },
    Manager {
        name: "uv",
        directory: &["UV_CACHE_DIR"],
        // The cache is in another file system than the app, so files cannot be linked.
        besides: &[("UV_LINK_MODE", "copy")],
        settings: &[("uv.toml", "cache-dir"), ("pyproject.toml", "cache-dir")],
        ..USUAL
    },
    Manager {
        name: "poetry",
        directory: &["POETRY_CACHE_DIR"],
        // They would move with the cache.
        besides: &[(
            "POETRY_VIRTUALENVS_PATH",
            "/app/.cache/pypoetry/virtualenvs",
        )],
        settings: &[("poetry.toml", "cache-dir")],
        ..USUAL
    },
    Manager {
        name: "bundler",
        directory: &["BUNDLE_USER_CACHE"],
        besides: &[("BUNDLE_GLOBAL_GEM_CACHE", "true")],
        settings: &[(".bundle/config", "CACHE")],
        ..USUAL
    },
    Manager {
        name: "nuget",
        directory: &["NUGET_HTTP_CACHE_PATH"],
        ..USUAL
    },
];

/// The volume with the packages of all apps of a project. Projects share none: a repository is not trusted with what
/// another one installs.
pub(super) fn volume(project: &Project, user: User) -> VolumeSpec {
    VolumeSpec {
        name: super::build::name_of_cache(project, "packages", user),
        labels: project.new_labels(None, None, Kind::Packages),
        directory_of: None,
        memory: None,
        layers: None,
    }
}

/// The variables that name the directories. The user's own settings win.
pub(super) fn variables(inputs: &Inputs<'_>) -> BTreeMap<String, String> {
    choose(&inputs.build_variables, inputs.has_file, inputs.says)
}

fn choose(
    own: &BTreeMap<String, String>,
    has_file: &dyn Fn(&str) -> bool,
    says: &dyn Fn(&str, &str) -> bool,
) -> BTreeMap<String, String> {
    let is_own = |name: &str| own.keys().any(|known| known.eq_ignore_ascii_case(name));
    let mut variables = BTreeMap::new();
    for manager in &MANAGERS {
        let mut settings = manager.settings.iter();
        let is_wanted = manager.needs.is_none_or(has_file)
            && !manager.unless.is_some_and(has_file)
            && !manager.directory.iter().any(|name| is_own(name))
            && !settings.any(|(file, word)| says(file, word));
        if !is_wanted {
            continue;
        }
        let directory = format!("{PACKAGES_DIRECTORY}/{}", manager.name);
        for name in manager.directory {
            variables.insert((*name).to_owned(), directory.clone());
        }
        for (name, value) in manager.besides.iter().filter(|(name, _)| !is_own(name)) {
            variables.insert((*name).to_owned(), (*value).to_owned());
        }
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(own: &[(&str, &str)], files: &[(&str, &str)]) -> Vec<String> {
        let own = own
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let text = |path: &str| {
            let file = files.iter().find(|(name, _)| *name == path);
            file.map(|(_, text)| *text)
        };
        let has_file = |path: &str| text(path).is_some();
        let says = |path: &str, word: &str| text(path).is_some_and(|text| text.contains(word));
        choose(&own, &has_file, &says)
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }

    #[test]
    fn each_package_manager_has_a_directory_outside_the_app() {
        insta::assert_snapshot!(told(&[], &[]).join("\n"), @r"
        BUNDLE_GLOBAL_GEM_CACHE=true
        BUNDLE_USER_CACHE=/var/cache/upsun-local/bundler
        COMPOSER_CACHE_DIR=/var/cache/upsun-local/composer
        NUGET_HTTP_CACHE_PATH=/var/cache/upsun-local/nuget
        PIP_CACHE_DIR=/var/cache/upsun-local/pip
        POETRY_CACHE_DIR=/var/cache/upsun-local/poetry
        POETRY_VIRTUALENVS_PATH=/app/.cache/pypoetry/virtualenvs
        UV_CACHE_DIR=/var/cache/upsun-local/uv
        UV_LINK_MODE=copy
        YARN_CACHE_FOLDER=/var/cache/upsun-local/yarn
        npm_config_cache=/var/cache/upsun-local/npm
        ");
    }

    #[test]
    fn what_the_user_sets_wins() {
        let usual = told(&[], &[]).len();
        let has = |told: &[String], name: &str| told.iter().any(|line| line.starts_with(name));
        for (own, files, name) in [
            (
                &[("NPM_CONFIG_CACHE", "/x")][..],
                &[][..],
                "npm_config_cache",
            ),
            (&[], &[(".npmrc", "cache=.cache/npm")], "npm_config_cache"),
            (&[("PIP_CACHE_DIR", "/x")], &[], "PIP_CACHE_DIR"),
            (
                &[],
                &[(".yarnrc.yml", "nodeLinker: pnp")],
                "YARN_CACHE_FOLDER",
            ),
            (
                &[],
                &[("package.json", r#"{"packageManager": "yarn@3.8.7"}"#)],
                "YARN_CACHE_FOLDER",
            ),
            (
                &[],
                &[("composer.json", r#"{"config":{"cache-dir":"x"}}"#)],
                "COMPOSER_CACHE_DIR",
            ),
        ] {
            let told = told(own, files);
            assert!(!has(&told, name), "{told:?}");
            assert_eq!(told.len(), usual - 1, "{told:?}");
        }
        let first = r#"{"packageManager": "yarn@1.22.22"}"#;
        assert!(has(
            &told(&[], &[("package.json", first)]),
            "YARN_CACHE_FOLDER"
        ));
        assert!(has(
            &told(&[], &[("pnpm-lock.yaml", "")]),
            "pnpm_config_store_dir"
        ));
        let own = told(&[], &[("pyproject.toml", "[tool.uv]\ncache-dir = \"x\"")]);
        assert!(!has(&own, "UV_") && own.len() == usual - 2, "{own:?}");
        // A place of one's own for virtual environments stays.
        let own = told(&[("POETRY_VIRTUALENVS_PATH", "/app/env")], &[]);
        assert!(!has(&own, "POETRY_VIRTUALENVS_PATH") && has(&own, "POETRY_CACHE_DIR"));
    }
}
