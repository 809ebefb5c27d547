//! Reads from the relay's HTTP interface.

use std::fmt;

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::rows::Row;
use crate::json::{self, Read};
use crate::url_state::encode;

/// Why a read gave nothing.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum HttpError {
    /// No answer at all: the relay is not running or the line is down. Try again later.
    Unreachable,
    /// The relay refused or failed; `detail` is its own words. Asking again the same will not help below 500.
    Refused { status: u16, detail: String },
    /// The answer is not what this version understands.
    Unreadable(String),
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HttpError::Unreachable => f.write_str("the relay does not answer"),
            HttpError::Refused { status, detail } if detail.is_empty() => {
                write!(f, "the relay answered with status {status}")
            }
            HttpError::Refused { detail, .. } => f.write_str(detail),
            HttpError::Unreadable(what) => write!(f, "the relay's answer cannot be read: {what}"),
        }
    }
}

/// GETs `/api/<path>` of the relay at `base` (empty: the page's host) with query parameters and reads the JSON. It is
/// asked for at once, also where the answer is awaited later.
///
/// # Errors
/// [`HttpError`], by what failed.
pub(crate) fn get<T: Read>(
    base: &str,
    path: &str,
    query: &[(&str, String)],
) -> impl Future<Output = Result<T, HttpError>> + use<T> {
    let mut url = format!("{base}/api/{path}");
    for (i, (key, value)) in query.iter().enumerate() {
        url.push_str(if i == 0 { "?" } else { "&" });
        url.push_str(key);
        url.push('=');
        url.push_str(&encode(value));
    }
    let asked = ask(&url, "GET", None);
    async { value(answer(asked).await) }
}

/// POSTs JSON to `/api/<path>` and reads the JSON.
///
/// # Errors
/// [`HttpError`], by what failed.
pub(crate) async fn post<T: Read>(base: &str, path: &str, body: &str) -> Result<T, HttpError> {
    value(answer(ask(&format!("{base}/api/{path}"), "POST", Some(body))).await)
}

/// DELETEs `/api/<path>`, its query in it, and reads the JSON.
///
/// # Errors
/// [`HttpError`], by what failed.
pub(crate) async fn delete<T: Read>(base: &str, path: &str) -> Result<T, HttpError> {
    value(answer(ask(&format!("{base}/api/{path}"), "DELETE", None)).await)
}

fn value<T: Read>(answer: Result<String, HttpError>) -> Result<T, HttpError> {
    json::read(&answer?).map_err(|unread| HttpError::Unreadable(format!("byte {} is not known", unread.at)))
}

/// The text of a good answer.
async fn answer(asked: Result<JsFuture, JsValue>) -> Result<String, HttpError> {
    let (status, text) = told(asked).await.map_err(|_| HttpError::Unreachable)?;
    if (200..300).contains(&status) {
        return Ok(text);
    }
    // A development proxy answers for a relay that is not there.
    if matches!(status, 502 | 504) {
        return Err(HttpError::Unreachable);
    }
    let problem = Row::decode(&text).unwrap_or_default();
    Err(HttpError::Refused { status, detail: problem.detail })
}

/// Sends a request.
fn ask(url: &str, method: &str, body: Option<&str>) -> Result<JsFuture, JsValue> {
    let window = web_sys::window().ok_or(JsValue::NULL)?;
    let options = web_sys::RequestInit::new();
    options.set_method(method);
    if let Some(body) = body {
        let headers = js_sys::Object::new();
        js_sys::Reflect::set(&headers, &"Content-Type".into(), &"application/json".into())?;
        options.set_headers(&headers);
        options.set_body(&body.into());
    }
    // Not the promise: one that fails while nobody listens is an error in the console.
    Ok(window.fetch_with_str_and_init(url, &options).into())
}

/// Status and text of an answer; whatever the browser threw otherwise.
async fn told(asked: Result<JsFuture, JsValue>) -> Result<(u16, String), JsValue> {
    let answer: web_sys::Response = asked?.await?.dyn_into()?;
    let text = JsFuture::from(answer.text()?).await?;
    Ok((answer.status(), text.as_string().unwrap_or_default()))
}
