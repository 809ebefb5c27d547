//! The JSON body of a request: an object of known fields, read like query parameters.

use axum::body::Body;
use axum::http::HeaderMap;
use serde_json::{Map, Value};

use crate::http::body::object;
use crate::http::error::ApiError;
use crate::http::params::{Params, clip};

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
        let like = format!("{{\"symbol\":\"BTCUSDT-PERP\",\"{own}\":..}}");
        let fields = object(headers, body, &like).await?;
        let invalid = |detail: String| ApiError::bad_request("invalid_body", detail);
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
