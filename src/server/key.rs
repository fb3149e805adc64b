//! Who may talk to a server: the callers that know its key. The key is random, and each start has another one.
//!
//! A token is the key, with the user or the role that its bearer acts as: `<key>`, `<key>.r.<role>` or
//! `<key>.u.<user>`, the last part in base64. To name a user is no proof: the roles of a sandbox are simulated, and
//! all who know the key may act as anybody.

use std::fs::File;
use std::io::{self, Read};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// How many random bytes a key has.
const LENGTH: usize = 32;

/// The mark of a token whose bearer has named the app of an operation.
const NAMES_APP: &str = "app";

/// A secret of one server.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

/// The user or role that the bearer of a token acts as.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Caller {
    pub role: Option<String>,
    pub user: Option<String>,
    /// Whether the caller has named the app of the operation. Upsun's CLI sends the last of several apps otherwise,
    /// as if it had been named.
    pub names_app: bool,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// A new random key.
    pub fn new() -> io::Result<Self> {
        let mut bytes = [0; LENGTH];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(Key(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The key that a record has.
    pub(super) fn of(text: String) -> Self {
        Key(text)
    }

    /// The token of a caller.
    pub fn token(&self, caller: &Caller) -> String {
        let mut token = self.0.clone();
        let mut add = |mark: char, text: &str| {
            token.push_str(&format!(".{mark}.{}", URL_SAFE_NO_PAD.encode(text)));
        };
        if let Some(role) = &caller.role {
            add('r', role);
        }
        if let Some(user) = &caller.user {
            add('u', user);
        }
        if caller.names_app {
            add('n', NAMES_APP);
        }
        token
    }

    /// The caller that a token names; `None` if the token is not of this key.
    pub fn caller(&self, token: &str) -> Option<Caller> {
        let mut parts = token.split('.');
        if !self.is(parts.next()?) {
            return None;
        }
        let mut caller = Caller::default();
        while let Some(mark) = parts.next() {
            let text = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
            let text = String::from_utf8(text).ok()?;
            match mark {
                "r" => caller.role = Some(text),
                "u" => caller.user = Some(text),
                "n" => caller.names_app = text == NAMES_APP,
                _ => return None,
            }
        }
        Some(caller)
    }

    /// Whether a text is the key. The time that this takes says nothing about the key.
    pub fn is(&self, text: &str) -> bool {
        Sha256::digest(&self.0) == Sha256::digest(text)
    }

    /// The key as text.
    pub fn text(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_caller_and_belongs_to_one_key() {
        let (key, other) = (Key::new().unwrap(), Key::new().unwrap());
        assert_ne!(key, other);
        for (role, user, names_app) in [
            (None, None, false),
            (Some("viewer"), None, true),
            (None, Some("zoë.r.admin\n"), false),
            (Some("production:viewer,development:admin"), Some(""), true),
        ] {
            let caller = Caller {
                role: role.map(str::to_owned),
                user: user.map(str::to_owned),
                names_app,
            };
            let token = key.token(&caller);
            let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
            assert!(token.chars().all(is_plain), "{token}");
            assert_eq!(key.caller(&token), Some(caller));
            assert_eq!(other.caller(&token), None);
        }
        for bad in ["", ".", ".r.x", "r", &key.text()[1..]] {
            assert_eq!(key.caller(bad), None, "{bad}");
        }
        for bad in [".", ".x.YQ", ".r", ".r.?", ".r._w"] {
            assert_eq!(key.caller(&format!("{}{bad}", key.text())), None, "{bad}");
        }
    }
}
