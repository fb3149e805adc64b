//! What holds for every text, however broken.

use std::fs;

use proptest::prelude::*;
use upsun_local::config::soundness::{self, check_loaded};
use upsun_local::config::{Loaded, load};

/// Loads files of `.upsun/` that are given by name and text.
fn read(files: &[(&str, &str)]) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(".upsun")).unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(".upsun").join(name), text).unwrap();
    }
    load(folder.path())
}

/// Pieces that YAML and Upsun give a meaning to, so that texts made of them get far.
fn piece() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "applications:\n",
        "services:\n",
        "routes:\n",
        "  app:\n",
        "    type: ",
        "nodejs:24\n",
        "    mounts:\n",
        "      var: ",
        "{source: storage}\n",
        "    operations:\n",
        "      a:\n",
        "        commands: ",
        "{start: x}\n",
        "        role: admin\n",
        "&a ",
        "*a",
        "<<: *a\n",
        "!include x.yaml\n",
        "!archive x\n",
        "'",
        "\"",
        "|\n",
        "[",
        "]",
        "{",
        "}",
        ": ",
        "- ",
        "#",
        "\t",
        "\r\n",
        "\n",
        "  ",
        "ä",
        "\u{1F600}",
        "\u{FEFF}",
        "...\n",
        "---\n",
        "1.10\n",
        "~\n",
        "\0",
        "    hooks:\n      build: |\n        if x; then\n",
        "%",
        "@",
        "? ",
        "\\",
    ]);
    prop_oneof![
        8 => known.prop_map(str::to_owned),
        1 => "\\PC{0,4}",
        1 => any::<char>().prop_map(String::from),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_ends_in_a_configuration_or_in_problems_with_places(text in text()) {
        check_loaded(&read(&[("config.yaml", &text)]));
    }

    #[test]
    fn any_value_may_stand_in_an_application(text in text()) {
        let indented = text.replace('\n', "\n    ");
        let config = format!("applications:\n  app:\n    type: nodejs:24\n    {indented}");
        check_loaded(&read(&[("config.yaml", &config)]));
    }

    #[test]
    fn a_column_counts_characters_wherever_the_line_is(
        mark in "\u{FEFF}?",
        above in prop::collection::vec("[a-zä\u{1F600}]{0,90}", 0..4),
        before in "[a-zä\u{1F600}\u{FEFF}]{1,200}",
    ) {
        let mut text = mark;
        for line in above {
            text.push_str(&format!("# {line}\n"));
        }
        text.push_str(&format!("{{ \"{before}\": 1, applications: 5 }}\n"));
        soundness::check(text.as_bytes());
    }

    #[test]
    fn any_bytes_end_in_a_configuration_or_in_problems(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        soundness::check(&bytes);
    }

    #[test]
    fn whatever_is_printed_reads_back(value in "\\PC{0,12}|[-+.0-9a-fox_~]{0,8}|yes|no|on|off|null|<<") {
        let quoted = serde_json::to_string(&value).unwrap();
        let text = format!("applications:\n  app:\n    type: nodejs:24\n    variables: {{ env: {{ A: {quoted} }} }}\n");
        soundness::check(text.as_bytes());
    }

    #[test]
    fn applications_may_be_spread_over_files_in_any_way(
        // None of them is a word that YAML reads as something else.
        names in prop::collection::btree_set("[a-z]{1,5}[bcdg]", 1..6),
        cut in 0usize..6,
    ) {
        let app = |name: &str| format!("  {name}:\n    type: nodejs:24\n    variables: {{env: {{N: {name}1}}}}\n");
        let names: Vec<&String> = names.iter().collect();
        let (left, right) = names.split_at(cut.min(names.len()));
        let file = |names: &[&String]| {
            names.iter().fold("applications:\n".to_owned(), |text, name| text + &app(name))
        };
        let whole = read(&[("config.yaml", &file(&names))]);
        let mut files = Vec::new();
        let (left, right) = (
            (!left.is_empty()).then(|| file(left)),
            (!right.is_empty()).then(|| file(right)),
        );
        files.extend(left.as_deref().map(|text| ("a.yaml", text)));
        files.extend(right.as_deref().map(|text| ("b.yaml", text)));
        let split = read(&files);
        prop_assert!(!whole.has_errors());
        let raws = |loaded: &Loaded| -> Vec<(String, serde_json::Value)> {
            let config = loaded.config.as_ref();
            config
                .into_iter()
                .flat_map(|config| &config.apps)
                .map(|(name, app)| (name.clone(), app.raw.clone()))
                .collect()
        };
        prop_assert_eq!(raws(&whole), raws(&split));

        // The same files once more under later names change nothing, and each repetition is said.
        let once = file(&names);
        let twice = read(&[("a.yaml", once.as_str()), ("z.yaml", once.as_str())]);
        prop_assert_eq!(raws(&whole), raws(&twice));
        prop_assert_eq!(twice.problems.len(), names.len());
    }
}
