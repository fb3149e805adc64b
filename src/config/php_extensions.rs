//! PHP's extensions: which can be switched on in which version, which are on by themselves, and which are a part
//! of PHP that cannot be listed.
//!
//! Source: the table on <https://docs.upsun.com/languages/php/extensions.html>. A line is a span of versions, and the
//! extensions to which it applies.

use std::fmt;

use self::State::{Available, BuiltIn, Default};
use super::schema::nearest;

/// What an extension is in one version of PHP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// `extensions` switches it on.
    Available,
    /// The extension is on, and `disabled_extensions` can switch it off.
    Default,
    /// The extension is always on, and belongs in no list.
    BuiltIn,
}

/// Whether an extension is on by itself, in some version of PHP at least; `None` where it is none that can be listed.
pub(crate) fn is_default(name: &str) -> Option<bool> {
    let mut states = TABLE
        .iter()
        .filter(|span| span.has(name) && span.state != BuiltIn)
        .map(|span| span.state);
    let first = states.next()?;
    Some(first == Default || states.any(|state| state == Default))
}

/// A version of PHP: `8.4` as two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(u32, u32);

/// What is known, oldest version first within a state.
#[rustfmt::skip]
const TABLE: &[Span] = &[
    span(Available, (7, 0), (7, 0), "bz2"),
    span(Available, (7, 0), (7, 1), "applepay mcrypt pdo_firebird"),
    span(Available, (7, 0), (7, 3), "recode wddx zbarcode"),
    span(Available, (7, 0), (7, 4), "apcu_bc ioncube"),
    span(Available, (7, 0), (8, 2), "interbase"),
    span(Available, (7, 0), (8, 3), "pspell sqlsrv tideways_xhprof"),
    span(Available, (7, 0), (8, 5), "amqp apcu blackfire enchant geoip gmp igbinary imagick imap ldap mailparse memcached \
         mongodb msgpack newrelic oauth odbc pdo_dblib pdo_odbc pdo_pgsql pdo_sqlsrv pgsql \
         readline redis shmop snmp sourceguardian ssh2 sybase tideways tidy xdebug xmlrpc xsl"),
    span(Available, (7, 1), (8, 5), "event uuid yaml"),
    span(Available, (7, 2), (8, 5), "sodium"),
    span(Available, (7, 3), (7, 4), "applepay propro"),
    span(Available, (7, 3), (8, 5), "http raphf"),
    span(Available, (7, 4), (8, 5), "ffi"),
    span(Available, (8, 0), (8, 5), "gnupg"),
    span(Available, (8, 1), (8, 4), "ioncube"),
    span(Available, (8, 1), (8, 5), "protobuf rdkafka"),
    span(Available, (8, 2), (8, 4), "openswoole swoole"),
    span(Available, (8, 2), (8, 5), "datadog-profiling opentelemetry pdo_firebird"),
    span(Available, (8, 3), (8, 4), "uv"),
    span(Available, (8, 4), (8, 4), "grpc"),
    span(Default, (7, 0), (7, 4), "json"),
    span(Default, (7, 0), (8, 5), "bcmath calendar ctype curl dba dom exif fileinfo ftp gd gettext iconv intl mbstring \
         mysqli mysqlnd pdo pdo_mysql pdo_sqlite phar posix simplexml soap sockets sqlite3 \
         sysvmsg sysvsem sysvshm tokenizer xml xmlreader xmlwriter zip"),
    span(Default, (7, 1), (8, 5), "bz2"),
    span(BuiltIn, (7, 0), (8, 5), "opcache"),
    span(BuiltIn, (8, 0), (8, 5), "json"),
];

/// Parts of PHP of which no list of Upsun's speaks: they are always there.
const ALWAYS: [&str; 12] = [
    "core",
    "date",
    "filter",
    "hash",
    "libxml",
    "openssl",
    "pcre",
    "random",
    "reflection",
    "session",
    "spl",
    "zlib",
];

/// What people call an extension that has another name.
const CALLED: [(&str, &str); 9] = [
    ("imagemagick", "imagick"),
    ("magick", "imagick"),
    ("mysql", "pdo_mysql"),
    ("pdo_mariadb", "pdo_mysql"),
    ("pdo_postgres", "pdo_pgsql"),
    ("pdo_postgresql", "pdo_pgsql"),
    ("postgres", "pgsql"),
    ("postgresql", "pgsql"),
    ("sqlite", "sqlite3"),
];

