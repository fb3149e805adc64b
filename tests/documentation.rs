//! What people read: the words of messages, help, comments and documents, and whether the documents are complete.
//! `docs/style.md` says what to write instead of a word that is refused here.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use proc_macro2::{TokenStream, TokenTree};
use regex_automata::meta::Regex;

/// Words that make a reader stop, as a regular expression, with a plainer way to say it.
const WORDS: [(&str, &str); 9] = [
    (
        r"(?i)\bwho(m|so)?ever\b",
        "name the person or the process: `the user`, `the caller`",
    ),
    (
        r"(?i)\b(we|ours?|ourselves|(?-i:us))\b",
        "name the actor: `upsun-local`, the engine, Git",
    ),
    (
        r"(?i)\bso (many|much)\b",
        "`this many`, `maximum number of …`, or the name of the parameter",
    ),
    (
        r"(?i)\bnone (is|are)\b",
        "`there is no …`, `without …`, or a valid example",
    ),
    (
        r"(?i)\b(is|are|was|were) told\b",
        "name the way: `prints`, `lists`, `gets … in a variable`",
    ),
    (r"(?i)\bno more([.,;:]|$)", "`no longer`"),
    (r"(?i)\bfor ever\b", "`forever`"),
    (
        r"(?i)\bnobody (may|can)\b",
        "`no role may`, `no other user can`",
    ),
    (
        r"(?i)\bover at once\b|\bgoes its way\b|\bcame of it\b",
        "`exits immediately`, `continues`, `the result`",
    ),
];

/// A text with its place, for the message of a failed test.
struct Passage {
    place: String,
    text: String,
}

fn files(directory: &str, extension: &str) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut open = vec![PathBuf::from(directory)];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                all.push(path);
            }
        }
    }
    all.sort();
    all
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|err| panic!("{}: {err}", path.display()))
}

/// The documents that come with the repository.
fn documents() -> Vec<PathBuf> {
    let mut all = files("docs", "md");
    all.extend(["README.md", "CONTRIBUTING.md"].map(PathBuf::from));
    all.extend(files("examples", "md").into_iter().filter(|path| {
        !path
            .components()
            .any(|part| part.as_os_str() == "node_modules")
    }));
    all
}

/// Whether a file of `src` only holds tests.
fn is_for_tests(path: &Path) -> bool {
    let text = path.to_string_lossy();
    // `cli/test` is the command of that name.
    ["/tests/", "/tests.rs", "/conformance", "/fake"]
        .iter()
        .any(|part| text.contains(part))
}

/// String literals and doc comments, which are the literals of `doc` attributes.
fn literals(tokens: TokenStream, found: &mut Vec<(bool, String)>) {
    let mut before = String::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) => literals(group.stream(), found),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                if text.contains('"') {
                    found.push((before == "doc", text));
                }
            }
            TokenTree::Ident(name) => before = name.to_string(),
            TokenTree::Punct(_) => {}
        }
    }
}

/// What a source file says: to users, or with `comments` to its readers.
fn said(path: &Path, comments: bool) -> Vec<Passage> {
    let text = read(path);
    // Unit tests stand at the end of a file.
    let text = text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    let place = |line: usize| format!("{}:{line}", path.display());
    let mut all = Vec::new();
    if comments {
        for (at, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("//") {
                all.push(Passage {
                    place: place(at + 1),
                    text: line.trim_start().to_owned(),
                });
            }
        }
        return all;
    }
    let mut found = Vec::new();
    literals(text.parse().expect("Rust"), &mut found);
    // clap makes its help of doc comments.
    let is_help = path.starts_with("src/cli") || path.ends_with("cli.rs");
    for (is_doc, literal) in found {
        if !is_doc || is_help && !literal.trim_end_matches('"').ends_with('.') {
            // Tokens of a stable compiler do not know their lines.
            let start = literal.trim_start_matches(['r', 'b', '#', '"']);
            let start = start.split(['\\', '"', '\n']).next().unwrap_or_default();
            let before = text.split(start).next().unwrap_or_default();
            all.push(Passage {
                place: place(before.lines().count().max(1)),
                text: literal,
            });
        }
    }
    all
}

/// Each word of the list in a passage, as a line of a report.
fn refused(passages: &[Passage]) -> Vec<String> {
    let words = WORDS.map(|(word, instead)| (Regex::new(word).expect("an expression"), instead));
    let mut wrong = Vec::new();
    for passage in passages {
        for (word, instead) in &words {
            if let Some(found) = word.find(&passage.text) {
                wrong.push(format!(
                    "{}: \"{}\": {instead}\n    {}",
                    passage.place,
                    &passage.text[found.range()],
                    passage.text.trim()
                ));
            }
        }
    }
    wrong
}

