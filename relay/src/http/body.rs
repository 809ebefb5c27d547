//! The JSON object a request carries, and its fields one by one, so that a mistake is answered by name.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value};

use super::error::ApiError;
use super::params::clip;

/// Longest body.
const MOST_BYTES: usize = 256 * 1024;

/// Reads the body of a request as an object; `like` shows one.
///
/// # Errors
/// 415 where it is not said to be JSON, 413 where it is too long, 400 where it is no object.
pub(super) async fn object(
    headers: &HeaderMap,
    body: Body,
    like: &str,
) -> Result<Map<String, Value>, ApiError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let detail =
            format!("the body is JSON: send `Content-Type: application/json` instead of `{}`", clip(kind));
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail));
    }
    let bytes = to_bytes(body, MOST_BYTES).await.map_err(|_| {
        let detail = format!("a body has at most {MOST_BYTES} bytes and arrives whole");
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    })?;
    let invalid = |detail: String| ApiError::bad_request("invalid_body", detail);
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(invalid(format!("the body is an object, like {like}"))),
        Err(error) => Err(invalid(format!("the body is no JSON: {error}"))),
    }
}
