//! Parts of a REST surface: answers, parameters, rows.

use std::collections::HashMap;

use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

/// An answer ready to send.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
    pub headers: Vec<(&'static str, String)>,
}

impl Answer {
    /// An answer without headers of its own.
    pub fn plain(status: u16, body: impl Into<String>) -> Answer {
        Answer { status, body: body.into(), headers: Vec::new() }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = self.body.into_response();
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// The parameters of a query.
pub struct Query<'a>(HashMap<&'a str, String>);

/// A parameter that should be a whole number and is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoNumber;

impl<'a> Query<'a> {
    pub fn of(query: &'a str) -> Query<'a> {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        Query(pairs.map(|(key, value)| (key, unescape(value))).collect())
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// # Errors
    /// [`NoNumber`].
    pub fn number(&self, key: &str) -> Result<Option<i64>, NoNumber> {
        self.get(key).map(|text| text.parse().map_err(|_| NoNumber)).transpose()
    }
}

/// Undoes percent encoding.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
        match byte {
            b'%' => match (hex(rest.next()), hex(rest.next())) {
                (Some(high), Some(low)) => bytes.push((high * 16 + low) as u8),
                _ => bytes.push(b'?'),
            },
            b'+' => bytes.push(b' '),
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Keeps at most `limit` rows: the first ones when a start was asked for, else the last.
pub fn cut<T>(mut rows: Vec<T>, limit: usize, from_start: bool) -> Vec<T> {
    if from_start {
        rows.truncate(limit);
    } else if rows.len() > limit {
        rows.drain(..rows.len() - limit);
    }
    rows
}

/// A JSON list of texts that are JSON already.
pub fn list(rows: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", rows.into_iter().collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_unescaped_and_numbers_checked() {
        let query = Query::of("a=%5B%22x%22%5D&b=7&c=seven&d");
        assert_eq!(query.get("a"), Some(r#"["x"]"#));
        assert_eq!(
            (query.number("b"), query.number("c"), query.number("d")),
            (Ok(Some(7)), Err(NoNumber), Ok(None))
        );
    }

    #[test]
    fn rows_are_cut_at_the_end_that_was_not_asked_for() {
        assert_eq!((cut(vec![1, 2, 3], 2, true), cut(vec![1, 2, 3], 2, false)), (vec![1, 2], vec![2, 3]));
        assert_eq!(list(["1".to_owned(), "{}".to_owned()]), "[1,{}]");
    }
}
