//! Addresses of REST calls: built, and read back from recordings.

use std::fmt::Write as _;

/// `api.example.com` of `https://api.example.com/x`, port included.
pub(in crate::venues) fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

/// Builds an address.
pub(in crate::venues) struct Call {
    url: String,
    first: bool,
}

impl Call {
    pub(in crate::venues) fn new(base: &str, path: &str) -> Call {
        Call { url: format!("{}{path}", base.trim_end_matches('/')), first: true }
    }

    pub(in crate::venues) fn with(mut self, key: &str, value: impl std::fmt::Display) -> Call {
        let separator = if self.first { '?' } else { '&' };
        self.first = false;
        // Writing to a String cannot fail.
        let _ = write!(self.url, "{separator}{key}={}", percent_encode(&value.to_string()));
        self
    }

    /// The whole address.
    pub(in crate::venues) fn url(self) -> String {
        self.url
    }
}

/// Percent encoding of all but letters, digits and `-_.~`.
pub(in crate::venues) fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(byte as char);
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Undoes percent encoding; `None` where it is damaged.
pub(in crate::venues) fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let hex = [bytes.next()?, bytes.next()?];
            out.push(u8::from_str_radix(std::str::from_utf8(&hex).ok()?, 16).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

/// The parameters of a recorded call, from its address or from the query beside it.
pub(in crate::venues) struct Parameters<'a> {
    inline: &'a str,
    query: &'a str,
}

impl<'a> Parameters<'a> {
    /// The address without its query, and the parameters of both.
    pub(in crate::venues) fn of(url: &'a str, query: &'a str) -> (&'a str, Parameters<'a>) {
        let (address, inline) = url.split_once('?').unwrap_or((url, ""));
        (address, Parameters { inline, query })
    }

    /// A parameter, decoded.
    pub(in crate::venues) fn get(&self, key: &str) -> Option<String> {
        let pairs = self.inline.split('&').chain(self.query.split('&'));
        let value = pairs.filter_map(|pair| pair.split_once('=')).find(|(k, _)| *k == key)?.1;
        percent_decode(value)
    }

    /// A parameter that is a whole number, `default` where it is not there or none.
    pub(in crate::venues) fn number(&self, key: &str, default: i64) -> i64 {
        self.get(key).and_then(|v| v.parse().ok()).unwrap_or(default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_escaped_and_read_back() {
        let call = Call::new("https://api.example.com:8443/", "/v1/x").with("a", r#"["B T"]"#).with("n", 7);
        let url = call.url();
        assert_eq!(url, "https://api.example.com:8443/v1/x?a=%5B%22B%20T%22%5D&n=7");
        assert_eq!(host(&url), "api.example.com:8443");
        let (address, parameters) = Parameters::of(&url, "late=9&bad=%zz");
        assert_eq!(address, "https://api.example.com:8443/v1/x");
        assert_eq!(parameters.get("a").as_deref(), Some(r#"["B T"]"#));
        assert_eq!((parameters.number("n", 0), parameters.number("late", 0)), (7, 9));
        assert_eq!((parameters.number("bad", 3), parameters.get("none")), (3, None));
    }
}
