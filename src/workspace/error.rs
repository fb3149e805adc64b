//! Why a repository cannot be worked on.

use crate::config::Loaded;
use crate::{engine, project, source};

/// Why a repository, or something in it, cannot be worked on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration has errors; they are among its problems.
    #[error("the configuration has errors")]
    Invalid(Box<Loaded>),
    /// A request or a file is refused; the message says why.
    #[error("{message}")]
    Refused {
        /// What kind of mistake it is.
        kind: Kind,
        /// What is wrong: lower case, no full stop.
        message: String,
        /// How to go on.
        hint: Option<String>,
    },
    /// The project's identity or its state directory.
    #[error(transparent)]
    Project(#[from] project::Error),
    /// The repository's files.
    #[error(transparent)]
    Source(#[from] source::Error),
    /// The engine, where something is looked up there.
    #[error(transparent)]
    Engine(#[from] engine::Error),
}

/// Whose mistake something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something unknown, missing or ambiguous is asked for.
    Request,
    /// A file beside the configuration is bad, such as the settings.
    File,
    /// The configuration cannot be carried out.
    Configuration,
    /// The role may not.
    Denied,
    /// What is asked for is not up.
    NotUp,
    /// A fault of upsun-local itself.
    Fault,
}

impl Error {
    fn refused(kind: Kind, message: impl Into<String>) -> Self {
        Error::Refused {
            kind,
            message: message.into(),
            hint: None,
        }
    }

    /// Something unknown, missing or ambiguous is asked for.
    pub fn request(message: impl Into<String>) -> Self {
        Error::refused(Kind::Request, message)
    }

    /// A file beside the configuration is bad.
    pub fn file(message: impl Into<String>) -> Self {
        Error::refused(Kind::File, message)
    }

    /// The configuration cannot be carried out.
    pub fn configuration(message: impl Into<String>) -> Self {
        Error::refused(Kind::Configuration, message)
    }

    /// The role may not.
    pub fn denied(message: impl Into<String>) -> Self {
        Error::refused(Kind::Denied, message)
    }

    /// What is asked for is not up.
    pub fn not_up(message: impl Into<String>) -> Self {
        Error::refused(Kind::NotUp, message)
    }

    /// A fault of upsun-local itself.
    pub fn fault(message: impl Into<String>) -> Self {
        Error::refused(Kind::Fault, message)
    }

    /// With how to go on.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        self.hinted(Some(hint.into()))
    }

    /// With how to go on, where that is known.
    #[must_use]
    pub(crate) fn hinted(mut self, new: Option<String>) -> Self {
        if let Error::Refused { hint, .. } = &mut self {
            *hint = new;
        }
        self
    }
}
