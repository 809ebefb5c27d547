//! What is computed of bars: `/api/indicators`, `/api/signals`.
//!
//! A row per closed bar; the forming bar has none, because its numbers are not final. Everything is computed from
//! the start of the range: a later page runs through the bars before it once more and says what one long answer
//! would have said.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use serde_json::Value;
use shared::event::{Bar, Channel};
use shared::market::{Ms, Timeframe};
use shared::maths::indicators::{Indicator, IndicatorSet};
use shared::maths::signals::{Strategy, Verdict, strategy};

use super::ApiState;
use super::candles::{freshness, interval};
use super::fields::Fields;
use super::history::finish;
use super::query::{Format, MAX_ROWS, Range};
use super::table::{Cell, Row, Table, answer_table};
use crate::directory::JoinedMarket;
use crate::history::BarsQuery;
use crate::http::error::ApiError;
use crate::http::params::Params;

/// Most indicators of one request.
const MOST_INDICATORS: usize = 50;
/// Bars read at a time.
const CHUNK: usize = MAX_ROWS;
/// The newest bars that may not have closed yet: the forming one, and one that waits for its last trades.
const OPEN_BARS: usize = 2;
/// More minutes than a day has.
const DAY_ROWS: usize = 2_000;

const INDICATORS: &str = "indicators";
const STRATEGY: &str = "strategy_id";

/// Indicators over a range of bars.
pub(super) async fn indicators(
    State(state): State<ApiState>,
    uri: Uri,
    headers: HeaderMap,
    query: Params,
    body: Body,
) -> Result<Response, ApiError> {
    let fields = Fields::read(&headers, query.clone(), body, INDICATORS).await?;
    let indicators = named(fields.own(INDICATORS))?;
    let mut asked = Asked::read(&state, &fields.params).await?;
    let mut set = IndicatorSet::new(&indicators);
    if indicators.contains(&Indicator::Vwap) {
        for bar in asked.day_before(&state).await? {
            set.push_earlier(&bar);
        }
    }
    let mut rows = asked.rows(&state, |bar| (bar.timestamp, set.push(bar).to_vec())).await?;
    let next = asked.range.page(&mut rows, |row| row.0);
    let mut names = vec!["timestamp".to_owned()];
    names.extend(IndicatorSet::columns(&indicators));
    asked.answer(&state, (&uri, &query), next, Values { names, rows }).await
}

/// What a strategy says of each bar of a range.
pub(super) async fn signals(
    State(state): State<ApiState>,
    uri: Uri,
    headers: HeaderMap,
    query: Params,
    body: Body,
) -> Result<Response, ApiError> {
    let fields = Fields::read(&headers, query.clone(), body, STRATEGY).await?;
    let mut strategy = wanted(fields.own(STRATEGY))?;
    let mut asked = Asked::read(&state, &fields.params).await?;
    let strategy_id = strategy.id();
    let row = |bar: &Bar| SignalRow::new(bar.timestamp, strategy.push(bar), strategy_id);
    let mut rows = asked.rows(&state, row).await?;
    let next = asked.range.page(&mut rows, |row| row.timestamp);
    asked.answer(&state, (&uri, &query), next, rows).await
}

/// The list of indicators, each once.
fn named(list: Option<&Value>) -> Result<Vec<Indicator>, ApiError> {
    let bad = |code, detail: String| Err(ApiError::bad_request(code, format!("`{INDICATORS}`: {detail}")));
    let example = "a list of names like [\"ema_20\",\"rsi_14\"]";
    let Some(list) = list else { return bad("missing_indicators", format!("missing: {example}")) };
    let Some(list) = list.as_array().filter(|list| !list.is_empty()) else {
        return bad("invalid_indicators", example.to_owned());
    };
    if list.len() > MOST_INDICATORS {
        return bad("too_many_indicators", format!("{} are more than {MOST_INDICATORS}", list.len()));
    }
    let mut indicators = Vec::with_capacity(list.len());
    for item in list {
        let Some(name) = item.as_str() else { return bad("invalid_indicators", example.to_owned()) };
        match name.parse::<Indicator>() {
            Ok(indicator) if indicators.contains(&indicator) => {}
            Ok(indicator) => indicators.push(indicator),
            Err(e) => return bad("invalid_indicators", e.to_string()),
        }
    }
    Ok(indicators)
}

fn wanted(id: Option<&Value>) -> Result<Box<dyn Strategy>, ApiError> {
    let Some(id) = id else {
        let detail = format!("`{STRATEGY}` is missing: like \"ema_crossover_rsi\"");
        return Err(ApiError::bad_request("missing_strategy", detail));
    };
    let Some(id) = id.as_str() else {
        return Err(ApiError::bad_request("invalid_body", format!("`{STRATEGY}`: a text")));
    };
    strategy(id).map_err(|e| ApiError::bad_request("unknown_strategy", format!("`{STRATEGY}`: {e}")))
}

/// Which bars a request computes on and which rows of that it is to see.
struct Asked {
    query: BarsQuery,
    /// Where it is of all venues.
    market: Option<JoinedMarket>,
    range: Range,
    format: Format,
    incomplete: Option<String>,
}

