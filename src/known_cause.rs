//! Causes of a failure that the output of a script shows by itself: a question without an answer, an extension that
//! PHP lacks. Pure.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex_automata::meta::Regex;
use regex_automata::util::captures::Captures;

use crate::config;
use crate::event::KnownCause;

/// What a program prints that asked a question without a terminal: all of these texts, in lower case; then what answers
/// it, or nothing where that depends on the tool.
const QUESTIONS: [(&[&str], Option<&str>); 9] = [
    // Laravel: https://laravel.com/docs/migrations#forcing-migrations-to-run-in-production
    (
        &["application in production", "command cancel"],
        Some("--force"),
    ),
    // Prisma asks before it empties a database.
    (
        &["prisma", "environment is non-interactive", "--force"],
        Some("--force"),
    ),
    (
        &["disable_database_environment_check=1", "destructive action"],
        Some("DISABLE_DATABASE_ENVIRONMENT_CHECK=1"),
    ),
    // Django's commands read from standard input.
    (
        &["eoferror", "eof when reading a line", "manage.py"],
        Some("--noinput"),
    ),
    (
        &[
            "eoferror",
            "eof when reading a line",
            "type 'yes' to continue",
        ],
        Some("--noinput"),
    ),
    (&["eoferror", "eof when reading a line"], None),
    // Symfony's console, and what is made with it: Doctrine, Drush, Composer.
    (&["questionhelper", "aborted"], None),
    (&["(yes/no) [", "aborted"], None),
    (&["(yes/no) [", "cancel"], None),
];

/// What answers the questions of tools that have many, by a word of the script.
const ANSWERS: [(&str, &str); 5] = [
    ("drush", "-y"),
    ("composer", "--no-interaction"),
    ("console", "--no-interaction"),
    ("artisan", "--no-interaction"),
    ("manage.py", "--noinput"),
];

/// What programs print, in lower case, when a certificate is not trusted, a name is not found, or a proxy stands between
/// them and the network.
const KEPT_FROM_THE_NETWORK: [&str; 15] = [
    "certificate verif",
    "certificate problem",
    "self-signed certificate",
    "self signed certificate",
    "unable to get local issuer",
    "unable_to_get_issuer_cert",
    "unable_to_verify_leaf_signature",
    "x509:",
    "could not resolve",
    "temporary failure resolving",
    "temporary failure in name resolution",
    "name or service not known",
    "eai_again",
    "enotfound",
    "proxy authentication required",
];

/// Whether a program's output says that a company's proxy may keep the program from the network.
pub fn is_kept_from_the_network(output: &str) -> bool {
    let output = output.to_lowercase();
    KEPT_FROM_THE_NETWORK
        .iter()
        .any(|text| output.contains(text))
}

/// Wordings whose group is an extension's name.
static EXTENSIONS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    compiled(&[
        r"ext-([A-Za-z0-9_]+)\b.*\bmissing\b",
        r"[Pp]lease make sure the PHP ([A-Za-z0-9_]+) extension is installed",
        r#"[Tt]he ["'`]?([A-Za-z0-9_]+)["'`]? (?:PHP )?extension is (?:required|not (?:installed|loaded|enabled|available))"#,
        r#"PHP extension ["'`]?([A-Za-z0-9_]+)["'`]? is (?:required|missing|not (?:installed|loaded|enabled|available))"#,
        r#"requires? (?:the )?PHP extension ["'`]?([A-Za-z0-9_]+)"#,
    ])
});

/// Wordings whose group is a class or a function, with the namespaces in front of it.
static SYMBOLS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    compiled(&[
        r#"Class ["']\\?((?:MongoDB\\Driver\\)?[A-Za-z0-9_]+)["'] not found"#,
        r"Call to undefined function (?:[A-Za-z0-9_]+\\)*([A-Za-z0-9_]+)\(",
        r"Undefined constant \\?((?:PDO::(?:PGSQL|MYSQL|SQLITE)_[A-Z_]+)|(?:Redis::[A-Z_]+))",
    ])
});

