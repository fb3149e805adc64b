//! What a container has of an image that was built.

use std::collections::BTreeMap;

use crate::engine::fake::files::{Entry, Files, Node};
use crate::engine::spec::{ContainerSpec, ImageFile, ImagePlan};

/// Gives a container what its image has. What other images hold is not known here, so that what is copied is empty; of
/// all commands, only `touch` is carried out.
pub(super) fn apply(plan: &ImagePlan, spec: &mut ContainerSpec, layer: &mut Files) {
    for copy in &plan.copies {
        insert(layer, &copy.to, 0o644, Vec::new());
    }
    for collected in &plan.collected {
        let is_kept = |file: &&ImageFile| file.path.starts_with(&collected.from);
        for file in collected.files.iter().filter(is_kept) {
            let path = format!("{}{}", collected.to, &file.path[collected.from.len()..]);
            insert(layer, &path, file.mode, file.bytes.clone());
        }
    }
    for file in &plan.files {
        insert(layer, &file.path, file.mode, file.bytes.clone());
    }
    if let [touch, path] = &plan.command[..]
        && touch == "touch"
    {
        insert(layer, path, 0o644, Vec::new());
    }
    if !plan.working_dir.is_empty() {
        layer.make_directory(&plan.working_dir);
    }
    let mut variables = BTreeMap::new();
    for (name, value) in plan.variables.iter().chain(&plan.run_variables) {
        let value = variables
            .iter()
            .fold(value.clone(), |value, (known, old): (&String, &String)| {
                value.replace(&format!("${known}"), old)
            });
        variables.insert(name.clone(), value);
    }
    variables.append(&mut spec.variables);
    spec.variables = variables;
    let or = |given: &mut String, own: &String| {
        if given.is_empty() {
            given.clone_from(own);
        }
    };
    or(&mut spec.user, &plan.user);
    or(&mut spec.working_dir, &plan.working_dir);
    if spec.command.is_empty() {
        spec.command.clone_from(&plan.run);
    }
}

fn insert(layer: &mut Files, path: &str, mode: u32, content: Vec<u8>) {
    let entry = Entry {
        node: Node::File(content),
        mode,
        uid: 0,
        gid: 0,
    };
    layer.insert(path.trim_matches('/'), entry);
}
