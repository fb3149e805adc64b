//! Which official image stands for which of Upsun's runtimes.
//!
//! The tags were checked against the published lists of docker-library and of mcr.microsoft.com; what is known of each
//! image is in `fixtures/official-images.tsv`.

use indexmap::IndexMap;

use super::Error;
use crate::config::app::Runtime;
use crate::image_ref::ImageRef;
use crate::runtimes::{self, RuntimeType};

/// What is known of a runtime, by Upsun's name.
pub(super) fn known(name: &str) -> Result<&'static RuntimeType, Error> {
    runtimes::find(name).ok_or_else(|| Error::UnknownRuntime(name.to_owned()))
}

/// The version of a runtime; its default version if the configuration names none.
pub(super) fn version(runtime: &Runtime) -> Result<String, Error> {
    if runtime.version.is_empty() {
        return Ok(known(&runtime.name)?.default_version.to_owned());
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if runtime.version.chars().all(plain) {
        Ok(runtime.version.clone())
    } else {
        Err(Error::Version {
            runtime: runtime.name.clone(),
            version: runtime.version.clone(),
        })
    }
}

/// The image that a runtime starts from: what `images` of the settings says for `nodejs:24` or for `nodejs`,
/// else the official one.
pub fn official(
    runtime: &Runtime,
    overrides: &IndexMap<String, String>,
) -> Result<ImageRef, Error> {
    let exact = format!("{}:{}", runtime.name, runtime.version);
    if let Some(image) = overrides
        .get(&exact)
        .or_else(|| overrides.get(&runtime.name))
    {
        return Ok(ImageRef::new(image)?);
    }
    let known = known(&runtime.name)?;
    let version = version(runtime)?;
    let mut numbers = version
        .split('.')
        .map(|part| part.parse().unwrap_or(u32::MAX));
    let first = numbers.next().unwrap_or(u32::MAX);
    // `8` means the newest of them.
    let numbers = (first, numbers.next().unwrap_or(u32::MAX));
    let suite = if numbers >= known.suite_from {
        runtimes::SUITE
    } else {
        runtimes::OLD_SUITE
    };
    let reference = known.image.replace("{}", &version);
    Ok(ImageRef::new(&reference.replace("{suite}", suite))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime(text: &str) -> Runtime {
        let (name, version) = text.split_once(':').unwrap();
        Runtime {
            name: name.to_owned(),
            version: version.to_owned(),
        }
    }

    fn image(text: &str) -> String {
        official(&runtime(text), &IndexMap::new())
            .unwrap()
            .to_string()
    }

    #[test]
    fn each_runtime_has_its_official_image() {
        let table = [
            ("nodejs:26", "node:26-bookworm"),
            ("nodejs:24", "node:24-bookworm"),
            ("nodejs:14", "node:14-bullseye"),
            ("python:3.14", "python:3.14-bookworm"),
            ("python:3.10", "python:3.10-bookworm"),
            ("python:3", "python:3-bookworm"),
            ("php:8.5", "php:8.5-fpm-bookworm"),
            ("php:8.4", "php:8.4-fpm-bookworm"),
            ("php:8.0", "php:8.0-fpm-bullseye"),
            ("php:8", "php:8-fpm-bookworm"),
            ("ruby:4.0", "ruby:4.0-bookworm"),
            ("ruby:2.7", "ruby:2.7-bullseye"),
            ("golang:1.26", "golang:1.26-bookworm"),
            ("java:25", "eclipse-temurin:25-jdk-noble"),
            ("rust:1", "rust:1-bookworm"),
            ("elixir:1.20", "elixir:1.20"),
            ("dotnet:10.0", "mcr.microsoft.com/dotnet/sdk:10.0"),
            ("bun:1", "oven/bun:1"),
            ("perl:5", "perl:5-bookworm"),
            ("nodejs:", "node:24-bookworm"),
        ];
        for (runtime, expected) in table {
            assert_eq!(image(runtime), expected);
        }
    }

    #[test]
    fn settings_override_a_version_or_all_of_them() {
        let overrides = IndexMap::from([
            ("nodejs".to_owned(), "registry.example:5000/node".to_owned()),
            ("nodejs:24".to_owned(), "my/node@sha256:00ff".to_owned()),
            ("cobol".to_owned(), "my/cobol:1".to_owned()),
        ]);
        let image = |text| official(&runtime(text), &overrides).map(|image| image.to_string());
        assert_eq!(image("nodejs:24").unwrap(), "my/node@sha256:00ff");
        assert_eq!(image("nodejs:26").unwrap(), "registry.example:5000/node");
        assert_eq!(image("cobol:85").unwrap(), "my/cobol:1");
    }

    #[test]
    fn an_unknown_runtime_lists_those_that_are_known() {
        let error = official(&runtime("node:24"), &IndexMap::new()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no image is known for the runtime `node`"
        );
        let hint = error.hint().unwrap();
        assert!(hint.contains("`nodejs`"), "{hint}");
        assert!(hint.contains("images"), "{hint}");
    }

    #[test]
    fn nothing_can_be_smuggled_into_a_dockerfile() {
        for text in ["", "node:24\nRUN x", "node 24", "-x", "a:", "${X}"] {
            assert!(ImageRef::new(text).is_err(), "{text:?}");
        }
        let odd = Runtime {
            name: "nodejs".to_owned(),
            version: "24\nRUN x".to_owned(),
        };
        assert!(matches!(
            official(&odd, &IndexMap::new()),
            Err(Error::Version { .. })
        ));
    }
}
