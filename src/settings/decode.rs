//! How the values of settings are read.

use std::fmt;
use std::path::PathBuf;

use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Mail, Tests, User, hidden};
use crate::image_ref::ImageRef;
use crate::roles::{EnvironmentType, Grants, GrantsError};
use crate::user_variables::UserVariable;

/// A map, or nothing yet.
pub(super) fn tests<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tests, D::Error> {
    Option::<Tests>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// `admin`, `production:viewer,…`, or a map from environment type to role.
struct GrantsSetting(Grants);

impl<'de> Deserialize<'de> for GrantsSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct GrantsVisitor;

        impl<'de> Visitor<'de> for GrantsVisitor {
            type Value = GrantsSetting;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a role, or a map from environment type to role")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<GrantsSetting, E> {
                text.parse().map(GrantsSetting).map_err(refused)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<GrantsSetting, A::Error> {
                let mut parts = Vec::new();
                while let Some((name, role)) = map.next_entry::<String, String>()? {
                    let part = format!("{name}:{role}");
                    // Each entry by itself first, so that the error stands at its own line.
                    part.parse::<Grants>().map_err(refused::<A::Error>)?;
                    parts.push(part);
                }
                if parts.is_empty() {
                    return Err(de::Error::custom("a role is missing"));
                }
                parts.join(",").parse().map(GrantsSetting).map_err(refused)
            }
        }

        deserializer.deserialize_any(GrantsVisitor)
    }
}

/// What is wrong with a role, its value hidden.
fn refused<E: de::Error>(error: GrantsError) -> E {
    let value = match &error {
        GrantsError::Role(unknown) => &unknown.0,
        GrantsError::EnvironmentType(unknown) => &unknown.0,
        GrantsError::Twice(_) | GrantsError::Empty => return E::custom(error),
    };
    E::custom(
        error
            .to_string()
            .replacen(&format!("`{value}`"), &hidden(value), 1),
    )
}

pub(super) fn optional_grants<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Grants>, D::Error> {
    Option::<GrantsSetting>::deserialize(deserializer).map(|role| role.map(|role| role.0))
}

pub(super) fn users<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<IndexMap<String, Grants>, D::Error> {
    Option::<IndexMap<String, GrantsSetting>>::deserialize(deserializer).map(|users| {
        users
            .unwrap_or_default()
            .into_iter()
            .map(|(name, role)| (name, role.0))
            .collect()
    })
}

pub(super) fn optional_environment_type<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<EnvironmentType>, D::Error> {
    Option::<String>::deserialize(deserializer)?
        .map(|text| {
            text.parse()
                .map_err(|err| refused(GrantsError::EnvironmentType(err)))
        })
        .transpose()
}

pub(super) fn user<'de, D: Deserializer<'de>>(deserializer: D) -> Result<User, D::Error> {
    let user = User::deserialize(deserializer)?;
    if user.uid == 0 || user.gid == 0 {
        return Err(de::Error::custom(
            "the user `web` cannot be root: root could write where the user on Upsun cannot",
        ));
    }
    Ok(user)
}

/// `true`, `false`, or a map that says more.
pub(super) fn mail<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Mail>, D::Error> {
    struct MailVisitor;

    impl<'de> Visitor<'de> for MailVisitor {
        type Value = Option<Mail>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("`true`, `false`, or a map with `port`")
        }

        fn visit_bool<E: de::Error>(self, is_on: bool) -> Result<Option<Mail>, E> {
            Ok(is_on.then(Mail::default))
        }

        fn visit_unit<E: de::Error>(self) -> Result<Option<Mail>, E> {
            Ok(None)
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<Mail>, A::Error> {
            Mail::deserialize(de::value::MapAccessDeserializer::new(map)).map(Some)
        }
    }

    deserializer.deserialize_any(MailVisitor)
}

/// One text, or a list of them.
struct OneOrMore(Vec<String>);

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMoreVisitor;

        impl<'de> Visitor<'de> for OneOrMoreVisitor {
            type Value = OneOrMore;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMore, E> {
                Ok(OneOrMore(vec![text.to_owned()]))
            }

            fn visit_unit<E: de::Error>(self) -> Result<OneOrMore, E> {
                Ok(OneOrMore(Vec::new()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMore, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = list.next_element()? {
                    texts.push(text);
                }
                Ok(OneOrMore(texts))
            }
        }

        deserializer.deserialize_any(OneOrMoreVisitor)
    }
}

