//! `application/problem+json`: every HTTP error in one form.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::store::StoreError;

/// What a client is told: a status, a stable snake_case code, and one line that names the parameter and the fix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiError {
    #[serde(serialize_with = "as_number")]
    pub status: StatusCode,
    pub code: &'static str,
    pub detail: String,
    /// Seconds after which to try again.
    #[serde(skip)]
    pub retry_after: Option<u64>,
}

fn as_number<S: serde::Serializer>(status: &StatusCode, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_u16(status.as_u16())
}

impl ApiError {
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> ApiError {
        ApiError { status, code, detail: detail.into(), retry_after: None }
    }

    /// The same with the seconds after which to try again.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> ApiError {
        ApiError { retry_after: Some(seconds), ..self }
    }

    /// 400 for a parameter: `code` like `invalid_interval`, `detail` naming the parameter.
    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 404 for something that does not exist.
    pub fn not_found(code: &'static str, detail: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, code, detail)
    }
}

impl ApiError {
    /// The response, with further members (an object) in its body.
    pub fn with(self, members: &serde_json::Value) -> Response {
        let (status, retry_after) = (self.status, self.retry_after);
        let mut body = serde_json::to_value(self).unwrap_or_default();
        if let (Some(body), Some(members)) = (body.as_object_mut(), members.as_object()) {
            body.extend(members.clone());
        }
        let mut response = (status, Json(body)).into_response();
        let problem = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, problem);
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::PAYLOAD_TOO_LARGE {
            // The rest of the body is not read, so nothing can follow it: who is not told sends the next request here.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl From<StoreError> for ApiError {
    /// The cause stays in the log: paths and SQL are nobody's business outside.
    fn from(error: StoreError) -> ApiError {
        tracing::warn!(%error, "the store failed a request");
        ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "store_unavailable",
            "the store cannot answer now: try again",
        )
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.with(&serde_json::Value::Null)
    }
}
