//! What is known of each runtime: its versions on Upsun, and what makes it up here.
//!
//! Source of the versions: the table on <https://docs.upsun.com/create-apps/app-reference/single-runtime-image.html>.

/// The release of Debian that images are asked for by name, so that all runtimes share a system wherever their images
/// have it. `libraries` of each runtime are packages of this release.
pub const SUITE: &str = "bookworm";

/// The release before, for versions that have no image of [`SUITE`].
pub const OLD_SUITE: &str = "bullseye";

/// A runtime.
#[derive(Debug, Clone, Copy)]
pub struct RuntimeType {
    /// Upsun's name.
    pub name: &'static str,
    /// The versions that Upsun supports, newest first; none for a runtime that only composable images have.
    pub supported: &'static [&'static str],
    /// The versions that still work on Upsun and will go away.
    pub deprecated: &'static [&'static str],
    /// The official image, with `{}` for the version and `{suite}` for Debian's release.
    pub image: &'static str,
    /// The oldest version that has a tag for [`SUITE`]; older ones have [`OLD_SUITE`].
    pub suite_from: (u32, u32),
    /// The version if the configuration names none, as `stack.runtimes` may do.
    pub default_version: &'static str,
    /// What to copy when it is not the primary runtime: directories, at the same place.
    pub directories: &'static [&'static str],
    /// Directories that it adds to `PATH`.
    pub path: &'static str,
    /// Further variables that it needs where it is not the primary runtime.
    pub variables: &'static [(&'static str, &'static str)],
    /// The command that has to be there.
    pub command: &'static str,
    /// The command line that shows that it runs, and prints its version.
    pub check: &'static str,
    /// Debian's packages of shared libraries that it may need outside its own image.
    pub libraries: &'static str,
    /// Debian's packages of the runtime itself, the last resort; `-` for none.
    pub fallback: &'static str,
}

const LOCAL: &[&str] = &["/usr/local/"];

