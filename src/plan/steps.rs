//! The scripts of a build and of a deploy: dependencies, flavor, hooks.

use indexmap::IndexMap;
use serde_json::Value;

use super::BuildStep;
use crate::config::app::{App, Flavor, Image};
use crate::event::Step;
use crate::text::quote;

/// Where global dependencies go.
/// Source: <https://docs.upsun.com/create-apps/app-reference/single-runtime-image.html#dependencies>
const GLOBAL: &str = crate::layout::GLOBAL_DIRECTORY;

/// The scripts of a build, in order. What would do nothing is left out.
pub fn build(app: &App, has_file: &dyn Fn(&str) -> bool) -> Vec<BuildStep> {
    let mut steps = Vec::new();
    let mut add = |step, script: Option<String>| {
        if let Some(script) = script.filter(|script| !script.trim().is_empty()) {
            steps.push(BuildStep { step, script });
        }
    };
    add(Step::Dependencies, dependencies(&app.dependencies));
    add(Step::Flavor, flavor(app, has_file));
    add(Step::BuildHook, app.hooks.build.clone());
    steps
}

/// The deploy and post-deploy hooks.
pub fn hooks(app: &App) -> Vec<BuildStep> {
    [
        (Step::DeployHook, &app.hooks.deploy),
        (Step::PostDeployHook, &app.hooks.post_deploy),
    ]
    .into_iter()
    .filter_map(|(step, script)| {
        Some(BuildStep {
            step,
            script: script.clone()?,
        })
    })
    .filter(|step| !step.script.trim().is_empty())
    .collect()
}

/// What the flavor does.
/// Source: <https://docs.upsun.com/create-apps/app-reference/single-runtime-image.html#build>
fn flavor(app: &App, has_file: &dyn Fn(&str) -> bool) -> Option<String> {
    let Image::Runtime(runtime) = &app.image else {
        return None;
    };
    let npm = "npm prune --userconfig .npmrc && npm install --userconfig .npmrc";
    let composer = "composer --no-ansi --no-interaction install --no-progress --prefer-dist --optimize-autoloader";
    let (name, default) = match runtime.name.as_str() {
        "nodejs" => ("nodejs", true),
        "php" => ("composer", true),
        _ => ("", false),
    };
    let wanted = match &app.flavor {
        Flavor::None => return None,
        Flavor::Default => name,
        Flavor::Named(named) if named == "default" => {
            if default {
                name
            } else {
                return None;
            }
        }
        Flavor::Named(named) => named,
    };
    match wanted {
        "nodejs" if has_file("package.json") => Some(npm.to_owned()),
        "composer" if has_file("composer.json") => Some(composer.to_owned()),
        _ => None,
    }
}

/// Installs global dependencies. Every value comes from the user's file, so every value is quoted.
fn dependencies(all: &IndexMap<String, IndexMap<String, Value>>) -> Option<String> {
    let mut script = String::new();
    for (language, packages) in all {
        if packages.is_empty() {
            continue;
        }
        let list: Vec<(String, String)> = packages
            .iter()
            .map(|(name, version)| (name.clone(), version_text(version)))
            .collect();
        let lines = match language.as_str() {
            "nodejs" => npm(&list),
            "python3" | "python2" | "python" => pip(&list),
            "php" => composer(packages),
            "ruby" => gem(&list),
            _ => continue,
        };
        script.push_str(&lines);
        script.push('\n');
    }
    (!script.is_empty()).then(|| format!("set -e\nmkdir -p {GLOBAL}/bin\n{script}"))
}

fn version_text(version: &Value) -> String {
    match version {
        Value::String(text) => text.trim().to_owned(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn any(version: &str) -> bool {
    version.is_empty() || version == "*"
}

fn npm(packages: &[(String, String)]) -> String {
    let words: Vec<String> = packages
        .iter()
        .map(|(name, version)| {
            quote(&if any(version) {
                name.clone()
            } else {
                format!("{name}@{version}")
            })
        })
        .collect();
    format!("npm install --global --prefix {GLOBAL} {}", words.join(" "))
}

fn pip(packages: &[(String, String)]) -> String {
    let words: Vec<String> = packages
        .iter()
        .map(|(name, version)| {
            let exact = version.chars().next().is_some_and(|c| c.is_ascii_digit());
            quote(&match version.as_str() {
                v if any(v) => name.clone(),
                v if exact => format!("{name}=={v}"),
                v => format!("{name}{v}"),
            })
        })
        .collect();
    // Debian's own python refuses to install beside its packages unless told; other pythons do not mind.
    format!(
        "PYTHONUSERBASE={GLOBAL} PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip install --user --no-warn-script-location {}",
        words.join(" ")
    )
}

fn gem(packages: &[(String, String)]) -> String {
    packages
        .iter()
        .map(|(name, version)| {
            let version = if any(version) { String::new() } else { format!(" --version {}", quote(version)) };
            format!("gem install --no-document --install-dir {GLOBAL} --bindir {GLOBAL}/bin {}{version}", quote(name))
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// PHP's dependencies are packages and versions, or `require` and `repositories` as in a composer.json.
fn composer(packages: &IndexMap<String, Value>) -> String {
    let (require, repositories) = match packages.get("require") {
        Some(Value::Object(require)) => (
            require
                .iter()
                .map(|(name, version)| (name.clone(), version.clone()))
                .collect(),
            packages.get("repositories").cloned().unwrap_or(Value::Null),
        ),
        _ => (packages.clone(), Value::Null),
    };
    let mut file = serde_json::json!({ "require": require, "config": { "allow-plugins": true } });
    if !repositories.is_null() {
        file["repositories"] = repositories;
    }
    format!(
        "printf '%s\\n' {} > {GLOBAL}/composer.json\ncomposer --no-ansi --no-interaction --working-dir {GLOBAL} install --no-progress --prefer-dist",
        quote(&file.to_string())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> IndexMap<String, Value> {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), Value::String((*v).to_owned())))
            .collect()
    }

    #[test]
    fn each_language_installs_with_its_own_tool() {
        let all = IndexMap::from([
            ("nodejs".to_owned(), map(&[("pm2", "^6"), ("yarn", "*")])),
            (
                "python3".to_owned(),
                map(&[("gunicorn", "23.0.0"), ("uv", ">=0.5"), ("pipenv", "*")]),
            ),
            ("ruby".to_owned(), map(&[("sass", "3.4.7")])),
            ("php".to_owned(), map(&[("drush/drush", "^13")])),
        ]);
        insta::assert_snapshot!(dependencies(&all).unwrap(), @r#"
        set -e
        mkdir -p /app/.global/bin
        npm install --global --prefix /app/.global 'pm2@^6' 'yarn'
        PYTHONUSERBASE=/app/.global PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip install --user --no-warn-script-location 'gunicorn==23.0.0' 'uv>=0.5' 'pipenv'
        gem install --no-document --install-dir /app/.global --bindir /app/.global/bin 'sass' --version '3.4.7'
        printf '%s\n' '{"config":{"allow-plugins":true},"require":{"drush/drush":"^13"}}' > /app/.global/composer.json
        composer --no-ansi --no-interaction --working-dir /app/.global install --no-progress --prefer-dist
        "#);
    }

    #[test]
    fn a_hostile_version_stays_one_word() {
        assert_eq!(
            npm(&[("a".into(), "1'; rm -rf /; '".into())]),
            r"npm install --global --prefix /app/.global 'a@1'\''; rm -rf /; '\'''"
        );
    }
}
