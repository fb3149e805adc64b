//! Answers: JSON, problems as Upsun's API words them, files of the console, and streams.

use std::convert::Infallible;
use std::fmt::Display;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use crate::failure::{self, Failure};
use crate::workspace;

pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;
pub(super) type Answer = Response<Body>;

/// What every answer says about itself. Nothing of an answer may run in, or be shown inside of, a page of another
/// origin; the console's page may only load what this server sends.
const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

/// An answer with this body.
pub(super) fn answer(status: StatusCode, kind: &'static str, body: Body) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let policy = HeaderName::from_static("cross-origin-resource-policy");
    headers.insert(policy, HeaderValue::from_static("same-origin"));
    answer
}

pub(super) fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed_unsync()
}

/// An answer with a file of the console.
pub(super) fn file(kind: &'static str, content: &'static str) -> Answer {
    answer(
        StatusCode::OK,
        kind,
        whole(Bytes::from_static(content.as_bytes())),
    )
}

pub(super) fn json(value: &Value) -> Answer {
    json_with(StatusCode::OK, value)
}

/// An answer with JSON that is text already.
pub(super) fn json_text(text: String) -> Answer {
    answer(StatusCode::OK, "application/json", whole(text))
}

pub(super) fn json_with(status: StatusCode, value: &Value) -> Answer {
    answer(status, "application/json", whole(value.to_string()))
}

/// An answer without a body.
pub(super) fn empty() -> Answer {
    answer(StatusCode::NO_CONTENT, "application/json", whole(""))
}

/// An answer whose pieces follow. A reader that is slow holds up only its own stream.
pub(super) fn stream(
    kind: &'static str,
    pieces: impl Stream<Item = Bytes> + Send + 'static,
) -> Answer {
    let frames = pieces.map(|piece| Ok(Frame::data(piece)));
    answer(StatusCode::OK, kind, StreamBody::new(frames).boxed_unsync())
}

/// Why a call was refused.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    message: String,
    /// How to go on, or the parts of the request that are wrong.
    detail: Value,
}

impl Problem {
    pub(super) fn new(status: StatusCode, message: impl Display) -> Self {
        Problem {
            status,
            message: message.to_string(),
            detail: json!({}),
        }
    }

    pub(super) fn not_found(what: impl Display) -> Self {
        Problem::new(StatusCode::NOT_FOUND, what)
    }

    pub(super) fn bad(message: impl Display) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn fault(message: impl Display) -> Self {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    #[must_use]
    pub(super) fn detail(mut self, detail: Value) -> Self {
        self.detail = detail;
        self
    }

    /// The answer: `title` and `code` are those of the status, as with Upsun's API.
    pub(super) fn answer(&self) -> Answer {
        let title = self.status.canonical_reason().unwrap_or_default();
        let body = json!({
            "status": title,
            "title": title,
            "code": self.status.as_u16(),
            "message": self.message,
            "detail": self.detail,
        });
        answer(
            self.status,
            "application/problem+json",
            whole(body.to_string()),
        )
    }
}

impl From<Failure> for Problem {
    /// What a use case could not do, as the API says it.
    fn from(failure: Failure) -> Self {
        let status = match failure.code {
            failure::USAGE => StatusCode::BAD_REQUEST,
            failure::DENIED => StatusCode::FORBIDDEN,
            failure::BAD_CONFIGURATION | failure::BAD_FILE => StatusCode::CONFLICT,
            failure::NO_ENGINE | failure::BUSY => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let problem = Problem::new(status, failure.message);
        match failure.hint {
            Some(hint) => problem.detail(json!({ "hint": hint })),
            None => problem,
        }
    }
}

impl From<workspace::Error> for Problem {
    fn from(err: workspace::Error) -> Self {
        Failure::from(err).into()
    }
}

pub(super) type Result<T = Answer> = std::result::Result<T, Problem>;
