//! The page's state in its address: `?symbol=&venue=&venues=&tf=&from=&to=&panes=&theme=`.

use shared::market::{Ms, Symbol, Timeframe};

use crate::settings::{Pane, Theme};

/// What an address says; everything is optional and what cannot be read counts as absent.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct UrlState {
    pub symbol: Option<Symbol>,
    pub venue: Option<String>,
    /// Venues compared in the panes and the table; all of the group where absent.
    pub venues: Option<Vec<String>>,
    pub timeframe: Option<Timeframe>,
    /// Start of the wanted view, and its end.
    pub from: Option<Ms>,
    pub to: Option<Ms>,
    /// `Some(vec![])` is an explicit "none".
    pub panes: Option<Vec<Pane>>,
    pub theme: Option<Theme>,
}

impl UrlState {
    /// Reads a query string, with or without its `?`.
    pub fn parse(query: &str) -> UrlState {
        let mut state = UrlState::default();
        for pair in query.trim_start_matches('?').split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode(value);
            match key {
                "symbol" => state.symbol = value.parse().ok(),
                "venue" => state.venue = Some(value).filter(|v| !v.is_empty()),
                "venues" => {
                    state.venues =
                        Some(value.split(',').map(str::to_owned).filter(|v| !v.is_empty()).collect());
                }
                "tf" => state.timeframe = value.parse().ok(),
                "from" => state.from = Ms::parse(&value).ok().map(|t| t.at),
                "to" => {
                    // A day named as the end is included.
                    state.to =
                        Ms::parse(&value).ok().map(|t| if t.whole_day { t.at + Ms::DAY } else { t.at });
                }
                "panes" => {
                    // One that is named twice stands where it was named first.
                    let mut panes: Vec<Pane> = Vec::new();
                    for pane in value.split(',').filter_map(Pane::parse) {
                        if !panes.contains(&pane) {
                            panes.push(pane);
                        }
                    }
                    state.panes = Some(panes);
                }
                "theme" => state.theme = Theme::parse(&value),
                _ => {}
            }
        }
        // No stretch that could be shown.
        if state.from.zip(state.to).is_some_and(|(from, to)| from >= to) {
            (state.from, state.to) = (None, None);
        }
        state
    }

    /// The query string with its `?`; empty where nothing is set.
    pub fn to_query(&self) -> String {
        let mut parts = Vec::new();
        let mut push = |key: &str, value: String| parts.push(format!("{key}={}", encode(&value)));
        if let Some(symbol) = &self.symbol {
            push("symbol", symbol.to_string());
        }
        if let Some(venue) = &self.venue {
            push("venue", venue.clone());
        }
        if let Some(venues) = &self.venues {
            push("venues", venues.join(","));
        }
        if let Some(tf) = self.timeframe {
            push("tf", tf.name().into());
        }
        if let Some(from) = self.from {
            push("from", from.0.to_string());
        }
        if let Some(to) = self.to {
            push("to", to.0.to_string());
        }
        if let Some(panes) = &self.panes {
            push("panes", panes.iter().map(|p| p.name()).collect::<Vec<_>>().join(","));
        }
        if let Some(theme) = self.theme {
            push("theme", theme.name().into());
        }
        if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
    }
}

/// Percent-encodes a query value; commas, slashes and colons stay readable.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~,/:!".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Undoes percent-encoding; damaged escapes stay as they are.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escape = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (byte, escape) {
            (b'%', Some(value)) => {
                out.push(value);
                at += 3;
            }
            (b'+', _) => {
                out.push(b' ');
                at += 1;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_round_trip() {
        let state = UrlState {
            symbol: "BTC/USDT".parse().ok(),
            venue: Some("sim".into()),
            venues: Some(vec!["sim".into(), "sim-b".into()]),
            timeframe: Some(Timeframe::Mo1),
            from: Some(Ms(1_700_000_000_000)),
            to: Some(Ms(1_700_086_400_000)),
            panes: Some(vec![Pane::Oi, Pane::Liq]),
            theme: Some(Theme::Light),
        };
        let query = state.to_query();
        assert_eq!(
            query,
            "?symbol=BTC/USDT&venue=sim&venues=sim,sim-b&tf=1M&from=1700000000000&to=1700086400000&panes=oi,liq&theme=light"
        );
        assert_eq!(UrlState::parse(&query), state);
        assert_eq!(UrlState::default().to_query(), "");
        let coin = UrlState { symbol: "币安人生USDT-PERP".parse().ok(), ..UrlState::default() };
        assert_eq!(UrlState::parse(&coin.to_query()), coin);
    }

    #[test]
    fn what_cannot_be_read_is_absent() {
        let state = UrlState::parse(
            "?symbol=..%2F..%2Fetc&tf=7m&from=soon&panes=oi,nonsense,price,oi&theme=pink&x=1&%zz",
        );
        assert_eq!(state, UrlState { panes: Some(vec![Pane::Oi]), ..UrlState::default() });
        assert_eq!(UrlState::parse("panes=").panes, Some(vec![]));
        assert_eq!(UrlState::parse("symbol=BTC%2FUSDT").symbol, "BTC/USDT".parse().ok());
        assert_eq!(UrlState::parse("symbol=%E5%B8USDT").symbol.map(|s| s.to_string()), None);
    }

    #[test]
    fn the_element_refuses_none_of_our_names() {
        let element = include_str!("embed/element.js");
        assert!(element.contains(&format!("['{}']", Pane::ALL.map(Pane::name).join("', '"))));
        let [first @ .., last] = &Timeframe::ALL.map(|tf| tf.name());
        assert!(element.contains(&format!("'{} or {last}'", first.join(", "))));
    }

    #[test]
    fn an_end_day_is_included() {
        let state = UrlState::parse("from=2025-01-31&to=2025-01-31");
        assert_eq!(state.from, Some(Ms(1_738_281_600_000)));
        assert_eq!(state.to, Some(Ms(1_738_368_000_000)));
        assert_eq!(UrlState::parse("from=2025-01-31&to=2025-01-30"), UrlState::default(), "from is after to");
    }
}
