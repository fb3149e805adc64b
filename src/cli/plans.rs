//! Plans, as `--dry-run` prints them.

use std::collections::BTreeSet;

use super::context::Context;
use upsun_local::failure::Failure;
use upsun_local::mask::{MASK, Secrets};
use upsun_local::plan::AppPlan;
use upsun_local::workspace::Workspace;

/// Hides the values of sensitive variables wherever a plan holds variables, and wherever else they stand.
fn mask(document: &mut serde_json::Value, sensitive: &BTreeSet<String>, secrets: &Secrets) {
    use serde_json::Value;
    match document {
        Value::Object(map) => {
            for (key, value) in map {
                if let (Value::Object(variables), "variables") = (&mut *value, key.as_str()) {
                    for (name, value) in variables {
                        if sensitive.contains(name) {
                            *value = MASK.into();
                        } else {
                            mask(value, sensitive, secrets);
                        }
                    }
                } else {
                    mask(value, sensitive, secrets);
                }
            }
        }
        Value::Array(list) => {
            for value in list {
                mask(value, sensitive, secrets);
            }
        }
        Value::String(text) => *text = secrets.mask(text),
        _ => {}
    }
}

/// Prints plans: as one JSON document, or as text.
pub(super) fn print_plans(
    context: &Context,
    workspace: &Workspace,
    plans: &[&AppPlan],
    json: bool,
) -> Result<u8, Failure> {
    if json {
        let mut document =
            serde_json::to_value(plans).map_err(|err| Failure::fault(err.to_string()))?;
        let (names, secrets) = (workspace.sensitive_names(), workspace.secrets());
        mask(&mut document, &names, &secrets);
        let text = upsun_local::json::pretty(&document);
        return context.print(&format!("{text}\n")).map(|()| 0);
    }
    let text: String = plans
        .iter()
        .map(|plan| super::describe::plan(plan, context.out_style))
        .collect();
    context.print(&text).map(|()| 0)
}
