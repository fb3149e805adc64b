//! What holds for every configuration, however it is laid out. Another reader of YAML is the judge.

use proptest::prelude::*;
use serde_yaml::{Mapping, Value as Yaml};

use super::{add_mounts, mount};

const PATH: &str = ".new/path";
/// It gets a slash, since it begins with a dot.
const KEY: &str = "/.new/path";

/// What stands between two lines: nothing, blank lines, comments at any column.
fn gap() -> impl Strategy<Value = String> {
    let line = prop::sample::select(vec!["", "  ", "# c", "  # mounts: {}", "      # 'x':"]);
    prop::collection::vec(line, 0..3).prop_map(|lines| {
        let end = |line| format!("{line}\n");
        lines.into_iter().map(end).collect()
    })
}

/// A line that may stand in an application, or that ends what stands above it.
fn line() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        "  ",
        "# c",
        "      # c ö",
        "    type: x",
        "    'mounts' : # c",
        "    mounts: &m",
        "    mounts: {}",
        "    mounts: ~",
        "    mounts: {c: {source: tmp}, }",
        "    mounts: *a",
        "      a: {source: tmp}",
        "      \"/b\":",
        "        source: storage",
        "    web:",
        "    web: &w",
        "      mounts:",
        "      mounts: {}",
        "    workers: *w",
        "    <<: *a",
        "      <<: *a",
        "    hooks: |",
        "    hooks: >+",
        "      text",
        "    list: [a,",
        "      b]",
        "    list:",
        "    - a",
        "    braces: { # c",
        "      b: 2 }",
        "    ? key",
        "    : value",
        "    quoted: 'a",
        "     b'",
        "    empty: &e",
        "    alias: *e",
        "  other: &o",
        "routes: *o",
        "...",
        "---",
    ])
}

/// What an application may hold besides its mounts, two columns to the right of it.
fn other() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "type: nodejs:24 # why",
        "hooks:\n  build: |\n    # mounts:\n    npm ci\n\n    npm run build",
        "hooks:\n  build: >-\n    a\n    b",
        "hooks:\n  deploy: |+\n    a\n",
        "relationships:\n- a\n- b # ö",
        "'variables':\n  env: {A: \"mounts: {}\", 'B': ~}",
        "access:",
        "web:\n  locations:\n    /:\n      root: 'a\n\n        b'",
        "workers:\n  queue:\n    commands:\n      start: a\n       b",
    ])
}

fn mounts() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        "mounts:",
        "mounts: {} # none",
        "\"mounts\":\n  a:\n    source: tmp",
        "mounts: # all\n  '/a':\n     source: tmp # why\n  # 'b':\n  'c': { source: storage }",
        "mounts: {\"a\": {source: tmp}}",
        "mounts:\n  \"/a\":\n    source_path: ''\n    source: storage\n  # the end",
    ])
}

/// The lines of an application as they are before they are indented.
fn app() -> impl Strategy<Value = Vec<String>> {
    let others = prop::sample::subsequence((0..9).collect::<Vec<usize>>(), 1..4);
    let others = (others, prop::collection::vec(other(), 4), mounts());
    (others, gap(), any::<bool>()).prop_map(|((_, others, mounts), gap, is_last)| {
        let mut parts: Vec<String> = Vec::new();
        for part in others {
            let name = |part: &str| part.split(':').next().map(str::to_owned);
            if !parts.iter().any(|there| name(there) == name(part)) {
                parts.push(part.to_owned());
            }
        }
        if !mounts.is_empty() {
            let at = if is_last { parts.len() } else { 0 };
            parts.insert(at, mounts.to_owned());
        }
        let gap = gap.trim_end_matches('\n').to_owned();
        parts
            .join(&format!("\n{gap}\n"))
            .lines()
            .map(str::to_owned)
            .collect()
    })
}

prop_compose! {
    /// A whole text with the applications `a0`, `a1`, …, and how many there are.
    fn text()(
        apps in prop::collection::vec((app(), gap()), 1..4),
        begin in "(\u{FEFF})?(---\n)?(# ö\n)?",
        wide in prop::sample::select(vec![1, 2, 4, 7]),
        column in 1_usize..5,
        windows in any::<bool>(),
        end in prop::sample::select(vec!["\n", "", "\n\n", "\n# end", "\n...\n", "\nroutes: {}\n"]),
    ) -> (String, usize) {
        let count = apps.len();
        let mut text = format!("{begin}applications:\n");
        for (index, (lines, gap)) in apps.into_iter().enumerate() {
            text.push_str(&format!("{}a{index}:\n{}", " ".repeat(column), gap));
            for line in lines {
                let content = line.trim_start_matches(' ');
                let depth = line.len() - content.len();
                let indent = " ".repeat(if content.is_empty() { 0 } else { column + wide + depth });
                text.push_str(&format!("{indent}{content}\n"));
            }
        }
        text.pop();
        text.push_str(end);
        (if windows { text.replace('\n', "\r\n") } else { text }, count)
    }
}

