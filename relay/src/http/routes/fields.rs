//! The JSON body of a request: an object of known fields, read like query parameters.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value};

use crate::http::error::ApiError;
use crate::http::params::{Params, clip};

/// Longest body.
const MOST_BYTES: usize = 256 * 1024;
/// Fields that say which bars and how to write what is made of them.
const OF_BARS: [&str; 9] =
    ["symbol", "interval", "timeframe", "from", "to", "venue", "limit", "cursor", "format"];

/// A body's fields: those that query strings have too are [`Params`], together with those that came in one.
pub(super) struct Fields {
    pub(super) params: Params,
    own: Map<String, Value>,
}

impl Fields {
    /// Reads a body that may have, besides what bars are asked for by, one field called `own`. A null counts as
    /// not given; a field in both body and query string is given twice.
    ///
    /// # Errors
    /// 415 where it is not said to be JSON, 413 where it is too long, 400 naming the field.
    pub(super) async fn read(
        headers: &HeaderMap,
        mut params: Params,
        body: Body,
        own: &'static str,
    ) -> Result<Fields, ApiError> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            let detail = format!(
                "the body is JSON: send `Content-Type: application/json` instead of `{}`",
                clip(kind)
            );
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail));
        }
        let bytes = to_bytes(body, MOST_BYTES).await.map_err(|_| {
            let detail = format!("a body has at most {MOST_BYTES} bytes and arrives whole");
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
        })?;
        let invalid = |detail: String| ApiError::bad_request("invalid_body", detail);
        let value =
            serde_json::from_slice(&bytes).map_err(|e| invalid(format!("the body is no JSON: {e}")))?;
        let Value::Object(fields) = value else {
            return Err(invalid(format!(
                "the body is an object, like {{\"symbol\":\"BTCUSDT-PERP\",\"{own}\":..}}"
            )));
        };
        let mut rest = Map::new();
        for (name, value) in fields {
            let known = OF_BARS.into_iter().find(|known| *known == name);
            match (known, value) {
                (_, Value::Null) => {}
                (Some(name), Value::String(text)) => params.add(name, text),
                (Some(name @ ("from" | "to" | "limit")), Value::Number(n)) => params.add(name, n.to_string()),
                (Some(name @ ("from" | "to" | "limit")), _) => {
                    return Err(invalid(format!("`{name}`: a number or a text")));
                }
                (Some(name), _) => return Err(invalid(format!("`{name}`: a text"))),
                (None, value) if name == own => drop(rest.insert(name, value)),
                (None, _) => {
                    let detail =
                        format!("`{}`: no such field; there are {}, {own}", clip(&name), OF_BARS.join(", "));
                    return Err(ApiError::bad_request("unknown_field", detail));
                }
            }
        }
        Ok(Fields { params, own: rest })
    }

    /// The field `name` beyond those of bars; `None` where it was not given.
    pub(super) fn own(&self, name: &str) -> Option<&Value> {
        self.own.get(name)
    }
}
