//! Which official image stands for which of Upsun's runtimes.
//!
//! The tags were checked against the published lists of docker-library and of mcr.microsoft.com. Debian's
//! bookworm is asked for by name wherever a runtime has it, so that all runtimes share a system.

use indexmap::IndexMap;

use super::Error;
use crate::config::app::Runtime;
use crate::image_ref::ImageRef;

/// What is known of one runtime.
pub(super) struct Known {
    /// Upsun's name.
    pub(super) name: &'static str,
    /// The official image, with `{}` for the version and `{suite}` for Debian's.
    image: &'static str,
    /// The oldest version that has a tag for bookworm; older ones have bullseye.
    bookworm_from: (u32, u32),
    /// The version if the configuration names none, as `stack.runtimes` may do.
    default_version: &'static str,
    /// What to copy when it is not the primary runtime: directories, at the same place.
    pub(super) directories: &'static [&'static str],
    /// Directories that it adds to `PATH`.
    pub(super) path: &'static str,
    /// Further variables that it needs where it is not the primary runtime.
    pub(super) variables: &'static [(&'static str, &'static str)],
    /// The command that has to be there.
    pub(super) command: &'static str,
    /// The command line that shows that it runs, and prints its version.
    pub(super) check: &'static str,
    /// Debian's packages of shared libraries that it may need outside its own image.
    pub(super) libraries: &'static str,
    /// Debian's packages of the runtime itself, the last resort; `-` for none.
    pub(super) fallback: &'static str,
}

const LOCAL: &[&str] = &["/usr/local/"];

/// Every runtime of Upsun's registry, and those that only composable images have.
pub(super) const KNOWN: [Known; 12] = [
    Known {
        name: "nodejs",
        image: "node:{}-{suite}",
        bookworm_from: (16, 0),
        default_version: "24",
        directories: LOCAL,
        path: "",
        variables: &[],
        command: "node",
        check: "node --version",
        libraries: "libatomic1",
        fallback: "nodejs npm",
    },
    Known {
        name: "python",
        image: "python:{}-{suite}",
        bookworm_from: (3, 7),
        default_version: "3.14",
        directories: LOCAL,
        path: "",
        variables: &[],
        command: "python3",
        check: "python3 -c 'import ssl, sqlite3, zlib' && python3 --version && pip3 --version",
        libraries: "libffi8 libreadline8 libsqlite3-0 libuuid1",
        fallback: "python3 python3-pip python3-venv",
    },
    Known {
        name: "php",
        image: "php:{}-fpm-{suite}",
        bookworm_from: (8, 1),
        default_version: "8.4",
        directories: LOCAL,
        path: "",
        variables: &[],
        command: "php",
        check: "php --version",
        libraries: "libargon2-1 libcurl4 libonig5 libreadline8 libsodium23 libsqlite3-0 libxml2",
        fallback: "php-cli php-fpm",
    },
    Known {
        name: "ruby",
        image: "ruby:{}-{suite}",
        bookworm_from: (3, 0),
        default_version: "3.4",
        directories: LOCAL,
        path: "",
        variables: &[],
        command: "ruby",
        check: "ruby --version",
        libraries: "libffi8 libgmp10 libyaml-0-2",
        fallback: "ruby bundler",
    },
    Known {
        name: "golang",
        image: "golang:{}-{suite}",
        bookworm_from: (1, 19),
        default_version: "1.26",
        directories: &["/usr/local/go/"],
        path: "/usr/local/go/bin",
        variables: &[],
        command: "go",
        check: "go version",
        libraries: "gcc libc6-dev",
        fallback: "golang",
    },
    Known {
        name: "java",
        image: "eclipse-temurin:{}-jdk",
        bookworm_from: (0, 0),
        default_version: "25",
        directories: &["/opt/java/openjdk/"],
        path: "/opt/java/openjdk/bin",
        variables: &[("JAVA_HOME", "/opt/java/openjdk")],
        command: "java",
        check: "java -version",
        libraries: "",
        fallback: "default-jdk-headless",
    },
    Known {
        name: "rust",
        image: "rust:{}-{suite}",
        bookworm_from: (0, 0),
        default_version: "1",
        directories: &["/usr/local/cargo/", "/usr/local/rustup/"],
        path: "/usr/local/cargo/bin",
        variables: &[("RUSTUP_HOME", "/usr/local/rustup")],
        command: "cargo",
        check: "cargo --version",
        libraries: "gcc libc6-dev",
        fallback: "cargo",
    },
    Known {
        name: "elixir",
        image: "elixir:{}",
        bookworm_from: (0, 0),
        default_version: "1.20",
        directories: LOCAL,
        path: "",
        variables: &[],
        command: "elixir",
        check: "elixir --version",
        libraries: "libodbc2 libsctp1 libncurses6",
        fallback: "elixir",
    },
    Known {
        name: "dotnet",
        image: "mcr.microsoft.com/dotnet/sdk:{}",
        bookworm_from: (0, 0),
        default_version: "10.0",
        directories: &["/usr/share/dotnet/"],
        path: "/usr/share/dotnet",
        variables: &[("DOTNET_ROOT", "/usr/share/dotnet")],
        command: "dotnet",
        check: "dotnet --version",
        libraries: "libicu72",
        fallback: "-",
    },
    Known {
        name: "bun",
        image: "oven/bun:{}",
        bookworm_from: (0, 0),
        default_version: "1",
        directories: LOCAL,
        path: "",
        variables: &[],
        command: "bun",
        check: "bun --version",
        libraries: "",
        fallback: "-",
    },
    Known {
        name: "clojure",
        image: "clojure:temurin-25-tools-deps-{suite}",
        bookworm_from: (0, 0),
        default_version: "1",
        directories: &["/opt/java/openjdk/", "/usr/local/"],
        path: "/opt/java/openjdk/bin",
        variables: &[("JAVA_HOME", "/opt/java/openjdk")],
        command: "clojure",
        check: "clojure --version",
        libraries: "rlwrap",
        fallback: "clojure",
    },
    Known {
        name: "perl",
        image: "perl:{}-{suite}",
        bookworm_from: (0, 0),
        default_version: "5",
        directories: LOCAL,
        path: "",
        variables: &[],
        command: "perl",
        check: "perl --version",
        libraries: "",
        fallback: "perl",
    },
];

/// What is known of a runtime, by Upsun's name.
pub(super) fn known(name: &str) -> Result<&'static Known, Error> {
    KNOWN
        .iter()
        .find(|known| known.name == name)
        .ok_or_else(|| Error::UnknownRuntime(name.to_owned()))
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
    let suite = if numbers >= known.bookworm_from {
        "bookworm"
    } else {
        "bullseye"
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
            ("java:25", "eclipse-temurin:25-jdk"),
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
    fn every_supported_runtime_of_the_registry_is_known() {
        for name in [
            "dotnet", "elixir", "golang", "java", "nodejs", "php", "python", "ruby", "rust",
        ] {
            assert!(known(name).is_ok(), "{name}");
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
