//! Which files Git does not store as they lie there, by their attributes and its settings.

use std::collections::{BTreeSet, HashMap};
use std::io::Write;
use std::path::Path;

use super::super::listing::Listing;
use super::super::snapshot::{Content, Kind, ModeRule, Rule, join, split};
use super::{Git, Said};

/// Git's settings for files.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// Whether line ends are changed without any attribute.
    pub line_ends: bool,
    /// Whether the disk says which files are executable.
    pub modes: bool,
    /// Whether the disk has symbolic links.
    pub links: bool,
}

impl Settings {
    /// From what `config --list --show-scope --show-origin -z` says.
    pub(super) fn of(said: &[u8]) -> Settings {
        let mut settings = Settings {
            line_ends: false,
            modes: true,
            links: true,
        };
        let mut parts = said.split(|byte| *byte == 0);
        while let (Some(_), Some(_), Some(setting)) = (parts.next(), parts.next(), parts.next()) {
            let setting = String::from_utf8_lossy(setting);
            let (key, value) = match setting.split_once('\n') {
                Some((key, value)) => (key, value),
                // A switch without a value is on.
                None => (setting.as_ref(), "true"),
            };
            let is_on = !["false", "no", "off", "0", ""]
                .iter()
                .any(|off| value.eq_ignore_ascii_case(off));
            match key {
                "core.autocrlf" => settings.line_ends = is_on,
                "core.filemode" => settings.modes = is_on,
                "core.symlinks" => settings.links = is_on,
                _ => {}
            }
        }
        settings
    }
}

/// Attributes that decide what is stored, as `check-attr` is asked for them.
const ATTRIBUTES: [&str; 6] = [
    "text",
    "crlf",
    "eol",
    "ident",
    "filter",
    "working-tree-encoding",
];

/// What it says of an attribute that a file has not.
const NONE: [&[u8]; 2] = [b"unspecified", b"unset"];

/// Who decides what Git stores in one repository.
pub(super) struct Deciding<'a> {
    pub git: &'a Git,
    /// Where it lies.
    pub place: &'a Path,
    pub settings: Settings,
    /// Filters that do not run.
    pub blocked: &'a BTreeSet<String>,
    /// Whether there may be attributes outside of the work tree.
    pub has_attributes: bool,
}

/// Notes the files of one repository that are not stored as they lie there; `prefix` is where it lies in the whole.
pub(super) fn find(deciding: &Deciding<'_>, prefix: &[u8], said: &Said, listing: &mut Listing) {
    let settings = &deciding.settings;
    let is_attributes = |path: &Vec<u8>| split(path).1 == b".gitattributes";
    let mut contents = HashMap::new();
    if deciding.has_attributes || said.files.iter().any(is_attributes) {
        contents = by_attributes(deciding, &said.files);
    }
    let usual = if settings.line_ends {
        Content::Lines
    } else {
        Content::Plain
    };
    for (path, known) in said.files.iter().zip(&said.known) {
        let mut rule = Rule {
            content: contents.get(path.as_slice()).copied().unwrap_or(usual),
            mode: ModeRule::OfDisk,
        };
        match known.kind {
            Some(Kind::Link) if !settings.links => rule.content = Content::Git,
            Some(Kind::Executable) if !settings.modes => rule.mode = ModeRule::Executable,
            _ if !settings.modes => rule.mode = ModeRule::File,
            _ => {}
        }
        if known.is_pinned {
            rule.content = Content::Pinned;
        }
        if rule != Rule::default() {
            listing.rules.insert(join(prefix, path), rule);
        }
    }
}

