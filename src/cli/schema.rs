//! `schema`: what an editor needs to complete and check the configuration while it is written.

use super::context::Context;
use upsun_local::config::json_schema;
use upsun_local::failure::Failure;

/// How to make use of it.
pub(super) const IN_AN_EDITOR: &str = "\
In VS Code with the extension `redhat.vscode-yaml`: run
  upsun-local schema > .vscode/upsun.schema.json
and add to .vscode/settings.json
  \"yaml.schemas\": { \".vscode/upsun.schema.json\": [\".upsun/*.yaml\", \".upsun/*.yml\"] },
  \"yaml.customTags\": [\"!include scalar\", \"!include mapping\", \"!archive scalar\"]";

/// Prints the JSON Schema.
pub(super) fn run(context: &Context) -> Result<u8, Failure> {
    context.print(&format!("{:#}\n", json_schema()))?;
    Ok(0)
}
