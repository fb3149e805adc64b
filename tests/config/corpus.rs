//! Real and broken configurations that lie next to the repository, where they do.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use upsun_local::config::problem::{Class, Problem};
use upsun_local::config::{Loaded, load};

/// The corpus, wherever a folder above the repository has it.
pub(crate) fn corpus() -> Option<PathBuf> {
    let found = match std::env::var_os("UPSUN_LOCAL_CORPUS") {
        Some(path) => Some(PathBuf::from(path)),
        None => Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .map(|folder| folder.join("shared/corpus"))
            .find(|folder| folder.join("truth.tsv").is_file()),
    };
    if found.is_none() {
        eprintln!("there is no shared/corpus above the repository: nothing is compared");
    }
    found
}

/// Lines of tab-separated columns, the first line left out.
pub(crate) fn table(path: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .skip(1)
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}

/// Cases that we decide otherwise, each with its reason.
fn exceptions() -> BTreeMap<String, String> {
    include_str!("exceptions.tsv")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (case, reason) = line.split_once('\t').unwrap();
            (case.to_owned(), reason.to_owned())
        })
        .collect()
}

fn line(problem: &Problem) -> String {
    let place = &problem.place;
    format!(
        "{} {} {} {}:{}:{} {}",
        problem.severity.name(),
        problem.code,
        problem.class.name(),
        place.file,
        place.line,
        place.column,
        problem.message
    )
}

fn is_structural(problem: &Problem) -> bool {
    problem.is_error() && matches!(problem.class, Class::Yaml | Class::Schema)
}

fn meets(want: &str, loaded: &Loaded) -> bool {
    let structural = loaded.problems.iter().any(is_structural);
    match want {
        "accept" => !loaded.has_errors(),
        "structure" => !structural,
        "reject" => structural,
        _ => true,
    }
}

#[test]
fn every_real_configuration_gets_the_verdict_that_is_wanted() {
    let Some(corpus) = corpus() else { return };
    let exceptions = exceptions();
    let mut wrong = String::new();
    let (mut right, mut excepted) = (0, 0);
    for row in table(&corpus.join("truth.tsv")) {
        let (case, want) = (&row[0], &row[1]);
        let loaded = load(&corpus.join(case));
        let meets = meets(want, &loaded);
        match (meets, exceptions.get(case)) {
            (true, None) => right += 1,
            (false, Some(_)) => excepted += 1,
            (true, Some(_)) => {
                let _ = writeln!(wrong, "{case}: is no exception any more");
            }
            (false, None) => {
                let _ = writeln!(wrong, "{case}: wanted {want} (schema says: {})", row[6]);
                for problem in loaded.problems.iter().filter(|problem| problem.is_error()) {
                    let _ = writeln!(wrong, "    {}", line(problem));
                }
            }
        }
    }
    eprintln!("{right} as wanted, {excepted} exceptions");
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn nothing_is_missed_where_only_the_configuration_is_there() {
    const OF_FILES: [&str; 4] = ["U371", "U372", "U373", "U410"];
    let Some(corpus) = corpus() else { return };
    let mut wrong = String::new();
    let mut count = 0;
    for row in table(&corpus.join("truth.tsv")) {
        let loaded = load(&corpus.join(&row[0]));
        let alarms = loaded
            .problems
            .iter()
            .filter(|problem| OF_FILES.contains(&problem.code) && !problem.is_error());
        for problem in alarms {
            let _ = writeln!(wrong, "{}: {}", row[0], line(problem));
        }
        count += 1;
    }
    eprintln!("{count} without a source");
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_broken_configuration_is_found_out_at_its_line() {
    let Some(corpus) = corpus() else { return };
    let generated = tempfile::tempdir().unwrap();
    let made = Command::new("python3")
        .arg(corpus.join("broken/generate.py"))
        .arg(generated.path())
        .status()
        .is_ok_and(|status| status.success());
    if !made {
        eprintln!("python3 cannot make the large cases: they are left out");
    }
    let mut wrong = String::new();
    let mut right = 0;
    for row in table(&corpus.join("broken/expected.tsv")) {
        let case = &row[0];
        let mut folder = corpus.join("broken").join(case);
        if case.starts_with("gen-") {
            if !made {
                continue;
            }
            folder = generated.path().join(case);
        }
        match compare(&folder, &row) {
            Ok(()) => right += 1,
            Err(why) => {
                let _ = writeln!(wrong, "{case} ({}): {why}", row[3]);
            }
        }
    }
    eprintln!("{right} as expected");
    assert!(wrong.is_empty(), "{wrong}");
}

/// Holds what we say about a case against its row: level, file, line, and the word that helps.
fn compare(folder: &Path, row: &[String]) -> Result<(), String> {
    let loaded = load(folder);
    let listing: String = loaded
        .problems
        .iter()
        .take(8)
        .fold(String::new(), |text, problem| {
            format!("{text}\n    {}", line(problem))
        });
    let fail = |why: &str| Err(format!("{why}{listing}"));
    let readable_anyway = row[0] == "gen-no-permission" && rustix::process::geteuid().is_root();
    match row[2].as_str() {
        "error" if !loaded.has_errors() && !readable_anyway => return fail("no error"),
        "warning" | "valid" if loaded.has_errors() => return fail("an error"),
        "warning" if loaded.problems.is_empty() => return fail("no warning"),
        _ => {}
    }
    let Ok(wanted) = row[5].parse::<usize>() else {
        return Ok(());
    };
    let slack = usize::from(row[1] == "yaml");
    let at_place: Vec<&Problem> = loaded
        .problems
        .iter()
        .filter(|problem| {
            problem.place.file.ends_with(&row[4])
                && problem.place.line.abs_diff(wanted) <= slack
                && (row[2] != "error" || problem.is_error())
        })
        .collect();
    if at_place.is_empty() {
        return fail(&format!("nothing at line {wanted}"));
    }
    // The word is a hint of the corpus only, so case and quotes do not count.
    let word = row[7].to_lowercase();
    let said = at_place.iter().any(|problem| {
        let hint = problem.hint.as_deref().unwrap_or_default();
        let text = format!("{} {hint} {}", problem.message, problem.place.file)
            .to_lowercase()
            .replace('`', "");
        word.split(", ").all(|word| text.contains(word))
    });
    if said {
        Ok(())
    } else {
        fail(&format!("nobody says `{word}`"))
    }
}
