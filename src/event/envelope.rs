//! The envelope of every event.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Event;

/// The version of the JSON format of events. It increases when a field is renamed or removed or gets another meaning;
/// new fields and new types of events do not change it.
pub const VERSION: u32 = 1;

/// An event with the time at which it happened and the activity that it belongs to. In JSON, the fields of the event
/// stand beside these, so that a program that needs `type` and its fields can ignore the envelope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// The version of the format: [`VERSION`].
    pub version: u32,
    /// The id of the activity; `None` before the activity's record begins, or if the activity is not recorded.
    pub activity: Option<String>,
    /// The number of the event in this listener's stream, counted from 1 without gaps.
    pub sequence: u64,
    /// When the event happened. In JSON: RFC 3339 in UTC, to the millisecond.
    #[serde(with = "rfc3339")]
    pub time: Timestamp,
    #[serde(flatten)]
    pub event: Event,
}

impl Envelope {
    /// An envelope for an event that happens now. A [`Numbering`] sets its place in a stream.
    pub fn now(event: impl Into<Event>) -> Self {
        Envelope::at(to_the_millisecond(Timestamp::now()), event.into())
    }

    pub(super) fn at(time: Timestamp, event: Event) -> Self {
        Envelope {
            version: VERSION,
            activity: None,
            sequence: 0,
            time,
            event,
        }
    }

    /// The same envelope around another event: a part of this one, or a changed version.
    #[must_use]
    pub fn around(&self, event: Event) -> Self {
        Envelope {
            version: self.version,
            activity: self.activity.clone(),
            sequence: self.sequence,
            time: self.time,
            event,
        }
    }
}

/// Counts the events of one stream. Code that adds events to a stream, joins or removes events counts anew, so that
/// its listener sees neither gaps nor the same number twice.
#[derive(Debug, Default)]
pub struct Numbering(u64);

impl Numbering {
    /// The envelope with the next number.
    #[must_use]
    pub fn next(&mut self, mut envelope: Envelope) -> Envelope {
        self.0 += 1;
        envelope.sequence = self.0;
        envelope
    }
}

/// The time with the precision that an envelope has.
pub(super) fn to_the_millisecond(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}

mod rfc3339 {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(
        time: &Timestamp,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