/// The old tree with the new mount in it.
fn expected(text: &str, app: &str) -> Yaml {
    let mut tree = yaml(text).unwrap_or_else(|| panic!("this should be YAML: {text:?}"));
    let mounts = &mut tree["applications"][app]["mounts"];
    if !mounts.is_mapping() {
        *mounts = Yaml::Mapping(Mapping::new());
    }
    mounts[KEY]["source"] = Yaml::from("storage");
    tree
}

fn yaml(text: &str) -> Option<Yaml> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let mut tree: Yaml = serde_yaml::from_str(text).ok()?;
    tree.apply_merge().ok()?;
    Some(tree)
}

/// Whether `new` is `old` with something put in at one place.
fn is_insertion(old: &str, new: &str) -> bool {
    let alike = |(old, new): &(u8, u8)| old == new;
    let same = old.bytes().zip(new.bytes()).take_while(alike).count();
    new.as_bytes().ends_with(&old.as_bytes()[same..]) && new.len() > old.len()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn the_new_text_says_what_the_old_one_said_and_the_mount((text, count) in text(), pick in 0_usize..3) {
        let app = format!("a{}", pick % count);
        let new = add_mounts(&text, &app, None, &[mount(PATH, "storage")]);
        let new = match new {
            Err(super::Refused::NoLineEnd { .. }) => {
                prop_assert!(!text.ends_with('\n'));
                return Ok(());
            }
            new => new.map_err(|refused| TestCaseError::fail(refused.to_string()))?,
        };
        prop_assert_eq!(yaml(&new), Some(expected(&text, &app)), "{}", new);
        // Two texts that differ in `{}` alone are told apart by nothing else.
        let old = text.replace("mounts: {} #", "mounts: #");
        prop_assert!(is_insertion(&old, &new.replace("mounts: {} #", "mounts: #")), "{}", new);
        let endings = |text: &str| (text.matches("\r\n").count(), text.matches('\n').count());
        let (windows, all) = endings(&new);
        prop_assert!(windows == 0 || windows == all, "{:?}", new);
        let again = add_mounts(&new, &app, None, &[mount(PATH, "storage")]);
        prop_assert_eq!(again, Ok(new));
    }

    #[test]
    fn any_text_is_refused_or_changed_in_that_place_only(
        lines in prop::collection::hash_set(line(), 0..9),
        piece in prop::sample::select(vec!["", "", "", "{", "}", "&a ", "*a", "!include ", "\r", "'", "\"", "- ", " #", "  "]),
        at in any::<prop::sample::Index>(),
        ending in prop::sample::select(vec!["\n", "\r\n"]),
    ) {
        let lines: Vec<&str> = lines.into_iter().collect();
        let mut text = format!(".a: &a {{x: y}}{ending}applications:{ending}  web:{ending}");
        let body = lines.join(ending);
        let at = at.index(body.len() + 1);
        let at = if body.is_char_boundary(at) { at } else { 0 };
        text.push_str(&format!("{}{piece}{}", &body[..at], &body[at..]));
        if let Ok(new) = add_mounts(&text, "web", None, &[mount(PATH, "storage")]) {
            let words = text.replace(' ', "");
            let is_replaced = words.contains("mounts:{}") || words.contains("mounts:~");
            prop_assert!(new.contains(PATH));
            prop_assert!(is_replaced || is_insertion(&text, &new), "{:?}", new);
            if let (Some(mut old), Some(mut new)) = (yaml(&text), yaml(&new)) {
                let mounts = owner(&mut new).and_then(|owner| owner.get_mut("mounts")?.as_mapping_mut());
                let mounts = mounts.expect("there should be mounts");
                prop_assert!(mounts.remove(KEY).is_some());
                if mounts.is_empty() {
                    let empty = Yaml::Mapping(Mapping::new());
                    owner(&mut old).expect("it should be there").insert("mounts".into(), empty);
                }
                prop_assert_eq!(new, old, "{:?}", text);
            }
        }
    }
}

/// The application, or its `web` when that has mounts of its own.
fn owner(tree: &mut Yaml) -> Option<&mut Mapping> {
    let app = tree.get_mut("applications")?.get_mut("web")?;
    let is_own = app
        .get("web")
        .is_some_and(|web| web.get("mounts").is_some());
    if is_own {
        app.get_mut("web")?.as_mapping_mut()
    } else {
        app.as_mapping_mut()
    }
}
