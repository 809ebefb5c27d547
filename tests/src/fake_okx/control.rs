//! Subscriptions: what may be asked for where, and the venue's answers.

use serde_json::{Value, json};

use super::market::venue_bucket;
use super::state::{Path, State, key};
use crate::fake::socket::Out;

/// Requests a connection may make in an hour, and bytes of the arguments of one.
const REQUESTS: u32 = 480;
const HOUR_MS: i64 = 3_600_000;
const ARGUMENTS: usize = 65_536;

/// Where a channel is served; `None` for one the venue does not have.
fn served(channel: &str) -> Option<Path> {
    if let Some(bar) = channel.strip_prefix("candle") {
        return venue_bucket(bar, 0).map(|_| Path::Business);
    }
    match channel {
        "trades" | "books" | "books5" | "bbo-tbt" | "tickers" | "mark-price" | "index-tickers"
        | "funding-rate" | "open-interest" | "liquidation-orders" | "instruments" => Some(Path::Public),
        _ => None,
    }
}

/// The error of a bad argument: its code and what is wrong.
type Wrong = (u32, String);

impl State {
    /// What an argument names: channel and instrument, index or kind of instrument.
    fn named(&self, path: Path, arg: &Value) -> Result<(String, String), Wrong> {
        let text = |field: &str| arg.get(field).and_then(Value::as_str).unwrap_or("");
        let channel = text("channel");
        let wrong = |of: &str| {
            (
                60018,
                format!(
                    "Wrong URL or channel:{channel},instId:{of} doesn't exist. Please use the correct URL, channel and parameters referring to API document."
                ),
            )
        };
        match (served(channel), path) {
            (None, _) if channel.ends_with("-l2-tbt") => {
                return Err((
                    64003,
                    "Your trading fee tier doesn't meet the requirement to access this channel".into(),
                ));
            }
            (None, _) => return Err(wrong(text("instId"))),
            (Some(Path::Business), Path::Public) => {
                return Err((64001, "This channel has been migrated to the '/business' URL. Please subscribe using the new URL.".into()));
            }
            (Some(Path::Public), Path::Business) => {
                return Err((64002, "This channel is not supported by '/business' URL. Please use '/public' or '/private' URLs".into()));
            }
            _ => {}
        }
        let id = text("instId");
        let listings = || self.markets.iter().map(|m| &m.listing);
        let known = match channel {
            "liquidation-orders" | "instruments" => {
                let kind = text("instType");
                let known = matches!(kind, "SWAP" | "FUTURES" | "MARGIN" | "OPTION")
                    || channel == "instruments" && kind == "SPOT";
                return if known { Ok((channel.into(), kind.into())) } else { Err(wrong(kind)) };
            }
            "index-tickers" => listings().any(|l| l.family() == id),
            "mark-price" | "funding-rate" | "open-interest" => {
                listings().any(|l| l.inst_id == id && l.swap())
            }
            _ => listings().any(|l| l.inst_id == id),
        };
        if known { Ok((channel.into(), id.into())) } else { Err(wrong(id)) }
    }

    /// Takes a client's text and queues every answer, first data included.
    pub fn control(&mut self, connection: u64, text: &str, now: i64) {
        self.counts.frames_in += 1;
        let Some((path, name)) = self.connections.get(&connection).map(|c| (c.path, c.name.clone())) else {
            return;
        };
        if text == "ping" {
            self.counts.pings += 1;
            self.answer(connection, "pong".into());
            return;
        }
        let Ok(frame) = serde_json::from_str::<Value>(text) else {
            return self.refuse(connection, 60012, &format!("Invalid request: {text}"), None);
        };
        let id = frame.get("id").and_then(Value::as_str);
        let sound = id.is_none_or(|id| id.len() <= 32 && id.bytes().all(|b| b.is_ascii_alphanumeric()));
        if !sound || frame.get("id").is_some_and(|id| !id.is_string()) {
            return self.refuse(connection, 60033, "Parameter id error", None);
        }
        let op = frame.get("op").and_then(Value::as_str).unwrap_or("");
        if !matches!(op, "subscribe" | "unsubscribe") {
            return self.refuse(connection, 60019, &format!("Invalid op: {op}"), id);
        }
        if !self.windows.admit(format!("requests {name}"), REQUESTS, HOUR_MS, now) {
            self.violation(format!("more than {REQUESTS} requests an hour on {name}"));
            return self.refuse(connection, 60014, "Requests too frequent", id);
        }
        let Some(args) = frame.get("args").and_then(Value::as_array).filter(|args| !args.is_empty()) else {
            return self.refuse(connection, 60013, "Invalid args", id);
        };
        if args.iter().map(|a| a.to_string().len()).sum::<usize>() > ARGUMENTS {
            self.violation(format!("arguments above {ARGUMENTS} bytes on {name}"));
            return self.refuse(connection, 60013, "Invalid args", id);
        }
        for arg in args {
            match self.named(path, arg) {
                Err((code, message)) => self.refuse(connection, code, &message, id),
                Ok((channel, of)) => self.change(connection, op, arg, (&channel, &of), id, now),
            }
        }
    }

    fn change(
        &mut self,
        connection: u64,
        op: &str,
        arg: &Value,
        (channel, of): (&str, &str),
        id: Option<&str>,
        now: i64,
    ) {
        let key = key(channel, of);
        let Some(held) = self.connections.get_mut(&connection) else { return };
        let mut ack = json!({"event": op, "arg": arg, "connId": held.name});
        if let Some(id) = id {
            ack["id"] = id.into();
        }
        if op == "unsubscribe" {
            held.held.remove(&key);
            *self.counts.unsubscribed.entry(key).or_default() += 1;
            return self.answer(connection, ack.to_string());
        }
        held.held.insert(key.clone());
        let nth = self.counts.subscribed.entry(key.clone()).or_default();
        *nth += 1;
        self.faults.muted.subscribed(&key);
        // Data overtakes the ack now and then; of candles it always does.
        if channel.starts_with("candle") {
            self.begin(connection, channel, of, now);
            self.answer(connection, ack.to_string());
        } else {
            self.answer(connection, ack.to_string());
            self.begin(connection, channel, of, now);
        }
    }

    fn answer(&self, connection: u64, text: String) {
        if let Some(connection) = self.connections.get(&connection) {
            // A socket that has just ended is taken off by its own task.
            drop(connection.out.send(Out::Text(text)));
        }
    }

    /// Sends an error event; the socket stays open.
    pub fn refuse(&mut self, connection: u64, code: u32, message: &str, id: Option<&str>) {
        *self.counts.errors.entry(code).or_default() += 1;
        let name = self.connections.get(&connection).map(|c| c.name.clone());
        let mut event = json!({"event": "error", "code": code.to_string(), "msg": message, "connId": name});
        if let Some(id) = id {
            event["id"] = id.into();
        }
        self.answer(connection, event.to_string());
    }
}