#[test]
fn messages_and_help_are_plain_english() {
    let passages: Vec<Passage> = files("src", "rs")
        .iter()
        .filter(|path| !is_for_tests(path))
        .flat_map(|path| said(path, false))
        .collect();
    assert!(passages.len() > 2000, "{} literals", passages.len());
    let wrong = refused(&passages);
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn comments_are_plain_english() {
    let passages: Vec<Passage> = files("src", "rs")
        .iter()
        .filter(|path| !is_for_tests(path))
        .flat_map(|path| said(path, true))
        .collect();
    assert!(passages.len() > 2000, "{} comments", passages.len());
    let wrong = refused(&passages);
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn documents_are_plain_english() {
    // It names the words.
    let style = Path::new("docs/style.md");
    let passages: Vec<Passage> = documents()
        .into_iter()
        .filter(|path| path != style)
        .flat_map(|path| {
            let text = read(&path);
            let lines = text.lines().enumerate();
            lines
                .map(|(at, line)| Passage {
                    place: format!("{}:{}", path.display(), at + 1),
                    text: line.to_owned(),
                })
                .collect::<Vec<_>>()
        })
        .collect();
    let wrong = refused(&passages);
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn words_are_refused_in_every_kind_of_text() {
    let passage = |text: &str| {
        let place = "here".to_owned();
        let text = text.to_owned();
        refused(&[Passage { place, text }]).len()
    };
    for text in [
        "Whoever reads it",
        "this is ours",
        "tell us",
        "at most so many",
        "there was none is none are",
        "an app is told of it",
        "it runs no more",
    ] {
        assert_eq!(passage(text), 1, "{text}");
    }
    for text in [
        "the US",
        "no more than 3",
        "a source",
        "so that",
        "the user",
    ] {
        assert_eq!(passage(text), 0, "{text}");
    }
}

/// The targets of the links and pictures of a document, without their anchors.
fn links(text: &str) -> Vec<&str> {
    // What stands in a fence is the output of a program.
    let text = text.split("\n```").step_by(2);
    text.flat_map(links_of).collect()
}

fn links_of(text: &str) -> Vec<&str> {
    let markdown = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let html = ["src=\"", "srcset=\"", "href=\""]
        .into_iter()
        .flat_map(|start| text.split(start).skip(1))
        .filter_map(|rest| rest.split('"').next());
    markdown.chain(html).collect()
}

/// The anchors that a document's headings have.
fn anchors(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            title
                .chars()
                .filter(|char| char.is_alphanumeric() || " -_".contains(*char))
                .map(|char| if char == ' ' { '-' } else { char })
                .collect()
        })
        .collect()
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for path in documents() {
        let text = read(&path);
        for link in links(&text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            count += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                path.clone()
            } else {
                path.parent().expect("a directory").join(file)
            };
            if !target.exists() {
                wrong.push(format!("{}: `{link}` does not exist", path.display()));
            } else if !anchor.is_empty() && !anchors(&read(&target)).contains(anchor) {
                wrong.push(format!("{}: `{link}` has no such heading", path.display()));
            }
        }
    }
    assert!(count > 50, "{count} links");
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn every_document_is_linked_from_the_readme_and_the_readme_is_short() {
    let readme = read(Path::new("README.md"));
    assert!(readme.len() <= 9000, "{} bytes", readme.len());
    let linked = links(&readme);
    for path in files("docs", "md") {
        let path = path.to_string_lossy();
        assert!(linked.contains(&&*path), "README.md does not link {path}");
    }
}

#[test]
fn every_command_is_documented() {
    let output = Command::new(env!("CARGO_BIN_EXE_upsun-local"))
        .arg("-h")
        .output()
        .expect("the program runs");
    let help = String::from_utf8(output.stdout).expect("UTF-8");
    let commands: Vec<&str> = help
        .split("Commands:")
        .nth(1)
        .and_then(|rest| rest.split("Options:").next())
        .expect("a list of commands")
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|command| *command != "help")
        .collect();
    assert!(commands.len() > 20, "{commands:?}");
    let text = read(Path::new("docs/commands.md"));
    for command in commands {
        let is_there = [' ', '`']
            .iter()
            .any(|end| text.contains(&format!("`{command}{end}")));
        assert!(is_there, "docs/commands.md does not name `{command}`");
    }
}

#[test]
fn every_setting_and_variable_is_documented() {
    let settings = read(Path::new("docs/settings.md"));
    let code = read(Path::new("src/settings.rs"));
    let body = code
        .split("pub struct Settings {")
        .nth(1)
        .and_then(|rest| rest.split("\n}").next())
        .expect("`src/settings.rs` has `Settings`");
    let keys: Vec<&str> = body
        .lines()
        .filter_map(|line| line.trim().strip_prefix("/// `"))
        .filter_map(|rest| rest.split("`:").next())
        .collect();
    assert!(keys.len() > 10, "{keys:?}");
    for key in keys {
        let is_there =
            settings.contains(&format!("{key}:")) || settings.contains(&format!("`{key}`"));
        assert!(is_there, "docs/settings.md does not name `{key}`");
    }
    // How `upsun-local` speaks to processes that it starts itself.
    let internal = [
        "UPSUN_LOCAL_BRIDGE",
        "UPSUN_LOCAL_DUMP",
        "UPSUN_LOCAL_IN_HOOK",
    ];
    for path in files("src", "rs").iter().filter(|path| !is_for_tests(path)) {
        for rest in read(path).split("UPSUN_LOCAL_").skip(1) {
            let end = rest.find(|char: char| !char.is_ascii_uppercase() && char != '_');
            let name = format!("UPSUN_LOCAL_{}", &rest[..end.unwrap_or(rest.len())]);
            if name != "UPSUN_LOCAL_" && !internal.contains(&name.as_str()) {
                assert!(
                    settings.contains(&name),
                    "docs/settings.md does not name `{name}`"
                );
            }
        }
    }
}

#[test]
fn every_exit_code_is_documented() {
    let codes = read(Path::new("docs/exit-codes.md"));
    let code = read(Path::new("src/failure.rs"));
    let mut count = 0;
    for line in code.lines().filter(|line| line.starts_with("pub const")) {
        let Some((_, number)) = line.split_once(": u8 = ") else {
            continue;
        };
        count += 1;
        let number = number.trim_end_matches(';');
        assert!(
            codes.contains(&format!("| {number} |")),
            "docs/exit-codes.md lacks {number}"
        );
    }
    assert!(count >= 10, "{count} codes");
}
