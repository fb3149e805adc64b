//! References to container images.

use std::fmt;

/// A reference to a container image, such as `node:24-bookworm`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageRef(String);

impl ImageRef {
    /// A reference as somebody wrote it; refused when it could not stand on a line of a Dockerfile.
    pub fn new(text: &str) -> Result<ImageRef, NotAReference> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
        let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let mut characters = text.chars();
        if text.chars().all(plain) && ends(characters.next()) && ends(text.chars().next_back()) {
            Ok(ImageRef(text.to_owned()))
        } else {
            Err(NotAReference(text.to_owned()))
        }
    }

    /// The reference as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is not a reference to a container image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a reference to a container image")]
pub struct NotAReference(pub String);

impl NotAReference {
    /// How to mend it.
    pub fn hint(&self) -> &'static str {
        "write it as `docker pull` takes it, for example `node:24-bookworm`"
    }
}