/// Drivers of PDO, where the message names the connection or the address.
static DRIVER: LazyLock<Vec<Regex>> =
    LazyLock::new(|| compiled(&[r"could not find driver.*\bConnection: ([a-z]+)"]));

/// Classes and functions by how their names begin, in lower case, and their extension. The longest one counts.
const OWNERS: [(&str, &str); 60] = [
    ("amqp", "amqp"),
    ("apcu", "apcu"),
    ("bc", "bcmath"),
    ("bz", "bz2"),
    ("cal_", "calendar"),
    ("collator", "intl"),
    ("ctype_", "ctype"),
    ("curl", "curl"),
    ("dba_", "dba"),
    ("domdocument", "dom"),
    ("easter_", "calendar"),
    ("enchant_", "enchant"),
    ("exif_", "exif"),
    ("ffi", "ffi"),
    ("finfo", "fileinfo"),
    ("ftp_", "ftp"),
    ("gettext", "gettext"),
    ("gmp", "gmp"),
    ("gnupg", "gnupg"),
    ("grapheme_", "intl"),
    ("iconv", "iconv"),
    ("idn_", "intl"),
    ("igbinary_", "igbinary"),
    ("imagecreate", "gd"),
    ("imagefilter", "gd"),
    ("imagepng", "gd"),
    ("imagescale", "gd"),
    ("imagettf", "gd"),
    ("imagick", "imagick"),
    ("imap_", "imap"),
    ("intl", "intl"),
    ("ldap_", "ldap"),
    ("locale", "intl"),
    ("mailparse_", "mailparse"),
    ("mb_", "mbstring"),
    ("memcached", "memcached"),
    ("messageformatter", "intl"),
    ("mongodb\\driver\\", "mongodb"),
    ("msgpack_", "msgpack"),
    ("mysqli", "mysqli"),
    ("normalizer", "intl"),
    ("numberformatter", "intl"),
    ("oauth", "oauth"),
    ("pdo::mysql_", "pdo_mysql"),
    ("pdo::pgsql_", "pdo_pgsql"),
    ("pdo::sqlite_", "pdo_sqlite"),
    ("pg_", "pgsql"),
    ("posix_", "posix"),
    ("redis", "redis"),
    ("shmop_", "shmop"),
    ("simplexml", "simplexml"),
    ("soap", "soap"),
    ("socket_", "sockets"),
    ("sodium_", "sodium"),
    ("sqlite3", "sqlite3"),
    ("ssh2_", "ssh2"),
    ("tidy", "tidy"),
    ("uuid_", "uuid"),
    ("xsltprocessor", "xsl"),
    ("ziparchive", "zip"),
];

/// Classes that are an extension's although longer names that begin so are others'.
const WHOLE: [&str; 7] = [
    "redis",
    "oauth",
    "memcached",
    "imagick",
    "collator",
    "locale",
    "normalizer",
];

fn compiled(wordings: &[&str]) -> Vec<Regex> {
    let regexes = wordings.iter();
    regexes
        .filter_map(|wording| Regex::new(wording).ok())
        .collect()
}

/// What an output says of why a script failed.
pub fn read(script: &str, output: &str) -> Option<KnownCause> {
    question(script, output).or_else(|| extension(output))
}

fn question(script: &str, output: &str) -> Option<KnownCause> {
    let lower = output.to_lowercase();
    let (_, answer) = QUESTIONS
        .iter()
        .find(|(texts, _)| texts.iter().all(|text| lower.contains(text)))?;
    let of_tool = || {
        let word = |word: &str| script.contains(word);
        let answers = ANSWERS.iter().find(|(tool, _)| word(tool));
        answers.map(|(_, answer)| *answer)
    };
    Some(KnownCause::Question {
        answer: answer.or_else(of_tool).map(Cow::Borrowed),
    })
}