impl Asked {
    async fn read(state: &ApiState, params: &Params) -> Result<Asked, ApiError> {
        state.lookup.resolve(&params.symbol()?).await;
        let market = state.joined(params)?.map(|market| market.with(Channel::Bar));
        let instrument = state.reference(params)?;
        let timeframe = interval(params)?;
        let range = Range::read(params)?;
        let format = Format::read(params)?;
        let from = params.time("from")?;
        if from.is_none() && !range.newest {
            let detail = "`cursor`: goes with the `from` of the request it came from";
            return Err(ApiError::bad_request("invalid_cursor", detail));
        }
        let from = from.map_or(Ms::ZERO, |time| time.at);
        let limit = if range.newest { range.limit + OPEN_BARS } else { CHUNK };
        let newest = range.newest;
        let query = BarsQuery { instrument, timeframe, from, to: range.to, limit, newest, base: false };
        let mut asked = Asked { query, market, range, format, incomplete: None };
        if newest {
            // The newest rows are computed from the first of them.
            let bars = asked.closed(state, &asked.query.clone()).await?.0;
            let first = bars.iter().rev().take(range.limit).next_back();
            asked.query.from = first.map_or(asked.query.from, |bar| bar.timestamp);
        }
        Ok(asked)
    }

    /// The closed bars of a query, and where to read on if there may be more.
    async fn closed(
        &mut self,
        state: &ApiState,
        query: &BarsQuery,
    ) -> Result<(Vec<Bar>, Option<Ms>), ApiError> {
        let (mut bars, incomplete): (Vec<Bar>, _) = match &self.market {
            Some(market) => {
                let found = state.history.joined(market, query).await?;
                (found.candles.into_iter().map(|c| c.joined.bar).collect(), found.incomplete)
            }
            None => {
                let found = state.history.candles(query).await?;
                (found.candles.into_iter().map(|c| c.bar).collect(), found.incomplete)
            }
        };
        self.incomplete = self.incomplete.take().or(incomplete);
        let full = bars.len() >= query.limit;
        let last = bars.last().filter(|_| full).map(|bar| bar.timestamp);
        bars.retain(|bar| bar.closed);
        Ok((bars, last.map(|last| query.instrument.calendar.next(query.timeframe, last))))
    }

    /// The bars between 00:00 UTC and the first of the range.
    async fn day_before(&mut self, state: &ApiState) -> Result<Vec<Bar>, ApiError> {
        let to = self.query.from;
        let from = to.floor(Ms::DAY);
        if from == to || self.query.timeframe >= Timeframe::D1 {
            return Ok(Vec::new());
        }
        let query = BarsQuery { from, to, limit: DAY_ROWS, newest: false, ..self.query.clone() };
        Ok(self.closed(state, &query).await?.0)
    }

    /// A row of each closed bar from where this page begins, as many as it takes to cut the page out; `compute`
    /// gets every bar from the start of the range.
    async fn rows<T>(
        &mut self,
        state: &ApiState,
        mut compute: impl FnMut(&Bar) -> T,
    ) -> Result<Vec<T>, ApiError> {
        let first = if self.range.newest { self.query.from } else { self.range.from };
        let enough = self.range.reading();
        let mut query = BarsQuery { newest: false, ..self.query.clone() };
        let mut rows = Vec::new();
        loop {
            let (bars, further) = self.closed(state, &query).await?;
            for bar in &bars {
                let row = compute(bar);
                if bar.timestamp >= first {
                    rows.push(row);
                }
                if rows.len() == enough {
                    return Ok(rows);
                }
            }
            let Some(further) = further else { return Ok(rows) };
            query.from = further;
            query.limit = CHUNK;
            tokio::task::yield_now().await;
        }
    }

    async fn answer(
        self,
        state: &ApiState,
        (uri, query): (&Uri, &Params),
        next: Option<String>,
        table: impl Table,
    ) -> Result<Response, ApiError> {
        let freshness = freshness(state, &self.query, &self.range, self.incomplete.is_some());
        // Conditions are for reading; to a POST an answer is always given.
        let response = answer_table(table, self.format, freshness).await;
        Ok(finish(response, uri, query, next, self.incomplete))
    }
}

/// A time and some numbers per row.
struct Values {
    names: Vec<String>,
    rows: Vec<(Ms, Vec<Option<f64>>)>,
}

impl Table for Values {
    fn fields(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }

    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn cell(&self, row: usize, field: usize) -> Cell<'_> {
        match (self.rows.get(row), field.checked_sub(1)) {
            (None, _) => Cell::Absent,
            (Some((timestamp, _)), None) => Cell::Int(timestamp.0),
            (Some((_, values)), Some(n)) => Cell::maybe_number(values.get(n).copied().flatten()),
        }
    }
}

/// What a strategy says of one bar, with the fields of a signal frame.
pub(super) struct SignalRow {
    timestamp: Ms,
    action: &'static str,
    confidence: f64,
    strategy_id: &'static str,
    metadata: String,
}

impl SignalRow {
    fn new(timestamp: Ms, verdict: Verdict, strategy_id: &'static str) -> SignalRow {
        let metadata = Value::Object(verdict.metadata()).to_string();
        SignalRow { timestamp, action: verdict.name(), confidence: verdict.confidence, strategy_id, metadata }
    }
}

impl Row for SignalRow {
    const FIELDS: &'static [&'static str] = &["timestamp", "action", "confidence", "strategy_id", "metadata"];

    fn cell(&self, field: usize) -> Cell<'_> {
        match field {
            0 => Cell::Int(self.timestamp.0),
            1 => Cell::Text(self.action),
            2 => Cell::Number(self.confidence),
            3 => Cell::Text(self.strategy_id),
            _ => Cell::Json(&self.metadata),
        }
    }
}
