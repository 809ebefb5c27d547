//! One row of a file: values by column, what may be left out, and whether it can be.

use std::borrow::Cow;

use shared::event::{Bar, Body, Event};
use shared::market::{Calendar, Ms, Timeframe};

use super::{Series, interval};
use crate::store::Dataset;
use crate::store::archive::kinds;
use crate::store::row::{BadValue, COMMON, Column, Kind, Source};

/// A value of a file. `Null` also where the file lacks the column.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Value {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Flag(bool),
}

/// Columns of a dataset's files, those all have in common first.
pub(super) fn columns(dataset: Dataset) -> impl Iterator<Item = &'static Column> {
    COMMON.iter().chain(kinds::columns(dataset))
}

/// Whether a file may do without a column.
pub(super) fn may_lack(dataset: Dataset, column: &Column) -> bool {
    let given = ["symbol", "venue", "received"].contains(&column.name);
    let assumed = match dataset {
        Dataset::Bars(_) => ["interval", "origin", "revision", "closed"].as_slice(),
        Dataset::Funding => &["kind"],
        Dataset::Liquidations => &["value", "price_kind", "at_least"],
        Dataset::Oi | Dataset::Book | Dataset::Trades => &[],
    };
    given || column.nullable || assumed.contains(&column.name)
}

/// Reads a text as what its column holds.
pub(super) fn parse(column: &Column, text: &str) -> Result<Value, String> {
    let text = if column.kind == Kind::Text { text } else { text.trim() };
    let not = |what: &str| format!("`{}`: `{}` is not {what}", column.name, clip(text));
    if text.is_empty() {
        return Ok(Value::Null);
    }
    match column.kind {
        Kind::Int if column.unit == "ms" => {
            let at = Ms::parse(text).map_err(|e| format!("`{}`: {e}", column.name))?.at;
            // Ten digits are seconds of today, and milliseconds of January 1970.
            if text.bytes().all(|b| b.is_ascii_digit()) && (1_000_000_000..10_000_000_000).contains(&at.0) {
                return Err(format!("`{}`: `{text}` looks like seconds: use Unix milliseconds", column.name));
            }
            Ok(Value::Int(at.0))
        }
        Kind::Int => text.parse().map(Value::Int).map_err(|_| not("a whole number")),
        Kind::Real => text.parse().map(Value::Real).map_err(|_| not("a number")),
        Kind::Text => Ok(Value::Text(text.to_owned())),
        Kind::Flag => match text.to_ascii_lowercase().as_str() {
            "true" | "1" => Ok(Value::Flag(true)),
            "false" | "0" => Ok(Value::Flag(false)),
            _ => Err(not("true or false")),
        },
    }
}

/// Makes a row's event of its values, which stand in the order of [`columns`].
pub(super) fn event(series: &Series, values: &[Value], received: Ms) -> Result<Event, String> {
    let dataset = series.dataset;
    let at = |name: &str| columns(dataset).position(|c| c.name == name).and_then(|n| values.get(n));
    let venue = series.venue.as_ref().ok_or("an import needs a venue")?;
    for (name, wanted) in [("symbol", series.symbol.as_str()), ("venue", venue.as_str())] {
        if let Some(Value::Text(found)) = at(name)
            && found != wanted
        {
            return Err(format!("`{name}` is {}, not the {wanted} that was asked for", clip(found)));
        }
    }
    if let (Some(Value::Text(found)), Some(wanted)) = (at("interval"), interval(dataset))
        && found.parse() != Ok(wanted)
    {
        return Err(format!("`interval` is {}, not {wanted}: see --interval", clip(found)));
    }
    let mut row = Row { series, values, next: COMMON.len() };
    let time = |value: Option<&Value>| match value {
        Some(Value::Int(at)) => Some(Ms(*at)),
        _ => None,
    };
    let timestamp = time(at("timestamp")).ok_or("`timestamp` is missing")?;
    let received = time(at("received")).unwrap_or(received);
    let body = kinds::read(dataset, timestamp, &mut row).map_err(|e| row.blame(&e))?;
    let body = whole(body);
    possible(&body)?;
    Ok(Event { received, symbol: series.symbol.clone(), venue: venue.clone(), body })
}

/// Adds what follows from the rest.
fn whole(body: Body) -> Body {
    match body {
        Body::Funding(funding) if funding.funding_apr.is_none() => {
            Body::Funding(funding.with_interval(funding.interval_hours))
        }
        other => other,
    }
}