/// Every runtime that Upsun has.
pub(crate) const RUNTIMES: &[RuntimeType] = &[
    RuntimeType {
        name: "nodejs",
        supported: &["26", "24"],
        deprecated: &["22"],
        image: "node:{}-{suite}",
        suite_from: (16, 0),
        default_version: "24",
        directories: LOCAL,
        path: "",
        variables: &[],
        command: "node",
        check: "node --version",
        libraries: "libatomic1",
        fallback: "nodejs npm",
    },
    RuntimeType {
        name: "python",
        supported: &["3.14", "3.13"],
        deprecated: &["3.12", "3.11", "3.10"],
        image: "python:{}-{suite}",
        suite_from: (3, 7),
        default_version: "3.14",
        directories: LOCAL,
        path: "",
        variables: &[],
        command: "python3",
        check: "python3 -c 'import ssl, sqlite3, zlib' && python3 --version && pip3 --version",
        libraries: "libffi8 libreadline8 libsqlite3-0 libuuid1",
        fallback: "python3 python3-pip python3-venv",
    },
    RuntimeType {
        name: "php",
        supported: &["8.5", "8.4"],
        deprecated: &["8.3", "8.2"],
        image: "php:{}-fpm-{suite}",
        suite_from: (8, 1),
        default_version: "8.4",
        directories: LOCAL,
        path: "",
        variables: &[],
        command: "php",
        check: "php --version",
        libraries: "libargon2-1 libcurl4 libonig5 libreadline8 libsodium23 libsqlite3-0 libxml2",
        fallback: "php-cli php-fpm",
    },
    RuntimeType {
        name: "ruby",
        supported: &["4.0", "3.4", "3.3"],
        deprecated: &[],
        image: "ruby:{}-{suite}",
        suite_from: (3, 0),
        default_version: "3.4",
        directories: LOCAL,
        path: "",
        variables: &[],
        command: "ruby",
        check: "ruby --version",
        libraries: "libffi8 libgmp10 libyaml-0-2",
        fallback: "ruby bundler",
    },
    RuntimeType {
        name: "golang",
        supported: &["1.26", "1.25"],
        deprecated: &[],
        image: "golang:{}-{suite}",
        suite_from: (1, 19),
        default_version: "1.26",
        directories: &["/usr/local/go/"],
        path: "/usr/local/go/bin",
        variables: &[],
        command: "go",
        check: "go version",
        libraries: "gcc libc6-dev",
        fallback: "golang",
    },
    RuntimeType {
        name: "java",
        supported: &["25", "21", "17"],
        deprecated: &[],
        // The tags without a release move to each new one of Ubuntu; Debian has no images of Temurin.
        image: "eclipse-temurin:{}-jdk-noble",
        suite_from: (0, 0),
        default_version: "25",
        directories: &["/opt/java/openjdk/"],
        path: "/opt/java/openjdk/bin",
        variables: &[("JAVA_HOME", "/opt/java/openjdk")],
        command: "java",
        check: "java -version",
        libraries: "",
        fallback: "default-jdk-headless",
    },
    RuntimeType {
        name: "rust",
        supported: &["1"],
        deprecated: &[],
        image: "rust:{}-{suite}",
        suite_from: (0, 0),
        default_version: "1",
        directories: &["/usr/local/cargo/", "/usr/local/rustup/"],
        path: "/usr/local/cargo/bin",
        variables: &[("RUSTUP_HOME", "/usr/local/rustup")],
        command: "cargo",
        check: "cargo --version",
        libraries: "gcc libc6-dev",
        fallback: "cargo",
    },
    RuntimeType {
        name: "elixir",
        supported: &["1.20"],
        deprecated: &["1.19", "1.18"],
        image: "elixir:{}",
        suite_from: (0, 0),
        default_version: "1.20",
        directories: LOCAL,
        path: "",
        variables: &[],
        command: "elixir",
        check: "elixir --version",
        libraries: "libodbc2 libsctp1 libncurses6",
        fallback: "elixir",
    },
    RuntimeType {
        name: "dotnet",
        supported: &["10.0", "8.0"],
        deprecated: &[],
        image: "mcr.microsoft.com/dotnet/sdk:{}",
        suite_from: (0, 0),
        default_version: "10.0",
        directories: &["/usr/share/dotnet/"],
        path: "/usr/share/dotnet",
        variables: &[("DOTNET_ROOT", "/usr/share/dotnet")],
        command: "dotnet",
        check: "dotnet --version",
        libraries: "libicu72",
        fallback: "-",
    },
    RuntimeType {
        name: "bun",
        supported: &[],
        deprecated: &[],
        image: "oven/bun:{}",
        suite_from: (0, 0),
        default_version: "1",
        directories: LOCAL,
        path: "",
        variables: &[],
        command: "bun",
        check: "bun --version",
        libraries: "",
        fallback: "-",
    },
    RuntimeType {
        name: "clojure",
        supported: &[],
        deprecated: &[],
        image: "clojure:temurin-25-tools-deps-{suite}",
        suite_from: (0, 0),
        default_version: "1",
        directories: &["/opt/java/openjdk/", "/usr/local/"],
        path: "/opt/java/openjdk/bin",
        variables: &[("JAVA_HOME", "/opt/java/openjdk")],
        command: "clojure",
        check: "clojure --version",
        libraries: "rlwrap",
        fallback: "clojure",
    },
    RuntimeType {
        name: "perl",
        supported: &[],
        deprecated: &[],
        image: "perl:{}-{suite}",
        suite_from: (0, 0),
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

/// The runtime of that name: `nodejs`.
pub fn find(name: &str) -> Option<&'static RuntimeType> {
    RUNTIMES.iter().find(|known| known.name == name)
}

/// The oldest version of a runtime that Upsun supports, as a type; the default version where only composable images have
/// the runtime.
pub fn oldest_supported(known: &RuntimeType) -> String {
    let version = known.supported.last().unwrap_or(&known.default_version);
    format!("{}:{version}", known.name)
}