fn extension(output: &str) -> Option<KnownCause> {
    output.lines().rev().find_map(|line| {
        if line.contains("could not find driver") {
            return driver(line);
        }
        if let Some(name) = group(&EXTENSIONS, line) {
            return named(&name.to_lowercase());
        }
        named(owner(&group(&SYMBOLS, line)?.to_lowercase())?)
    })
}

/// The extension of a PDO driver that is not there.
fn driver(line: &str) -> Option<KnownCause> {
    match group(&DRIVER, line) {
        Some("mariadb") => named("pdo_mysql"),
        Some(driver) => named(&format!("pdo_{driver}")),
        None => Some(KnownCause::PhpExtension {
            names: ["pdo_pgsql", "pdo_mysql", "pdo_sqlite"]
                .map(str::to_owned)
                .to_vec(),
            is_default: false,
        }),
    }
}

fn named(name: &str) -> Option<KnownCause> {
    // What is a part of PHP cannot be listed.
    let is_default = config::is_default_extension(name)?;
    Some(KnownCause::PhpExtension {
        names: vec![name.to_owned()],
        is_default,
    })
}

/// The extension that a class or a function, in lower case, comes with.
fn owner(symbol: &str) -> Option<&'static str> {
    let (begin, name) = OWNERS
        .iter()
        .filter(|(begin, _)| symbol.starts_with(begin))
        .max_by_key(|(begin, _)| begin.len())?;
    let rest = &symbol[begin.len()..];
    let is_whole = rest.is_empty() || rest.starts_with("::") || rest == "cluster";
    // An app's own class may well be called `RedisQueue`.
    (!WHOLE.contains(begin) || is_whole).then_some(name)
}

