use super::super::problem::Class;
use super::*;

fn texts(text: &str) -> BTreeMap<String, Arc<str>> {
    BTreeMap::from([(".upsun/config.yaml".to_owned(), Arc::from(text))])
}

fn problem(text: &str, needle: &str) -> Problem {
    let start = text.find(needle).unwrap();
    let place = Place {
        file: ".upsun/config.yaml".to_owned(),
        line: text[..start].matches('\n').count() + 1,
        column: start - text[..start].rfind('\n').map_or(0, |at| at + 1) + 1,
        span: start..start + needle.len(),
    };
    Problem::error("U201", Class::Schema, place, "unknown key `rol`").hint("did you mean `role`?")
}

#[test]
fn the_line_is_shown_with_a_caret_and_the_hint_below() {
    let text = "operations:\n  clear:\n    rol: admin\n";
    insta::assert_snapshot!(render(&problem(text, "rol"), &texts(text), false, 80), @r"
    error: unknown key `rol` [U201]
       ,-[.upsun/config.yaml:3:5]
     3 |     rol: admin
       :     ^^^
       `----
      hint: did you mean `role`?
    ");
}

#[test]
fn colour_changes_the_looks_and_not_the_words() {
    let text = "rol: admin\n";
    let drawn = render(&problem(text, "rol"), &texts(text), true, 80);
    insta::assert_snapshot!(drawn.replace('\x1b', "^"), @r"
    ^[1;31merror^[0m: ^[1munknown key `rol`^[0m [U201]
       ╭─[^[36;1;4m.upsun/config.yaml:1:1^[0m]
     ^[2m1^[0m │ rol: admin
       · ^[35;1m───^[0m
       ╰────
      ^[36mhint^[0m: did you mean `role`?
    ");
}

#[test]
fn a_long_line_is_cut_around_the_caret() {
    let text = format!("a: {}HERE{}\n", "x".repeat(5000), "y".repeat(5_000_000));
    insta::assert_snapshot!(render(&problem(&text, "HERE"), &texts(&text), false, 80), @r"
    error: unknown key `rol` [U201]
       ,-[.upsun/config.yaml:1:5004]
     1 | …xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxHEREyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy…
       :                                    ^^^^
       `----
      hint: did you mean `role`?
    ");
}

#[test]
fn no_rule_holds_what_would_reach_a_terminal_raw_and_its_results_are_those_of_the_whole_log() {
    let text = "operations:\n  clear:\n    rol\u{7}: admin\n";
    let problems = [problem(text, "rol")];
    let log = sarif(&problems, &texts(text));
    assert!(
        !log.contains(|char: char| char != '\n' && is_harmful(char)),
        "{log:?}"
    );
    let whole: serde_json::Value = serde_json::from_str(&log).unwrap();
    let results: serde_json::Value =
        serde_json::from_str(&sarif_results(&problems, &texts(text))).unwrap();
    assert_eq!(whole["runs"][0]["results"], results);
    let rules = whole["runs"][0]["tool"]["driver"]["rules"].as_array();
    assert_eq!(rules.map(Vec::len), Some(super::super::rules::RULES.len()));
}

#[test]
fn a_problem_without_a_text_names_its_place() {
    let text = "rol: admin\n";
    insta::assert_snapshot!(render(&problem(text, "rol"), &BTreeMap::new(), false, 80), @r"
    error: unknown key `rol` [U201]
      at .upsun/config.yaml:1:1
      hint: did you mean `role`?
    ");
}

#[test]
fn control_characters_never_reach_the_terminal() {
    let text = "a: \x1b[31m\u{7}rol\u{202e}\n";
    let drawn = render(&problem(text, "rol"), &texts(text), false, 80);
    assert!(
        !drawn.contains(|char: char| char != '\n' && is_harmful(char)),
        "{drawn:?}"
    );
}
