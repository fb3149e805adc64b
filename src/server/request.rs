//! A call of the API: its path in parts, its parameters, and a body that has a limit.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::{HeaderMap, Method, Request, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::answer::{Problem, Result};

/// The largest body, in bytes.
const LARGEST: usize = 1 << 20;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// A call without its body.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    /// The parts of the path between its slashes, decoded. Each part is one name, whatever characters it has.
    pub(super) path: Vec<String>,
    pub(super) headers: HeaderMap,
    query: Vec<(String, String)>,
}

impl Call {
    /// Takes a request apart. The body is read by the code that wants one.
    pub(super) fn of(request: Request<Incoming>) -> Result<(Self, Incoming)> {
        let (head, body) = request.into_parts();
        let path = head.uri.path().split('/').skip(1);
        let path = path.map(decoded).collect::<Option<Vec<String>>>();
        let mut path = path.ok_or_else(|| Problem::bad("the path is not UTF-8"))?;
        if path.len() > 1 && path.last().is_some_and(String::is_empty) {
            path.pop();
        }
        if path.iter().any(|part| part == "." || part == "..") {
            return Err(Problem::bad("a path has no parts `.` and `..` here"));
        }
        let query = url::form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes());
        let call = Call {
            method: head.method,
            path,
            headers: head.headers,
            query: query.into_owned().collect(),
        };
        Ok((call, body))
    }

    pub(super) fn header(&self, name: impl hyper::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The value of a parameter that is given once.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// All values of a parameter: `type=a&type=b`, `type[]=a&type[0]=b` and `type=a,b` mean the same.
    pub(super) fn parameters(&self, name: &str) -> Vec<&str> {
        let is_named = |key: &str| {
            let rest = key.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
        };
        let found = self.query.iter().filter(|(key, _)| is_named(key));
        let values = found.flat_map(|(_, value)| value.split(','));
        values.filter(|value| !value.is_empty()).collect()
    }

    fn is_of(&self, kind: &str) -> bool {
        let given = self.header(CONTENT_TYPE).unwrap_or_default();
        let given = given.split(';').next().unwrap_or_default().trim();
        given.eq_ignore_ascii_case(kind)
    }

    /// The body as JSON; an empty object for an empty body.
    pub(super) async fn json(&self, body: Incoming) -> Result<Value> {
        let bytes = read(body).await?;
        if bytes.is_empty() {
            return Ok(Value::Object(serde_json::Map::new()));
        }
        // A form of another page can send other types without a question of the browser.
        if !self.is_of("application/json") {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the body must be `application/json`",
            ));
        }
        let value: Value = serde_json::from_slice(&bytes)
            .map_err(|err| Problem::bad(format!("the body is not JSON: {err}")))?;
        if value.is_object() {
            Ok(value)
        } else {
            Err(Problem::bad("the body must be a JSON object"))
        }
    }

    /// The body as a form.
    pub(super) async fn form(&self, body: Incoming) -> Result<Vec<(String, String)>> {
        if !self.is_of("application/x-www-form-urlencoded") {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the body must be `application/x-www-form-urlencoded`",
            ));
        }
        let bytes = read(body).await?;
        Ok(url::form_urlencoded::parse(&bytes).into_owned().collect())
    }
}

async fn read(body: Incoming) -> Result<Bytes> {
    let read = tokio::time::timeout(PATIENCE, Limited::new(body, LARGEST).collect());
    match read.await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(err)) if err.is::<LengthLimitError>() => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("a body has at most {LARGEST} bytes"),
        )),
        Ok(Err(err)) => Err(Problem::bad(format!("the body ended early: {err}"))),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "the body did not arrive in time",
        )),
    }
}

fn decoded(part: &str) -> Option<String> {
    let text = percent_decode_str(part).decode_utf8().ok()?;
    (!text.contains('\0')).then(|| text.into_owned())
}

/// A text of a JSON object.
pub(super) fn text<'a>(body: &'a Value, key: &str) -> Option<&'a str> {
    body.get(key).and_then(Value::as_str)
}
