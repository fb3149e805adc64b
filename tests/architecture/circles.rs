//! The commands stand side by side: no two modules directly below `src/cli` import each other, be it by way of others.

use std::collections::{BTreeMap, BTreeSet};

use super::{files, module_of, named};

/// Who imports whom, by the names of modules.
type Imports = BTreeMap<String, BTreeSet<String>>;

/// The modules directly below a module, each with those beside it that it imports.
fn imports_below(parent: &str) -> Imports {
    let mut imports = Imports::new();
    let mut all = Vec::new();
    for (path, tokens) in files() {
        if let [top, module, ..] = module_of(&path).as_slice()
            && top == parent
        {
            imports.entry(module.clone()).or_default();
            all.push((module.clone(), named(&module_of(&path), tokens)));
        }
    }
    let modules: BTreeSet<String> = imports.keys().cloned().collect();
    for (module, named) in all {
        let others = named.iter().filter_map(|path| match path.as_slice() {
            [top, other, ..] if top == parent && modules.contains(other) => Some(other),
            _ => None,
        });
        let others: Vec<String> = others.filter(|other| **other != module).cloned().collect();
        imports.entry(module).or_default().extend(others);
    }
    imports
}

/// The modules on circles: what is left when those go that import nobody who is left, or whom nobody imports.
fn on_circles(mut imports: Imports) -> Imports {
    loop {
        let left: BTreeSet<String> = imports.keys().cloned().collect();
        let imported: BTreeSet<String> = imports.values().flatten().cloned().collect();
        let before = imports.len();
        imports.retain(|module, others| {
            others.retain(|other| left.contains(other));
            !others.is_empty() && imported.contains(module)
        });
        if imports.len() == before {
            return imports;
        }
    }
}

#[test]
fn commands_import_each_other_in_one_direction_only() {
    let imports = imports_below("cli");
    let count: usize = imports.values().map(BTreeSet::len).sum();
    assert!(count > 80, "only {count} imports were found");
    let circles: Vec<String> = on_circles(imports)
        .into_iter()
        .map(|(module, others)| {
            let others: Vec<String> = others.into_iter().collect();
            format!("src/cli/{module}.rs imports {}", others.join(", "))
        })
        .collect();
    assert!(
        circles.is_empty(),
        "these import each other: move what they share into a module of its own\n{}\n",
        circles.join("\n")
    );
}

#[test]
fn a_circle_is_found_whatever_hangs_on_it() {
    let imports = |text: &str| -> Imports {
        let pairs = text
            .split_whitespace()
            .filter_map(|pair| pair.split_once('>'));
        let mut imports = Imports::new();
        for (from, to) in pairs {
            imports.entry(to.to_owned()).or_default();
            imports
                .entry(from.to_owned())
                .or_default()
                .insert(to.to_owned());
        }
        imports
    };
    assert_eq!(on_circles(imports("a>b b>c a>c d>c")), Imports::new());
    let found = on_circles(imports("a>b b>c c>d d>b d>e f>g"));
    assert_eq!(found.into_keys().collect::<Vec<_>>(), ["b", "c", "d"]);
}
