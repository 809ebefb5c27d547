//! Frames from clients.

use serde_json::{Map, Value};

use crate::event::{Channel, Cursor};
use crate::market::{Symbol, Timeframe, VenueId};

/// A control frame.
#[derive(Clone, PartialEq, Debug)]
pub enum ClientFrame {
    Subscribe(Subscribe),
    Unsubscribe(Unsubscribe),
    Ping { id: Option<Value> },
}

/// Additive and idempotent.
#[derive(Clone, PartialEq, Debug)]
pub struct Subscribe {
    pub id: Option<Value>,
    pub symbols: Vec<Symbol>,
    /// [`Channel::DEFAULT`] where the frame names none.
    pub channels: Vec<Channel>,
    /// Empty: every venue that lists the symbol. Guards and heat maps are of all whatever this says.
    pub venues: Vec<VenueId>,
    /// For bars and signals; `1m` where the frame names none.
    pub intervals: Vec<Timeframe>,
    /// Continue after this place instead of from snapshots. An unreadable cursor counts as expired.
    pub resume: Option<Cursor>,
}

/// Takes subscriptions back; empty lists mean all.
#[derive(Clone, PartialEq, Debug)]
pub struct Unsubscribe {
    pub id: Option<Value>,
    pub symbols: Vec<Symbol>,
    pub channels: Vec<Channel>,
    pub venues: Vec<VenueId>,
    pub intervals: Vec<Timeframe>,
}

/// What is wrong with a client's frame; goes back as an `error` frame.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ClientError {
    pub id: Option<Value>,
    /// Stable snake_case.
    pub code: &'static str,
    pub message: String,
}

impl ClientFrame {
    /// Reads one text frame.
    ///
    /// # Errors
    /// [`ClientError`] naming the field and what it takes.
    pub fn parse(text: &str) -> Result<ClientFrame, ClientError> {
        let fail = |code, message: String| ClientError { id: None, code, message };
        let value: Value =
            serde_json::from_str(text).map_err(|e| fail("invalid_json", format!("not JSON: {e}")))?;
        let Value::Object(fields) = value else {
            return Err(fail("invalid_frame", "a frame is a JSON object with `action`".into()));
        };
        let id = match fields.get("id") {
            None | Some(Value::Null) => None,
            Some(id @ (Value::Number(_) | Value::String(_))) => Some(id.clone()),
            Some(_) => return Err(fail("invalid_id", "`id` is a number or a string".into())),
        };
        Self::from_fields(&fields, id.clone()).map_err(|e| ClientError { id, ..e })
    }

    fn from_fields(fields: &Map<String, Value>, id: Option<Value>) -> Result<ClientFrame, ClientError> {
        let action = fields.get("action").and_then(Value::as_str);
        match action {
            Some("ping") => Ok(ClientFrame::Ping { id }),
            Some("subscribe") => {
                let symbols =
                    list(fields, "symbols", "invalid_symbol", |s| s.parse().map_err(|e| format!("{e}")))?;
                if symbols.is_empty() {
                    return Err(error("missing_symbols", "`symbols` needs at least one symbol".into()));
                }
                let channels = channels(fields)?;
                let intervals = intervals(fields)?;
                Ok(ClientFrame::Subscribe(Subscribe {
                    id,
                    symbols,
                    channels: if channels.is_empty() { Channel::DEFAULT.to_vec() } else { channels },
                    venues: venues(fields)?,
                    intervals: if intervals.is_empty() { vec![Timeframe::M1] } else { intervals },
                    resume: match fields.get("resume") {
                        None | Some(Value::Null) => None,
                        Some(Value::String(text)) => Some(text.parse().unwrap_or_default()),
                        Some(_) => return Err(error("invalid_resume", "`resume` is a cursor text".into())),
                    },
                }))
            }
            Some("unsubscribe") => Ok(ClientFrame::Unsubscribe(Unsubscribe {
                id,
                symbols: list(fields, "symbols", "invalid_symbol", |s| {
                    s.parse().map_err(|e| format!("{e}"))
                })?,
                channels: channels(fields)?,
                venues: venues(fields)?,
                intervals: intervals(fields)?,
            })),
            Some(other) => {
                let other: String = other.chars().take(40).collect();
                Err(error(
                    "unknown_action",
                    format!("unknown action `{other}`: use subscribe, unsubscribe or ping"),
                ))
            }
            None => {
                Err(error("unknown_action", "`action` is missing: use subscribe, unsubscribe or ping".into()))
            }
        }
    }
}