fn group<'a>(regexes: &[Regex], line: &'a str) -> Option<&'a str> {
    regexes.iter().find_map(|regex| {
        let mut captures: Captures = regex.create_captures();
        regex.captures(line, &mut captures);
        captures.get_group(1).map(|span| &line[span.range()])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said, in short.
    fn said(script: &str, output: &str) -> String {
        match read(script, output) {
            None => "nothing".to_owned(),
            Some(KnownCause::Question { answer }) => {
                format!("asked: {}", answer.unwrap_or_default())
            }
            Some(KnownCause::PhpExtension { names, is_default }) => {
                let usual = if is_default { " (usual)" } else { "" };
                format!("{}{usual}", names.join(" or "))
            }
        }
    }

    #[test]
    fn a_question_that_nobody_could_answer_is_known() {
        for (script, output, expected) in [
            (
                "php artisan migrate:fresh",
                "\n   APPLICATION IN PRODUCTION.  \n\n   WARN  Command cancelled.  \n",
                "asked: --force",
            ),
            (
                "php artisan db:wipe",
                "**************************************\n*     Application In Production!     *\n\nCommand Canceled!\n",
                "asked: --force",
            ),
            (
                "drush updatedb",
                " Do you wish to run the specified pending updates? (yes/no) [yes]:\n > \n\nIn QuestionHelper.php line 140:\n                 \n  Aborted.  \n",
                "asked: -y",
            ),
            (
                "php bin/console doctrine:migrations:migrate",
                " WARNING! You are about to execute a migration. Are you sure you wish to continue? (yes/no) [yes]:\n > \n                 \n  Aborted.  \n",
                "asked: --no-interaction",
            ),
            (
                "vendor/bin/tool",
                "Go on? (yes/no) [no]:\n > Aborted.\n",
                "asked: ",
            ),
            (
                "bin/rails db:drop",
                "ActiveRecord::ProtectedEnvironmentError: You are attempting to run a destructive action against your 'production' database.\nIf you are sure you want to continue, run the same command with the environment variable:\nDISABLE_DATABASE_ENVIRONMENT_CHECK=1",
                "asked: DISABLE_DATABASE_ENVIRONMENT_CHECK=1",
            ),
            (
                "python manage.py flush",
                "Are you sure you want to do this?\n\n    Type 'yes' to continue, or 'no' to cancel: Traceback (most recent call last):\n  File \"/app/manage.py\", line 22\nEOFError: EOF when reading a line\n",
                "asked: --noinput",
            ),
            (
                "python ask.py",
                "Name? Traceback (most recent call last):\nEOFError: EOF when reading a line\n",
                "asked: ",
            ),
            ("php artisan down", "APPLICATION IN PRODUCTION\n", "nothing"),
            ("make", "Aborted (core dumped)\n", "nothing"),
            ("make", "the build was cancelled\n", "nothing"),
        ] {
            assert_eq!(said(script, output), expected, "{output}");
        }
    }

    #[test]
    fn a_proxy_is_suspected_where_the_output_is_about_certificates_or_names() {
        for output in [
            "curl: (60) SSL certificate problem: unable to get local issuer certificate",
            "npm error code SELF_SIGNED_CERT_IN_CHAIN\nnpm error self-signed certificate in certificate chain",
            "W: Failed to fetch http://deb.debian.org/x  Temporary failure resolving 'deb.debian.org'",
            "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed",
            "npm error code EAI_AGAIN",
        ] {
            assert!(is_kept_from_the_network(output), "{output}");
        }
        for output in [
            "building at STEP \"RUN /bin/sh\": while running runtime: exit status 1",
            "crun: setrlimit `RLIMIT_NOFILE`: Operation not permitted",
            "configure: error: Package requirements (libavif) were not met",
        ] {
            assert!(!is_kept_from_the_network(output), "{output}");
        }
    }

    #[test]
    fn an_extension_that_php_lacks_is_named_as_the_configuration_names_it() {
        for (output, expected) in [
            (
                "   Illuminate\\Database\\QueryException: could not find driver (Connection: pgsql, SQL: select 1)",
                "pdo_pgsql",
            ),
            (
                "could not find driver (Connection: mariadb, SQL: select 1)",
                "pdo_mysql (usual)",
            ),
            (
                "  An exception occurred in the driver: could not find driver  ",
                "pdo_pgsql or pdo_mysql or pdo_sqlite",
            ),
            (
                "PHP Fatal error:  Uncaught Error: Class \"Redis\" not found in /app/a.php:3",
                "redis",
            ),
            ("Error: Class 'Imagick' not found", "imagick"),
            ("Class \"RedisCluster\" not found", "redis"),
            ("Class \"MongoDB\\Driver\\Manager\" not found", "mongodb"),
            ("Class \"XSLTProcessor\" not found", "xsl"),
            ("Class \"App\\Redis\" not found", "nothing"),
            ("Class \"RedisQueue\" not found", "nothing"),
            ("Class \"Normalizer\" not found", "intl (usual)"),
            (
                "Undefined constant PDO::PGSQL_ATTR_DISABLE_PREPARES",
                "pdo_pgsql",
            ),
            (
                "Call to undefined function App\\Image\\imagecreatetruecolor()",
                "gd (usual)",
            ),
            ("Call to undefined function pg_connect()", "pgsql"),
            ("Call to undefined function apcu_fetch()", "apcu"),
            ("Call to undefined function my_own()", "nothing"),
            (
                "    - Root composer.json requires PHP extension ext-redis * but it is missing from your system. Install or enable PHP's redis extension.",
                "redis",
            ),
            (
                "- symfony/amqp-messenger v7 requires ext-amqp * -> it is missing from your system.",
                "amqp",
            ),
            (
                "  Please make sure the PHP Redis extension is installed and enabled.",
                "redis",
            ),
            (
                "The \"intl\" PHP extension is required to use the [format] method.",
                "intl (usual)",
            ),
            ("The ssh2 extension is not loaded", "ssh2"),
            (
                "requires ext-openssl * -> it is missing from your system",
                "nothing",
            ),
            ("requires ext-no_such_thing * -> it is missing", "nothing"),
            ("all is well", "nothing"),
        ] {
            assert_eq!(said("php x.php", output), expected, "{output}");
        }
    }
}
