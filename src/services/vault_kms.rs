//! Vault, as a service for keys: a transit engine, keys, and a token for each endpoint.
//!
//! <https://docs.upsun.com/add-services/vault.html>

use serde_json::{Value, json};

use super::configuration::{Configuration, is_word};
use super::draft::Draft;
use super::payload::{self, Connection};
use super::{Endpoint, Endpoints, Error, Inputs, ServiceFile, ServiceType, privileges};

pub(super) const TYPES: &[ServiceType] = &[ServiceType {
    name: "vault-kms",
    supported: &["1.12"],
    deprecated: &[],
    endpoint: "manage_keys",
    endpoints: Endpoints::Any,
    configures_endpoints: true,
    image: Some("hashicorp/vault:{}"),
    exact: &[],
    clients: None,
    usual_port: None,
    keeps_data: true,
    same_as: None,
    draft,
}];

const PORT: u16 = 8200;

const CONFIGURATION: &str = r#"ui = false
disable_mlock = true
storage "file" {
  path = "/vault/file"
}
listener "tcp" {
  address = "0.0.0.0:8200"
  tls_disable = true
}
"#;

/// Initializes and unseals it, with what that takes kept beside its data, and logs in. It guards nothing
/// here, but has to work as it does on Upsun. Then: `key <name> <type>`, `policy <name> <rules>`,
/// `token <id> <policy>` for each.
const SETUP: &str = r#"set -e
secrets=/vault/file/upsun-local.json
field() { tr -d ' \n' <"$secrets" | sed "s/.*\"$1\":\[*\"\([^\"]*\)\".*/\1/"; }
if ! vault operator init -status >/dev/null 2>&1; then
    vault operator init -key-shares=1 -key-threshold=1 -format=json >"$secrets.new"
    mv "$secrets.new" "$secrets"
fi
vault operator unseal "$(field unseal_keys_b64)" >/dev/null
VAULT_TOKEN=$(field root_token)
export VAULT_TOKEN
vault secrets list | grep -q '^transit/' || vault secrets enable transit >/dev/null
while [ "$#" -gt 0 ]; do
    case "$1" in
        key) vault read "transit/keys/$2" >/dev/null 2>&1 || vault write -force "transit/keys/$2" "type=$3" >/dev/null ;;
        policy) printf '%s' "$3" | vault policy write "$2" - >/dev/null ;;
        token) vault token lookup "$2" >/dev/null 2>&1 ||
            vault token create -id="$2" -policy="$3" -orphan -period=876000h >/dev/null ;;
    esac
    shift 3
done"#;

pub(super) fn draft(inputs: &Inputs<'_>) -> Result<Draft, Error> {
    let configuration = Configuration::of(inputs)?;
    let given = configuration
        .map("endpoints")?
        .ok_or_else(|| configuration.error("`endpoints` is missing"))?;
    let mut words: Vec<String> = Vec::new();
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for (name, rules) in given {
        let wrong = |message: &str| configuration.error(&format!("`endpoints.{name}` {message}"));
        let rules = rules.as_array().ok_or_else(|| wrong("has to be a list"))?;
        let mut paths = serde_json::Map::new();
        for rule in rules {
            let text = |key: &str| rule.get(key).and_then(Value::as_str).filter(|t| is_word(t));
            let key = text("key").ok_or_else(|| wrong("needs `key` in each entry"))?;
            let kind = text("type").unwrap_or("encrypt");
            let policy = text("policy").ok_or_else(|| wrong("needs `policy` in each entry"))?;
            allow(&mut paths, policy, key)
                .ok_or_else(|| wrong(&format!("cannot have the policy `{policy}`")))?;
            let kind = if kind == "sign" {
                "ecdsa-p256"
            } else {
                "aes256-gcm96"
            };
            words.extend(["key", key, kind].map(str::to_owned));
        }
        // A hash, since a policy's name is plain while an endpoint's need not be.
        let policy = inputs.password(&format!("policy {name}"));
        let token = inputs.password(&format!("token {name}"));
        let rules = json!({ "path": paths }).to_string();
        words.extend(["policy".to_owned(), policy.clone(), rules]);
        endpoints.push(endpoint(inputs, name, &token));
        words.extend(["token".to_owned(), token, policy]);
    }
    let mut command: Vec<String> = ["sh", "-c", SETUP, "sh"].map(str::to_owned).to_vec();
    command.extend(words);
    let mut draft = Draft::container(inputs)?
        .steps_down()
        .command(["vault", "server", "-config=/vault/config/upsun-local.hcl"])
        .variable("VAULT_ADDR", format!("http://127.0.0.1:{PORT}"))
        .variable("SKIP_SETCAP", "1")
        .data("/vault/file", format!("vault-kms:{}", inputs.kind().1))
        // 2 is for one that answers and is sealed, which it is after every start.
        .ready(["sh", "-c", "vault status >/dev/null 2>&1; test $? -ne 1"])
        .step("keys and tokens", command)
        .endpoints(privileges::default_first(endpoints, "manage_keys"))
        .warn(configuration.ignored(&["endpoints"]));
    draft.files.push(ServiceFile {
        path: "/vault/config/upsun-local.hcl".to_owned(),
        content: CONFIGURATION.to_owned(),
        mode: 0o644,
    });
    Ok(draft)
}

/// What each of Upsun's policies allows, as the documentation lists it; nothing for one that there is not.
fn allow(paths: &mut serde_json::Map<String, Value>, policy: &str, key: &str) -> Option<()> {
    let mut add = |path: String, capabilities: &[&str]| {
        paths.insert(path, json!({ "capabilities": capabilities }));
    };
    let use_it = ["read", "update"];
    match policy {
        "admin" => {
            add(format!("transit/keys/{key}"), &["read"]);
            let all = ["read", "create", "update", "delete"];
            add(format!("transit/keys/{key}/*"), &all);
        }
        "sign" | "verify" => {
            add(format!("transit/{policy}/{key}"), &use_it);
            add(format!("transit/{policy}/{key}/*"), &use_it);
        }
        "encrypt" | "decrypt" | "rewrap" => add(format!("transit/{policy}/{key}"), &use_it),
        _ => return None,
    }
    Some(())
}

/// Here Upsun has empty texts where others have null.
fn endpoint(inputs: &Inputs<'_>, name: &str, token: &str) -> Endpoint {
    let path = Some("/".to_owned());
    let connection = Connection::database("http", PORT, "", token, path);
    let mut endpoint = payload::full(inputs, name, connection);
    endpoint.payload["fragment"] = json!("");
    endpoint
}
