//! What every event travels in.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Event;

/// The version of the shape in which events are printed. It grows when a field is renamed or means something else, or
/// goes away; new fields and new types of events leave it as it is.
pub const VERSION: u32 = 1;

/// An event, with when it happened and to what it belongs. As JSON, the fields of the event stand beside these: what
/// reads `type` and its fields needs to know no envelope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// The version of the shape: [`VERSION`].
    pub version: u32,
    /// The id of the activity; `None` for what happens before its record begins, or where none is kept.
    pub activity: Option<String>,
    /// Which event it is in the stream that this listener hears, counted from 1 without gaps.
    pub sequence: u64,
    /// When it happened. As JSON: RFC 3339 in UTC, to the millisecond.
    #[serde(with = "rfc3339")]
    pub time: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

impl Envelope {
    /// For something that happens now. Where it stands in a stream is for its [`Numbering`] to say.
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

    /// The same envelope around another event: a part of it, or what becomes of it on its way.
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

/// Counts the events of one stream. Whatever adds events to a stream, joins some or takes some away counts them anew,
/// so that its own listener sees neither gaps nor the same number twice.
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

/// As an envelope can say it.
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
