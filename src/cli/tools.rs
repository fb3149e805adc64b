//! `redis-cli`, `valkey-cli` and `drush`: commands of an app's container by their own names, as Upsun's CLI has them.

use clap::Args;
use serde_json::Value;

use super::context::Context;
use super::exec::{Access, Invocation, invoke};
use super::opened::open;
use upsun_local::actions::database::find_relationship;
use upsun_local::failure::Failure;

/// Arguments of `redis-cli` and `valkey-cli`.
#[derive(Debug, Args)]
pub(super) struct RedisArguments {
    #[command(flatten)]
    access: Access,
    /// Relationship of the app that leads to the service
    #[arg(short, long, value_name = "RELATIONSHIP")]
    relationship: Option<String>,
    /// Arguments of the client, such as `ping`; without any, open its shell
    #[arg(
        value_name = "ARGUMENT",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    arguments: Vec<String>,
}

/// Arguments of `drush`.
#[derive(Debug, Args)]
pub(super) struct DrushArguments {
    #[command(flatten)]
    access: Access,
    /// Arguments of Drush [default: status]
    #[arg(
        value_name = "ARGUMENT",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    arguments: Vec<String>,
}

/// Runs the client of Redis or Valkey.
pub(super) async fn redis(
    context: &Context,
    client: &str,
    arguments: RedisArguments,
) -> Result<u8, Failure> {
    let workspace = open(context)?;
    let (_, (host, port, password)) = find_relationship(
        &workspace,
        &arguments.access.target.named(),
        arguments.relationship.as_deref(),
        "Redis or Valkey",
        |payload| {
            let scheme = payload["scheme"].as_str()?;
            let host = payload["host"].as_str()?.to_owned();
            let password = payload["password"].as_str().unwrap_or_default().to_owned();
            let port = match &payload["port"] {
                Value::String(port) => port.clone(),
                port => port.to_string(),
            };
            matches!(scheme, "redis" | "valkey").then_some((host, port, password))
        },
    )?;
    let mut command = vec![
        client.to_owned(),
        "-h".to_owned(),
        host,
        "-p".to_owned(),
        port,
    ];
    command.extend(split(arguments.arguments));
    let mut invocation = Invocation {
        command,
        ..Invocation::default()
    };
    if !password.is_empty() {
        for name in ["REDISCLI_AUTH", "VALKEYCLI_AUTH"] {
            invocation
                .variables
                .insert(name.to_owned(), password.clone());
        }
    }
    invoke(context, &workspace, &arguments.access, invocation).await
}

/// Upsun's page writes further options as one word: `"--scan --pattern '*-11*'"`.
fn split(arguments: Vec<String>) -> Vec<String> {
    let [only] = arguments.as_slice() else {
        return arguments;
    };
    let mut words: Vec<String> = Vec::new();
    let mut quote = None;
    let mut is_open = false;
    for c in only.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                if !is_open {
                    words.push(String::new());
                    is_open = true;
                }
            }
            (None, c) if c.is_whitespace() => is_open = false,
            _ => {
                if !is_open {
                    words.push(String::new());
                    is_open = true;
                }
                if let Some(word) = words.last_mut() {
                    word.push(c);
                }
            }
        }
    }
    words
}

/// Finds Drush where Composer puts it: on `PATH`, or below the app.
const DRUSH: &str = "if command -v drush >/dev/null; then exec drush \"$@\"; fi
for bin in \"$(composer config bin-dir 2>/dev/null)\" vendor/bin; do
    if [ -x \"$bin/drush\" ]; then exec \"$bin/drush\" \"$@\"; fi
done
echo 'upsun-local: there is no drush in this app: `composer require drush/drush` adds it' >&2
exit 127";

/// Runs Drush.
pub(super) async fn drush(context: &Context, arguments: DrushArguments) -> Result<u8, Failure> {
    let workspace = open(context)?;
    let mut words = arguments.arguments;
    if words.is_empty() {
        words.push("status".to_owned());
    }
    let before = ["/bin/bash", "-c", DRUSH, "drush"].map(str::to_owned);
    let invocation = Invocation {
        command: before.into_iter().chain(words).collect(),
        ..Invocation::default()
    };
    invoke(context, &workspace, &arguments.access, invocation).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_in_one_word_are_several() {
        for (word, expected) in [
            ("ping", &["ping"][..]),
            (
                "--scan --pattern '*-11*'",
                &["--scan", "--pattern", "*-11*"],
            ),
            ("set a \"b c\"d ''", &["set", "a", "b cd", ""]),
        ] {
            assert_eq!(split(vec![word.to_owned()]), expected);
        }
        let two = ["set".to_owned(), "a b".to_owned()];
        assert_eq!(split(Vec::from(two.clone())), two);
    }
}
