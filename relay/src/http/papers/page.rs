//! `/docs`: the description as a page. Its script reads what the relay says of itself; nothing comes from elsewhere.

use axum::extract::Path;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};

use super::super::ApiError;

const PAGE: &str = include_str!("docs.html");
const SCRIPT: &str = include_str!("docs.js");
const STYLE: &str = include_str!("docs.css");

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) async fn page() -> Response {
    answer("text/html; charset=utf-8", PAGE)
}

pub(super) async fn part(Path(file): Path<String>) -> Result<Response, ApiError> {
    match file.as_str() {
        "docs.js" => Ok(answer("text/javascript; charset=utf-8", SCRIPT)),
        "docs.css" => Ok(answer("text/css; charset=utf-8", STYLE)),
        _ => Err(ApiError::not_found("no_such_file", "`file` is docs.js or docs.css")),
    }
}

fn answer(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    (headers, text).into_response()
}
