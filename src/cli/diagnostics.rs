//! What goes on inside, for a bug report: one line an event on standard error, with `-vv` or `UPSUN_LOCAL_LOG`.
//! Messages for users are events instead, and never come through here.

use std::io::{self, Write};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use upsun_local::mask::Secrets;
use upsun_local::reporter::painter::Painter;
use upsun_local::reporter::printable;

/// The variable that says what to log.
pub(super) const VARIABLE: &str = "UPSUN_LOCAL_LOG";

/// What the names of all modules begin with.
const CRATE: &str = "upsun_local";

/// The sensitive values that messages and the log must not contain, once they are known. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Known(Arc<Mutex<Option<Secrets>>>);

impl Known {
    /// These values, and no longer those of an earlier call.
    pub(super) fn set(&self, secrets: Secrets) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(secrets);
    }

    pub(super) fn get(&self) -> Option<Secrets> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }
}

/// What is logged: `debug`, or `engine=trace,info`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Filter(Vec<(Option<String>, LevelFilter)>);

impl Filter {
    /// What `-v`, given this many times, asks for.
    pub(super) fn of_verbosity(count: u8) -> Option<Self> {
        let level = match count {
            0 | 1 => return None,
            2 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        };
        Some(Filter(vec![(None, level)]))
    }

    fn targets(&self) -> Targets {
        let directives = self.0.iter().map(|(module, level)| {
            let target = match module {
                Some(module) => format!("{CRATE}::{module}"),
                None => CRATE.to_owned(),
            };
            (target, *level)
        });
        Targets::new().with_targets(directives)
    }
}

impl FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let directive = |word: &str| {
            let (module, level) = match word.split_once('=') {
                Some((module, level)) => (Some(module.trim()), level.trim()),
                None => (None, word),
            };
            let module =
                module.map(|module| module.strip_prefix("upsun_local::").unwrap_or(module));
            let is_name = |name: &str| {
                let is_part = |char: char| char.is_ascii_alphanumeric() || "_:".contains(char);
                !name.is_empty() && name.chars().all(is_part)
            };
            let level = match level.to_ascii_lowercase().as_str() {
                "off" => Some(LevelFilter::OFF),
                "error" => Some(LevelFilter::ERROR),
                "warn" => Some(LevelFilter::WARN),
                "info" => Some(LevelFilter::INFO),
                "debug" => Some(LevelFilter::DEBUG),
                "trace" => Some(LevelFilter::TRACE),
                _ => None,
            };
            match level {
                Some(level) if module.is_none_or(is_name) => Ok((module.map(str::to_owned), level)),
                _ => Err(word.to_owned()),
            }
        };
        let words = text
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty());
        words.map(directive).collect::<Result<_, _>>().map(Filter)
    }
}

/// Logs from now on. A second call changes nothing.
pub(super) fn install(filter: &Filter, color: bool, known: Known, painter: Painter) {
    let lines = Lines {
        known,
        painter,
        stream: io::stderr,
    };
    let layer = tracing_subscriber::fmt::layer()
        .with_timer(tracing_subscriber::fmt::time::uptime())
        .with_ansi(color)
        .with_writer(lines);
    let subscriber = tracing_subscriber::registry().with(filter.targets());
    let _ = subscriber.with(layer).try_init();
}

/// Writes lines, without sensitive values as far as they are known, and in turns with the lines that move.
#[derive(Debug, Clone)]
struct Lines<S> {
    known: Known,
    painter: Painter,
    stream: S,
}

impl<'a, S: Fn() -> W + Clone + 'a, W: Write> MakeWriter<'a> for Lines<S> {
    type Writer = Lines<S>;

    fn make_writer(&'a self) -> Self::Writer {
        self.clone()
    }
}

impl<S: Fn() -> W, W: Write> Write for Lines<S> {
    /// Takes a whole line.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        // A value with line breaks must not pass for lines of its own.
        let text = text.trim_end_matches('\n').replace('\n', "\\n");
        let text = match self.known.get() {
            Some(secrets) => secrets.mask(&text),
            None => text,
        };
        let line = format!("{}\n", printable::lines(&text));
        let stream = &self.stream;
        // There is nowhere to tell that it failed.
        self.painter.around(line.as_bytes(), || {
            let _ = stream().write_all(line.as_bytes());
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_levels_with_or_without_a_module() {
        let of = |parts: &[(Option<&str>, LevelFilter)]| {
            let owned =
                |(module, level): &(Option<&str>, LevelFilter)| (module.map(str::to_owned), *level);
            Ok(Filter(parts.iter().map(owned).collect()))
        };
        for (text, expected) in [
            ("debug", of(&[(None, LevelFilter::DEBUG)])),
            ("OFF", of(&[(None, LevelFilter::OFF)])),
            ("engine=trace", of(&[(Some("engine"), LevelFilter::TRACE)])),
            (
                "info, upsun_local::engine::docker = warn,",
                of(&[
                    (None, LevelFilter::INFO),
                    (Some("engine::docker"), LevelFilter::WARN),
                ]),
            ),
            ("", of(&[])),
            ("loud", Err("loud".to_owned())),
            ("debug,=trace", Err("=trace".to_owned())),
            ("engine=", Err("engine=".to_owned())),
            ("a b=info", Err("a b=info".to_owned())),
            ("1", Err("1".to_owned())),
        ] {
            assert_eq!(text.parse::<Filter>(), expected, "{text}");
        }
        assert_eq!(Filter::of_verbosity(1), None);
        assert_eq!(Filter::of_verbosity(2), "debug".parse().ok());
        assert_eq!(Filter::of_verbosity(9), "trace".parse().ok());
    }

    #[test]
    fn a_module_is_below_this_program_and_other_crates_are_not_heard() {
        let targets = "engine=trace,warn".parse::<Filter>().unwrap().targets();
        let would = |target, level| targets.would_enable(target, &level);
        assert!(would("upsun_local::engine::docker", tracing::Level::TRACE));
        assert!(would("upsun_local::source", tracing::Level::WARN));
        assert!(!would("upsun_local::source", tracing::Level::INFO));
        assert!(!would("hyper", tracing::Level::ERROR));
    }

    /// Keeps what is written.
    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_line_without_what_is_secret_by_then() {
        let page = Page::default();
        let (known, written) = (Known::default(), page.clone());
        let lines = Lines {
            known: known.clone(),
            painter: Painter::default(),
            stream: move || page.clone(),
        };
        let layer = tracing_subscriber::fmt::layer()
            .without_time()
            .with_ansi(false)
            .with_writer(lines);
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!(target: "upsun_local::x", app = "app", "the token is hush-hush");
            known.set(Secrets::new([("env:OTHER", "earlier".to_owned())]));
            known.set(Secrets::new([("env:TOKEN", "hush-hush".to_owned())]));
            tracing::warn!(target: "upsun_local::x", value = %"hush-hush\n\u{1b}[2Jerror: forged", "now");
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert_eq!(
            lines[0],
            "DEBUG upsun_local::x: the token is hush-hush app=\"app\""
        );
        assert!(
            lines[1].starts_with(" WARN upsun_local::x: now value=******\\n"),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