impl Version {
    /// The version that is written, if the table has it.
    pub(crate) fn find(written: &str) -> Option<Version> {
        let (major, minor) = written.split_once('.')?;
        let version = Version(major.parse().ok()?, minor.parse().ok()?);
        TABLE
            .iter()
            .any(|span| span.holds(version))
            .then_some(version)
    }

    /// What an extension is in this version; `None` where it does not exist.
    pub(crate) fn state(self, name: &str) -> Option<State> {
        let mut spans = TABLE.iter().filter(|span| span.holds(self));
        Some(spans.find(|span| span.has(name))?.state)
    }

    /// What may help someone who lists an extension that this version does not have.
    pub(crate) fn hint(self, name: &str) -> String {
        let lower = name.to_lowercase();
        if ALWAYS.contains(&lower.as_str()) {
            return format!("remove it: `{lower}` is a part of PHP, and always there");
        }
        if let Some((_, known)) = CALLED.iter().find(|(called, _)| *called == lower) {
            return format!("did you mean `{known}`?");
        }
        let elsewhere: Vec<String> = TABLE
            .iter()
            .filter(|span| span.has(name))
            .map(ToString::to_string)
            .collect();
        if !elsewhere.is_empty() {
            return format!(
                "Upsun has `{name}` for PHP {} only",
                elsewhere.join(" and ")
            );
        }
        let here = TABLE
            .iter()
            .filter(|span| span.holds(self))
            .flat_map(|span| span.names.split_whitespace());
        match nearest(name, here) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "correct its name, or remove it".to_owned(),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// One line of the table.
struct Span {
    state: State,
    first: Version,
    last: Version,
    names: &'static str,
}

impl Span {
    fn holds(&self, version: Version) -> bool {
        (self.first..=self.last).contains(&version)
    }

    fn has(&self, name: &str) -> bool {
        self.names.split_whitespace().any(|known| known == name)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{} to {}", self.first, self.last)
        }
    }
}

const fn span(state: State, first: (u32, u32), last: (u32, u32), names: &'static str) -> Span {
    Span {
        state,
        first: Version(first.0, first.1),
        last: Version(last.0, last.1),
        names,
    }
}

#[cfg(test)]
mod tests {
    use super::super::versions;
    use super::*;

    #[test]
    fn an_extension_is_known_per_version() {
        let table = [
            ("8.4", "redis", Some(Available)),
            ("8.4", "mbstring", Some(Default)),
            ("8.4", "json", Some(BuiltIn)),
            ("7.4", "json", Some(Default)),
            ("8.3", "pspell", Some(Available)),
            ("8.4", "pspell", None),
            ("8.4", "grpc", Some(Available)),
            ("8.5", "grpc", None),
            ("8.0", "ioncube", None),
            ("8.1", "ioncube", Some(Available)),
            ("8.4", "no_such_thing", None),
        ];
        for (version, name, expected) in table {
            let version = Version::find(version).unwrap();
            assert_eq!(version.state(name), expected, "{name} in {version}");
        }
        assert_eq!(Version::find("9.9"), None);
        assert_eq!(Version::find("8"), None);
        assert_eq!(Version::find("x.y"), None);
    }

    #[test]
    fn no_extension_is_two_things_in_one_version() {
        for version in ["7.0", "7.4", "8.0", "8.2", "8.3", "8.4", "8.5"] {
            let version = Version::find(version).unwrap();
            let mut names: Vec<&str> = TABLE
                .iter()
                .filter(|span| span.holds(version))
                .flat_map(|span| span.names.split_whitespace())
                .collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "in {version}");
            assert!(count > 60, "{version} has {count}");
        }
    }

    #[test]
    fn every_version_that_upsun_supports_is_in_the_table() {
        let php = versions::find("php").unwrap();
        for version in php.supported.iter().chain(php.deprecated) {
            assert!(Version::find(version).is_some(), "{version}");
        }
    }

    #[test]
    fn the_hint_says_what_was_meant() {
        let table = [
            ("rediss", "did you mean `redis`?"),
            ("pdo-pgsql", "did you mean `pdo_pgsql`?"),
            ("Imagick", "did you mean `imagick`?"),
            ("pdo_postgres", "did you mean `pdo_pgsql`?"),
            (
                "openssl",
                "remove it: `openssl` is a part of PHP, and always there",
            ),
            ("pspell", "Upsun has `pspell` for PHP 7.0 to 8.3 only"),
            ("no_such_thing", "correct its name, or remove it"),
        ];
        let version = Version::find("8.4").unwrap();
        for (name, expected) in table {
            assert_eq!(version.hint(name), expected, "{name}");
        }
    }
}