/// What becomes of the files that have attributes. Where Git does not tell, they are taken as they lie there.
fn by_attributes<'a>(deciding: &Deciding<'_>, files: &'a [Vec<u8>]) -> HashMap<&'a [u8], Content> {
    let words = [&["check-attr", "-z", "--stdin"], &ATTRIBUTES[..]].concat();
    let Ok(mut child) = deciding.git.start(deciding.place, &words) else {
        return HashMap::new();
    };
    let question: Vec<u8> = files
        .iter()
        .flat_map(|path| [path.as_slice(), b"\0"].concat())
        .collect();
    let input = child.stdin.take();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || input.map(|mut input| input.write_all(&question)));
        child.wait_with_output()
    });
    let said = output.map(|output| output.stdout).unwrap_or_default();
    // Path, attribute and value of each, in the order of the question.
    let values: Vec<&[u8]> = said.split(|byte| *byte == 0).skip(2).step_by(3).collect();
    let mut contents = HashMap::with_capacity(files.len());
    for (path, values) in files.iter().zip(values.chunks_exact(ATTRIBUTES.len())) {
        let values = std::array::from_fn(|at| values[at]);
        contents.insert(
            path.as_slice(),
            content(values, &deciding.settings, deciding.blocked),
        );
    }
    contents
}

/// What becomes of a file, by the values of its attributes.
fn content(
    [text, crlf, eol, ident, filter, encoding]: [&[u8]; ATTRIBUTES.len()],
    settings: &Settings,
    blocked: &BTreeSet<String>,
) -> Content {
    let is_none = |value: &[u8]| NONE.contains(&value);
    // A switch is no name.
    let is_named = |value: &[u8]| !is_none(value) && value != b"set";
    if is_named(filter) {
        let is_blocked = blocked.contains(&*String::from_utf8_lossy(filter));
        return match (filter == b"lfs", is_blocked) {
            (true, false) => Content::Lfs,
            (true, true) => Content::BlockedLfs,
            (false, false) => Content::Git,
            (false, true) => Content::Blocked,
        };
    }
    if !is_none(ident) || is_named(encoding) {
        return Content::Git;
    }
    let is_text = !is_none(text) || !is_none(crlf) || !is_none(eol);
    let is_binary = text == b"unset" || text == b"unspecified" && crlf == b"unset";
    if !is_binary && (is_text || settings.line_ends) {
        Content::Lines
    } else {
        Content::Plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_those_that_come_last() {
        let of = |text: &str| {
            let said: String = text
                .split(' ')
                .map(|setting| format!("local\0file:x\0{}\0", setting.replacen('=', "\n", 1)))
                .collect();
            let settings = Settings::of(said.as_bytes());
            [settings.line_ends, settings.modes, settings.links]
        };
        assert_eq!(of("user.name=x"), [false, true, true]);
        assert_eq!(
            of("core.autocrlf=input core.filemode=No"),
            [true, false, true]
        );
        assert_eq!(
            of("core.autocrlf=true core.autocrlf=false"),
            [false, true, true]
        );
        assert_eq!(
            of("core.filemode=0 core.filemode core.symlinks=off"),
            [false, true, false]
        );
    }

    #[test]
    fn attributes_decide_what_becomes_of_a_file() {
        let blocked = BTreeSet::from(["lfs".to_owned(), "mine".to_owned()]);
        for (attributes, line_ends, expected) in [
            ("", false, Content::Plain),
            ("", true, Content::Lines),
            ("text=set", false, Content::Lines),
            ("text=auto", false, Content::Lines),
            ("text=unset eol=crlf", true, Content::Plain),
            ("crlf=input", false, Content::Lines),
            ("crlf=unset", true, Content::Plain),
            ("eol=lf", false, Content::Lines),
            ("ident=set", false, Content::Git),
            ("working-tree-encoding=UTF-16", false, Content::Git),
            ("working-tree-encoding=unset", false, Content::Plain),
            ("filter=other text=set", false, Content::Git),
            ("filter=set", false, Content::Plain),
            ("filter=lfs text=unset", false, Content::BlockedLfs),
            ("filter=mine", false, Content::Blocked),
        ] {
            let values = ATTRIBUTES.map(|name| {
                let mut words = attributes.split(' ');
                let value = words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
                value.unwrap_or("unspecified").as_bytes()
            });
            let settings = Settings {
                line_ends,
                modes: true,
                links: true,
            };
            assert_eq!(
                content(values, &settings, &blocked),
                expected,
                "{attributes}"
            );
        }
    }
}
