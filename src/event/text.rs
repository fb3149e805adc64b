//! The output of scripts.

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::output::Output;

/// Output on its way to a listener. In JSON: `stream` and `text`. U+FFFD replaces bytes that are not UTF-8, and
/// remains after reading the JSON back.
#[derive(Debug, Clone, PartialEq)]
pub struct Text(pub Output);

/// The shape of the output in JSON.
#[derive(Serialize, Deserialize)]
struct Shape {
    stream: Stream,
    text: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Stream {
    Stdout,
    Stderr,
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shape = Shape {
            stream: match &self.0 {
                Output::Stdout(_) => Stream::Stdout,
                Output::Stderr(_) => Stream::Stderr,
            },
            text: String::from_utf8_lossy(self.0.bytes()).into_owned(),
        };
        shape.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let shape = Shape::deserialize(deserializer)?;
        let bytes = Bytes::from(shape.text);
        Ok(Text(match shape.stream {
            Stream::Stdout => Output::Stdout(bytes),
            Stream::Stderr => Output::Stderr(bytes),
        }))
    }
}
