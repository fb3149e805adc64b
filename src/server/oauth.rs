//! `POST /oauth2/token`: an API token for an access token. Both are one and the same here: a token holds for as long as
//! the server runs.

use hyper::StatusCode;
use hyper::body::Incoming;
use serde_json::json;

use super::answer::{Result, json, json_with};
use super::key::Key;
use super::request::Call;

/// How long a client may use an access token before it asks for another one, in seconds.
const EXPIRES_IN: u64 = 3600;

pub(super) async fn token(key: &Key, call: &Call, body: Incoming) -> Result {
    let form = call.form(body).await?;
    let field = |name: &str| {
        let found = form.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    };
    let given = match field("grant_type") {
        Some("api_token") => field("api_token"),
        Some("refresh_token") => field("refresh_token"),
        _ => {
            let error = json!({
                "error": "unsupported_grant_type",
                "error_description": "a sandbox knows the grants `api_token` and `refresh_token`",
            });
            return Ok(json_with(StatusCode::BAD_REQUEST, &error));
        }
    };
    let Some(token) = given.filter(|token| key.caller(token).is_some()) else {
        let error = json!({
            "error": "invalid_grant",
            "error_description": "the API token is not of this server: it was started again since",
        });
        return Ok(json_with(StatusCode::BAD_REQUEST, &error));
    };
    Ok(json(&json!({
        "access_token": token,
        "refresh_token": token,
        "token_type": "bearer",
        "expires_in": EXPIRES_IN,
        "scope": "",
    })))
}