pub(super) fn images<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<IndexMap<String, String>, D::Error> {
    let images = Option::<IndexMap<String, String>>::deserialize(deserializer)?.unwrap_or_default();
    for image in images.values() {
        if ImageRef::new(image).is_err() {
            let image = hidden(image);
            return Err(de::Error::custom(format_args!(
                "{image} is not a reference to a container image"
            )));
        }
    }
    Ok(images)
}

pub(super) fn one_or_more_paths<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<PathBuf>, D::Error> {
    OneOrMore::deserialize(deserializer)
        .map(|texts| texts.0.into_iter().map(PathBuf::from).collect())
}

pub(crate) fn one_or_more<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    OneOrMore::deserialize(deserializer).map(|texts| texts.0)
}

pub(super) fn comma_separated<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    OneOrMore::deserialize(deserializer)
        .map(|texts| (!texts.0.is_empty()).then(|| texts.0.join(",")))
}

/// The value of a variable, or a map with `value` and its flags.
struct VariableSetting {
    variable: UserVariable,
    /// The value is JSON in a text.
    is_json: bool,
}

impl<'de> Deserialize<'de> for VariableSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(VariableVisitor)
    }
}

/// That map.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenVariable {
    value: serde_json::Value,
    #[serde(default)]
    sensitive: bool,
    #[serde(default = "yes")]
    visible_build: bool,
    #[serde(default = "yes")]
    visible_runtime: bool,
    #[serde(default)]
    is_json: bool,
    /// Whether child environments have it too. There are none here, so it makes no difference.
    #[serde(default = "yes", rename = "inheritable")]
    _inheritable: bool,
}

struct VariableVisitor;

impl VariableVisitor {
    #[expect(clippy::unnecessary_wraps, reason = "what a visitor returns")]
    fn plain<E>(value: impl Into<serde_json::Value>) -> Result<VariableSetting, E> {
        Ok(VariableSetting {
            variable: UserVariable::new(value),
            is_json: false,
        })
    }
}

impl<'de> Visitor<'de> for VariableVisitor {
    type Value = VariableSetting;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, or a map with `value`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<VariableSetting, E> {
        Self::plain(text)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<VariableSetting, E> {
        Self::plain(value)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<VariableSetting, E> {
        Self::plain(value)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<VariableSetting, E> {
        Self::plain(value)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<VariableSetting, E> {
        Self::plain(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<VariableSetting, A::Error> {
        let mut values: Vec<serde_json::Value> = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Self::plain(values)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<VariableSetting, A::Error> {
        let written = WrittenVariable::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(VariableSetting {
            variable: UserVariable {
                value: written.value,
                sensitive: written.sensitive,
                visible_build: written.visible_build,
                visible_runtime: written.visible_runtime,
            },
            is_json: written.is_json,
        })
    }
}

fn yes() -> bool {
    true
}

pub(crate) fn variables<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<IndexMap<String, UserVariable>, D::Error> {
    let written = Option::<IndexMap<String, VariableSetting>>::deserialize(deserializer)?;
    let written = written.unwrap_or_default();
    if let Some(name) = written
        .keys()
        .find(|name| !crate::user_variables::is_name(name))
    {
        return Err(de::Error::custom(format_args!(
            "`{name}` cannot be the name of a variable"
        )));
    }
    written
        .into_iter()
        .map(|(name, written)| {
            let mut variable = written.variable;
            if let (true, serde_json::Value::String(text)) = (written.is_json, &variable.value) {
                // What is wrong with it is not told in serde's words, which might quote a secret.
                let value = serde_json::from_str(text).map_err(|err| {
                    de::Error::custom(format_args!(
                        "the value of `{name}` is not JSON (at its line {}, column {}), and it has `is_json`",
                        err.line(),
                        err.column()
                    ))
                })?;
                // An environment variable holds the JSON as it was written.
                if !name.starts_with("env:") {
                    variable.value = value;
                }
            }
            Ok((name, variable))
        })
        .collect()
}
