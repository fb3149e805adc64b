//! Who may import whom. The table stands in `src/lib.rs`, and this test holds the code to it.

mod circles;
mod sizes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A module named by a file, as absolute path: `["settings", "FILE_NAME"]`.
type Named = Vec<String>;

/// The floors of the table, from the top, each with its modules.
fn floors(lib: &str) -> Vec<Vec<String>> {
    let table = lib
        .split("```text floors")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("`src/lib.rs` holds a table in a block that begins with ```text floors");
    table
        .lines()
        .filter_map(|line| line.split_once('|'))
        .map(|(_, modules)| modules.split_whitespace().map(str::to_owned).collect())
        .collect()
}

/// Every file of the shipped code with its tokens: without what is only compiled for tests.
fn files() -> Vec<(PathBuf, TokenStream)> {
    let mut all = Vec::new();
    let mut open = vec![PathBuf::from("src")];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a text");
                all.push((path, text.parse::<TokenStream>().expect("Rust")));
            }
        }
    }
    let tests: BTreeSet<PathBuf> = all
        .iter()
        .flat_map(|(path, tokens)| test_modules(path, tokens.clone()))
        .collect();
    all.retain(|(path, _)| {
        !path
            .ancestors()
            .any(|part| tests.contains(&part.with_extension("")))
    });
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all.into_iter()
        .map(|(path, tokens)| (path, shipped(tokens).0))
        .collect()
}

/// Where a file's modules are: `src/a/b` for `src/a/b.rs`, `src` for `src/lib.rs`.
fn place(path: &Path) -> PathBuf {
    match path.file_stem().and_then(|stem| stem.to_str()) {
        Some("lib" | "main") => path.parent().expect("`src`").to_owned(),
        _ => path.with_extension(""),
    }
}

/// The modules that a file declares for tests only, as paths without an extension.
fn test_modules(path: &Path, tokens: TokenStream) -> Vec<PathBuf> {
    let place = place(path);
    let names = shipped(tokens).1;
    names.into_iter().map(|name| place.join(name)).collect()
}

/// The tokens without items that carry `#[cfg(test)]`, and the names of the modules among those.
fn shipped(tokens: TokenStream) -> (TokenStream, Vec<String>) {
    let mut kept = Vec::new();
    let mut modules = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let is_hash = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '#');
        let is_for_tests = is_hash
            && matches!(tokens.peek(), Some(TokenTree::Group(group))
                if group.stream().to_string().replace(' ', "") == "cfg(test)");
        if !is_for_tests {
            kept.push(match token {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    TokenTree::Group(proc_macro2::Group::new(
                        group.delimiter(),
                        shipped(group.stream()).0,
                    ))
                }
                other => other,
            });
            continue;
        }
        tokens.next();
        let mut before = String::new();
        for token in tokens.by_ref() {
            match &token {
                TokenTree::Punct(punct) if punct.as_char() == ';' => break,
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break,
                TokenTree::Ident(name) if before == "mod" => modules.push(name.to_string()),
                _ => {}
            }
            before = token.to_string();
        }
    }
    (kept.into_iter().collect(), modules)
}

/// Everything that the tokens name from either crate, `super` or `self`, seen from a module.
fn named(module: &[String], tokens: TokenStream) -> Vec<Named> {
    let mut all = Vec::new();
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Group(group) => {
                all.extend(named(module, group.stream()));
                at += 1;
            }
            TokenTree::Ident(name)
                if ["crate", "upsun_local", "super", "self"]
                    .contains(&name.to_string().as_str())
                    && is_path(&tokens[at + 1..]) =>
            {
                let start = match name.to_string().as_str() {
                    // The command line belongs to the binary, and the rest to the library.
                    "crate" | "upsun_local" => Vec::new(),
                    "super" => module[..module.len().saturating_sub(1)].to_vec(),
                    _ => module.to_vec(),
                };
                let (found, used) = follow(start, &tokens[at + 1..]);
                all.extend(found);
                at += 1 + used;
            }
            _ => at += 1,
        }
    }
    all
}

/// Whether tokens go on with `::`.
fn is_path(tokens: &[TokenTree]) -> bool {
    let is_colon = |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    is_colon(tokens.first()) && is_colon(tokens.get(1))
}

/// The paths that begin with `start` and go on with `tokens`, and how many tokens they take.
fn follow(mut path: Named, tokens: &[TokenTree]) -> (Vec<Named>, usize) {
    let mut at = 0;
    while is_path(&tokens[at..]) {
        match tokens.get(at + 2) {
            Some(TokenTree::Ident(name)) if name == "super" => {
                path.pop();
                at += 3;
            }
            Some(TokenTree::Ident(name)) => {
                path.push(name.to_string());
                at += 3;
            }
            Some(TokenTree::Group(group)) => {
                return (listed(&path, group.stream()), at + 3);
            }
            _ => break,
        }
    }
    (vec![path], at)
}

/// The paths in the braces of a `use`.
fn listed(path: &Named, tokens: TokenStream) -> Vec<Named> {
    let mut all = Vec::new();
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for entry in tokens.split(|token| matches!(token, TokenTree::Punct(p) if p.as_char() == ',')) {
        if let Some(TokenTree::Ident(name)) = entry.first() {
            let mut path = path.clone();
            if name != "self" {
                path.push(name.to_string());
            }
            all.extend(follow(path, &entry[1..]).0);
        }
    }
    all
}

/// The module of a file: `["cli", "run"]` for `src/cli/run.rs`.
fn module_of(path: &Path) -> Vec<String> {
    let place = place(path);
    let parts = place.strip_prefix("src").expect("below `src`").components();
    parts
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect()
}

/// The file of a module.
fn file_of(module: &str) -> String {
    format!("src/{module}.rs")
}

#[test]
fn imports_between_modules_go_down_the_table_of_lib_rs() {
    let floors = floors(&std::fs::read_to_string("src/lib.rs").unwrap());
    let floor: BTreeMap<&str, usize> = floors
        .iter()
        .enumerate()
        .flat_map(|(at, modules)| modules.iter().map(move |module| (module.as_str(), at)))
        .collect();
    let files = files();
    let modules: BTreeSet<String> = files
        .iter()
        .filter_map(|(path, _)| module_of(path).first().cloned())
        .collect();
    let mut wrong = Vec::new();
    for module in &modules {
        if !floor.contains_key(module.as_str()) {
            wrong.push(format!(
                "{}: the table in src/lib.rs does not name `{module}`; put it above everything that it imports",
                file_of(module)
            ));
        }
    }
    for module in floor.keys().filter(|module| !modules.contains(**module)) {
        wrong.push(format!(
            "src/lib.rs: the table names `{module}`, which is no module"
        ));
    }
    let mut imports = 0;
    for (path, tokens) in files {
        let module = module_of(&path);
        let Some(from) = module.first() else { continue };
        for to in named(&module, tokens) {
            let Some(to) = to.first().filter(|to| *to != from) else {
                continue;
            };
            let (Some(above), Some(below)) = (floor.get(from.as_str()), floor.get(to.as_str()))
            else {
                continue;
            };
            imports += 1;
            if above >= below {
                wrong.push(format!(
                    "{} imports {}, which is not below it: move what both need into a module further down, or hand it in as an argument",
                    path.display(),
                    file_of(to)
                ));
            }
        }
    }
    assert!(imports > 300, "only {imports} imports were found");
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}
