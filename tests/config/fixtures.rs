//! Whole configurations of our own, each next to the problems that it has.
//!
//! `UPSUN_LOCAL_UPDATE_FIXTURES=1 cargo test` writes what is found into each `problems.txt`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use upsun_local::config::load;

#[test]
fn every_fixture_has_the_problems_that_are_written_next_to_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/config");
    let update = std::env::var_os("UPSUN_LOCAL_UPDATE_FIXTURES").is_some();
    let mut wrong = String::new();
    let mut count = 0;
    for entry in fs::read_dir(&root).unwrap() {
        let folder = entry.unwrap().path();
        let mut found = String::new();
        for problem in load(&folder).problems {
            let place = &problem.place;
            let _ = writeln!(
                found,
                "{} {} {} {}:{}:{}\n  {}",
                problem.severity.name(),
                problem.code,
                problem.class.name(),
                place.file,
                place.line,
                place.column,
                problem.message
            );
            if let Some(hint) = problem.hint {
                let _ = writeln!(found, "  hint: {hint}");
            }
        }
        let file = folder.join("problems.txt");
        if update {
            fs::write(&file, &found).unwrap();
        }
        if fs::read_to_string(&file).unwrap_or_default() != found {
            let _ = writeln!(wrong, "{}:\n{found}", folder.display());
        }
        count += 1;
    }
    assert!(count > 0, "there are no fixtures");
    assert!(wrong.is_empty(), "{wrong}");
}