fn error(code: &'static str, message: String) -> ClientError {
    ClientError { id: None, code, message }
}

fn channels(fields: &Map<String, Value>) -> Result<Vec<Channel>, ClientError> {
    list(fields, "channels", "unknown_channel", |s| s.parse().map_err(|e| format!("{e}")))
}

fn intervals(fields: &Map<String, Value>) -> Result<Vec<Timeframe>, ClientError> {
    list(fields, "intervals", "unknown_interval", |s| s.parse().map_err(|e| format!("{e}")))
}

fn venues(fields: &Map<String, Value>) -> Result<Vec<VenueId>, ClientError> {
    list(fields, "venues", "unknown_venue", |s| Ok(VenueId::new(s)))
}

fn list<T>(
    fields: &Map<String, Value>,
    name: &'static str,
    code: &'static str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, ClientError> {
    let wrong = || error("invalid_field", format!("`{name}` is a list of texts"));
    match fields.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| {
                let text = item.as_str().ok_or_else(wrong)?;
                read(text).map_err(|message| error(code, format!("{name}: {message}")))
            })
            .collect(),
        Some(_) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscribe_fills_defaults() {
        let ClientFrame::Subscribe(s) =
            ClientFrame::parse(r#"{"action":"subscribe","id":1,"symbols":["BTCUSDT-PERP"]}"#).unwrap()
        else {
            panic!("not a subscribe");
        };
        assert_eq!(s.channels, Channel::DEFAULT);
        assert_eq!(s.intervals, [Timeframe::M1]);
        assert_eq!(s.id, Some(Value::from(1)));
        assert!(s.venues.is_empty() && s.resume.is_none());
    }

    #[test]
    fn every_channel_can_be_named_and_an_unknown_one_lists_them() {
        for channel in Channel::ALL {
            let text = format!(r#"{{"action":"subscribe","symbols":["A-PERP"],"channels":["{channel}"]}}"#);
            let Ok(ClientFrame::Subscribe(s)) = ClientFrame::parse(&text) else { panic!("{text}") };
            assert_eq!(s.channels, [channel]);
        }
        let bad = r#"{"action":"subscribe","symbols":["A-PERP"],"channels":["heat"]}"#;
        let message = ClientFrame::parse(bad).unwrap_err().message;
        let names = Channel::ALL.map(Channel::name).join(" ");
        assert!(message.ends_with(&names), "{message}");
    }

    #[test]
    fn bad_frames_name_the_field_and_keep_the_id() {
        let cases = [
            ("junk", "invalid_json", "JSON"),
            ("[1]", "invalid_frame", "action"),
            (r#"{"id":7}"#, "unknown_action", "action"),
            (r#"{"id":7,"action":"buy"}"#, "unknown_action", "buy"),
            (r#"{"id":7,"action":"subscribe"}"#, "missing_symbols", "symbols"),
            (r#"{"id":7,"action":"subscribe","symbols":["../x"]}"#, "invalid_symbol", "symbols"),
            (r#"{"id":7,"action":"subscribe","symbols":[1]}"#, "invalid_field", "symbols"),
            (
                r#"{"id":7,"action":"subscribe","symbols":["A-PERP"],"intervals":["7m"]}"#,
                "unknown_interval",
                "7m",
            ),
            (
                r#"{"id":7,"action":"subscribe","symbols":["A-PERP"],"channels":["x"]}"#,
                "unknown_channel",
                "channels",
            ),
        ];
        for (text, code, word) in cases {
            let e = ClientFrame::parse(text).unwrap_err();
            assert_eq!(e.code, code, "{text}");
            assert!(e.message.contains(word), "{}", e.message);
            if text.contains("\"id\"") {
                assert_eq!(e.id, Some(Value::from(7)));
            }
        }
    }
}
