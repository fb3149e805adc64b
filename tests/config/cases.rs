//! Many small configurations for each rule: those that break it, and those that come close and do not.
//!
//! A file of `fixtures/cases` holds cases that begin with `=== ` and a name. A line that ends with `#! U336`
//! must have exactly that problem; lines without a mark must have none. Lines with `+++ ` in front name
//! files that lie in the repository, and what they hold, with `\r` and `\n` for the ends of lines.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use upsun_local::config::load;
use upsun_local::config::rules::RULES;

const MARK: &str = "#! ";

/// One configuration and the problems that it must have.
struct Case {
    name: String,
    files: Vec<(String, String)>,
    text: String,
    expected: BTreeSet<(usize, String)>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cases")
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut paths: Vec<PathBuf> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let group = path.file_stem().unwrap().to_string_lossy();
        for part in text.split("=== ").skip(1) {
            let (name, body) = part.split_once('\n').unwrap();
            cases.push(case(format!("{group}: {name}"), body));
        }
    }
    cases
}

fn case(name: String, body: &str) -> Case {
    let mut case = Case {
        name,
        files: Vec::new(),
        text: String::new(),
        expected: BTreeSet::new(),
    };
    let mut line = 0;
    for written in body.lines() {
        if let Some(file) = written.strip_prefix("+++ ") {
            let (path, content) = file.split_once(' ').unwrap_or((file, ""));
            let content = content.replace("\\r", "\r").replace("\\n", "\n");
            case.files.push((path.to_owned(), content));
            continue;
        }
        line += 1;
        let (text, marks) = written.split_once(MARK).unwrap_or((written, ""));
        case.expected
            .extend(marks.split_whitespace().map(|code| (line, code.to_owned())));
        case.text.push_str(text.trim_end());
        case.text.push('\n');
    }
    // A repository that holds something, so that what is missing in it is missed.
    if case.files.is_empty() {
        case.files.push(("README".to_owned(), String::new()));
    }
    case
}

fn found(case: &Case) -> (BTreeSet<(usize, String)>, String) {
    let repository = tempfile::tempdir().unwrap();
    let config = (".upsun/config.yaml".to_owned(), case.text.clone());
    for (path, content) in case.files.iter().chain([&config]) {
        let path = repository.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let loaded = load(repository.path());
    let mut listing = String::new();
    let mut found = BTreeSet::new();
    for problem in &loaded.problems {
        let place = &problem.place;
        let _ = writeln!(
            listing,
            "    {} {} {}",
            place.line, problem.code, problem.message
        );
        found.insert((place.line, problem.code.to_owned()));
    }
    (found, listing)
}

#[test]
fn every_case_has_the_problems_that_it_marks_and_no_other() {
    let mut wrong = String::new();
    let cases = cases();
    for case in &cases {
        let (found, listing) = found(case);
        if found != case.expected {
            let missed: Vec<_> = case.expected.difference(&found).collect();
            let surplus: Vec<_> = found.difference(&case.expected).collect();
            let _ = writeln!(
                wrong,
                "{}: missed {missed:?}, surplus {surplus:?}\n{listing}",
                case.name
            );
        }
    }
    eprintln!("{} cases", cases.len());
    assert!(wrong.is_empty(), "{wrong}");
}

/// Rules about files rather than about what stands in one; the tests of `config` break them.
const ELSEWHERE: [&str; 11] = [
    "U100", "U101", "U102", "U104", "U105", "U106", "U107", "U112", "U114", "U115", "U126",
];

#[test]
fn every_rule_is_broken_by_a_case() {
    let broken: BTreeSet<String> = cases()
        .into_iter()
        .flat_map(|case| case.expected)
        .map(|(_, code)| code)
        .collect();
    let never: Vec<&str> = RULES
        .iter()
        .map(|rule| rule.code)
        .filter(|code| !broken.contains(*code) && !ELSEWHERE.contains(code))
        .collect();
    assert_eq!(never, [""; 0]);
}