/// Whether such a row can be.
fn possible(body: &Body) -> Result<(), String> {
    let Body::Bar(bar) = body else { return Ok(()) };
    let Bar { open, high, low, close, volume, interval, timestamp, .. } = *bar;
    if low > open.min(close) || high < open.max(close) {
        return Err(format!("open {open}, high {high}, low {low}, close {close} are no bar"));
    }
    if volume < 0.0 {
        return Err(format!("`volume` is {volume}"));
    }
    // Longer bars may open with a session, whose calendar is not known here.
    let step = if interval.nominal() < Timeframe::H4.nominal() { interval } else { Timeframe::M1 };
    if Calendar::Continuous.open(step, timestamp) != timestamp {
        return Err(format!("`timestamp` {} is not where a {interval} bar opens", timestamp.0));
    }
    Ok(())
}

/// The values of the columns after the common ones.
struct Row<'a> {
    series: &'a Series,
    values: &'a [Value],
    next: usize,
}

impl Row<'_> {
    fn take(&mut self) -> Value {
        self.next += 1;
        match self.values.get(self.next - 1) {
            None | Some(Value::Null) => self.assumed().unwrap_or(Value::Null),
            Some(value) => value.clone(),
        }
    }

    fn column(&self) -> Option<&'static Column> {
        columns(self.series.dataset).nth(self.next.saturating_sub(1))
    }

    /// What a value that is not there counts as.
    fn assumed(&self) -> Option<Value> {
        let number = |name: &str| {
            let n = columns(self.series.dataset).position(|c| c.name == name)?;
            match self.values.get(n)? {
                Value::Real(value) => Some(*value),
                _ => None,
            }
        };
        let text = |text: &str| Some(Value::Text(text.to_owned()));
        match self.column()?.name {
            "interval" => text(interval(self.series.dataset)?.name()),
            "origin" => text("import"),
            "revision" => Some(Value::Int(0)),
            "closed" => Some(Value::Flag(true)),
            "kind" => text("settled"),
            "value" => Some(Value::Real(number("price")? * number("quantity")?)),
            "price_kind" => text("average"),
            "at_least" => Some(Value::Flag(false)),
            _ => None,
        }
    }

    /// Names the column that was read last.
    fn blame(&self, error: &BadValue) -> String {
        let Some(column) = self.column() else { return error.to_string() };
        let names = match (column.name, self.series.dataset) {
            ("origin", _) => ": use import, kline, trades or sim",
            ("kind", _) => ": use predicted or settled",
            ("side", Dataset::Liquidations) => ": use LONG or SHORT, the position that was closed",
            ("side", _) => ": use buy or sell",
            ("price_kind", _) => ": use average, bankruptcy or mark",
            ("interval", _) => ": use one of 1m 5m 15m 30m 1H 4H 1D 1W 1M",
            _ => "",
        };
        format!("`{}`: {error}{names}", column.name)
    }
}

impl Source for Row<'_> {
    type Error = BadValue;

    fn int(&mut self) -> Result<Option<i64>, BadValue> {
        match self.take() {
            Value::Null => Ok(None),
            Value::Int(value) => Ok(Some(value)),
            other => Err(unfit(&other)),
        }
    }

    fn real(&mut self) -> Result<Option<f64>, BadValue> {
        match self.take() {
            Value::Null => Ok(None),
            Value::Real(value) if value.is_finite() => Ok(Some(value)),
            other => Err(unfit(&other)),
        }
    }

    fn text(&mut self) -> Result<Option<Cow<'_, str>>, BadValue> {
        match self.take() {
            Value::Null => Ok(None),
            Value::Text(value) => Ok(Some(Cow::Owned(value))),
            other => Err(unfit(&other)),
        }
    }

    fn flag(&mut self) -> Result<Option<bool>, BadValue> {
        match self.take() {
            Value::Null => Ok(None),
            Value::Flag(value) => Ok(Some(value)),
            other => Err(unfit(&other)),
        }
    }
}

fn unfit(value: &Value) -> BadValue {
    BadValue::Unknown(match value {
        Value::Null => String::new(),
        Value::Int(value) => value.to_string(),
        Value::Real(value) => value.to_string(),
        Value::Text(value) => clip(value),
        Value::Flag(value) => value.to_string(),
    })
}

/// As much of a text as fits into a line.
pub(super) fn clip(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(40).collect()
}
