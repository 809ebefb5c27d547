//! Query parameters, read one by one so that a mistake is answered by name.

use std::borrow::Cow;
use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use shared::market::{QueryTime, Symbol, Timeframe};

use super::ApiError;

/// The decoded query string. Parameters nobody asks for are ignored; one given twice is an error.
#[derive(Debug, Clone, Default)]
pub struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Params, Infallible> {
        Ok(Params::read(parts.uri.query().unwrap_or_default()))
    }
}

impl Params {
    pub fn read(query: &str) -> Params {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        Params(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(name), decode(value))
                })
                .collect(),
        )
    }

    /// The parameter's text; `None` when absent or empty.
    ///
    /// # Errors
    /// 400 when it is given twice.
    pub fn text(&self, name: &'static str) -> Result<Option<&str>, ApiError> {
        let mut values = self.0.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let value = values.next().filter(|v| !v.is_empty());
        if values.next().is_some() {
            return Err(ApiError::bad_request("repeated_parameter", format!("`{name}` is given twice")));
        }
        Ok(value)
    }

    /// Reads a parameter; the reader's message is prefixed with the name.
    ///
    /// # Errors
    /// 400 with `code`.
    pub fn parse<T>(
        &self,
        name: &'static str,
        code: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ApiError> {
        let text = self.text(name)?;
        text.map(|t| read(t).map_err(|e| ApiError::bad_request(code, format!("`{name}`: {e}")))).transpose()
    }

    /// The required `symbol`.
    ///
    /// # Errors
    /// 400 when missing or no symbol.
    pub fn symbol(&self) -> Result<Symbol, ApiError> {
        let symbol = self.parse("symbol", "invalid_symbol", |t| t.parse().map_err(|e| format!("{e}")))?;
        symbol.ok_or_else(|| {
            ApiError::bad_request("missing_symbol", "`symbol` is missing: like symbol=BTCUSDT-PERP")
        })
    }

    /// A timeframe under `name`.
    ///
    /// # Errors
    /// 400 when it is none of the nine.
    pub fn timeframe(&self, name: &'static str) -> Result<Option<Timeframe>, ApiError> {
        self.parse(name, "invalid_interval", |t| t.parse().map_err(|e| format!("{e}")))
    }

    /// A query time under `name`.
    ///
    /// # Errors
    /// 400 when it is no time.
    pub fn time(&self, name: &'static str) -> Result<Option<QueryTime>, ApiError> {
        self.parse(name, "invalid_time", |t| shared::market::Ms::parse(t).map_err(|e| e.to_string()))
    }

    /// A whole number of `[least, most]` under `name`.
    ///
    /// # Errors
    /// 400 when it is no number or out of range.
    pub fn number(&self, name: &'static str, least: u64, most: u64) -> Result<Option<u64>, ApiError> {
        self.parse(name, "invalid_number", |t| {
            let inside = t.parse().ok().filter(|n| (least..=most).contains(n));
            inside.ok_or_else(|| format!("`{}` is not a whole number from {least} to {most}", clip(t)))
        })
    }

    /// A comma list under `name`.
    ///
    /// # Errors
    /// 400 naming the item that cannot be read, or where there is none.
    pub fn list<T>(
        &self,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<Vec<T>>, ApiError> {
        self.parse(name, "invalid_list", |text| {
            let items: Vec<T> =
                text.split(',').filter(|s| !s.is_empty()).map(&read).collect::<Result<_, _>>()?;
            if items.is_empty() { Err("a list of nothing".into()) } else { Ok(items) }
        })
    }
}

impl Params {
    /// Adds a parameter that came otherwise than in the query string.
    pub fn add(&mut self, name: &str, value: String) {
        self.0.push((name.to_owned(), value));
    }

    /// The same parameters with one replaced, as a query string.
    pub fn with(&self, name: &str, value: &str) -> String {
        let others = self.0.iter().filter(|(n, _)| n != name).map(|(n, v)| (n.as_str(), v.as_str()));
        let pairs = others.chain([(name, value)]).map(|(n, v)| format!("{}={}", encode(n), encode(v)));
        pairs.collect::<Vec<_>>().join("&")
    }
}

fn encode(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// The first characters of what a user sent, for an error line.
pub fn clip(text: &str) -> Cow<'_, str> {
    if text.chars().count() > 40 { Cow::Owned(text.chars().take(40).collect()) } else { Cow::Borrowed(text) }
}

/// Percent-decodes; what is not UTF-8 becomes replacement characters, which no parameter accepts.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let hex = [rest.next(), rest.next()].map(|d| d.and_then(|d| (d as char).to_digit(16)));
                match hex {
                    [Some(high), Some(low)] => bytes.push((high * 16 + low) as u8),
                    _ => bytes.push(0xff),
                }
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_decode_and_name_themselves() {
        let p =
            Params::read("symbol=BTC%2FUSDT&interval=7m&limit=x&from=2025-01-31T10:00:00%2B01:00&a=1&a=2&e=");
        assert_eq!(p.symbol().map(|s| s.to_string()), Ok("BTC/USDT".into()));
        let code = |e: ApiError| (e.code, e.detail);
        let (c, detail) = p.timeframe("interval").map_err(code).unwrap_err();
        assert!(c == "invalid_interval" && detail.contains("interval") && detail.contains("7m"), "{detail}");
        let (c, detail) = p.number("limit", 1, 10).map_err(code).unwrap_err();
        assert!(c == "invalid_number" && detail.contains("`limit`"), "{detail}");
        assert_eq!(p.time("from").map(|t| t.map(|q| q.at.0)), Ok(Some(1_738_314_000_000)));
        assert_eq!(p.text("a").map_err(code).unwrap_err().0, "repeated_parameter");
        assert_eq!((p.text("e"), p.text("none")), (Ok(None), Ok(None)));
        assert!(Params::read("symbol=%00").symbol().is_err());
        assert!(Params::read("symbol=%zz%").symbol().is_err());
        assert!(Params::read("").symbol().is_err());
    }
}
