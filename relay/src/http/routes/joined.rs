//! Venue `all`: rows joined over the members of the symbol's group.
//!
//! Bars come joined alone. Of the other series come every member's own rows, and between them rows of venue `all`
//! for the span that those cover: sums and means on a grid (`interval`, 5 minutes by default). Only members' rows
//! count towards the limit.

mod funding;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use futures_util::future::join_all;
use serde::Serialize;
use shared::event::{Body, Channel, Event, Funding, Liquidation, LiquidationSide, OpenInterest, PriceKind};
use shared::market::{Instrument, Ms, Symbol, Timeframe, VenueId};
use shared::maths::joined::liquidations::{Sides, Tally};
use shared::maths::joined::{MAX_AGE, Members, liquidations as deaths, open_interest as held};

pub(super) use self::funding::funding;
use super::ApiState;
use super::candles::freshness;
use super::history::{Request, finish, past};
use super::query::{Format, Range};
use super::rows::{BarRow, CandleRow, EventRow};
use super::table::{Cell, Row, answer};
use crate::directory::JoinedMarket;
use crate::history::{BarsQuery, Candle, JoinedCandle};
use crate::http::error::ApiError;
use crate::http::params::Params;
use crate::store::{Dataset, Query, StoreError};

/// A payment may be that old and still stand, in a mean of what was paid.
const SETTLED_AGE: Ms = Ms(9 * Ms::HOUR.0);
/// Rows of open interest read as weights, a member.
const WEIGHTS: usize = 50_000;

/// A row with what a joined one says beyond it, as JSON; a member's own row leaves it out.
pub(super) struct With<R> {
    row: R,
    more: Vec<Option<String>>,
}

const fn joined_fields<const N: usize>(own: &[&'static str], more: &[&'static str]) -> [&'static str; N] {
    let mut all = [""; N];
    let mut n = 0;
    while n < N {
        all[n] = if n < own.len() { own[n] } else { more[n - own.len()] };
        n += 1;
    }
    all
}

macro_rules! with {
    ($row:ty, $more:expr) => {
        impl Row for With<$row> {
            const FIELDS: &'static [&'static str] =
                &joined_fields::<{ <$row>::FIELDS.len() + $more.len() }>(<$row>::FIELDS, &$more);

            fn cell(&self, field: usize) -> Cell<'_> {
                match field.checked_sub(<$row>::FIELDS.len()) {
                    None => self.row.cell(field),
                    Some(n) => self.more.get(n).and_then(Option::as_deref).map_or(Cell::Absent, Cell::Json),
                }
            }
        }
    };
}

with!(CandleRow, ["by_venue", "marks"]);
with!(BarRow, ["by_venue", "marks"]);
with!(EventRow<OpenInterest>, ["by_venue", "missing", "unvalued"]);
with!(EventRow<Funding>, ["weighted", "mean_hourly", "members", "missing"]);
with!(EventRow<Liquidation>, ["count", "by_venue"]);

fn text(value: &impl Serialize) -> Option<String> {
    serde_json::to_string(value).ok()
}

/// The joined market as an instrument: the asked symbol at venue `all`, and else the reference.
pub(super) fn face(market: &JoinedMarket, reference: &Instrument) -> Arc<Instrument> {
    Arc::new(Instrument { symbol: market.symbol.clone(), venue: VenueId::all(), ..reference.clone() })
}

pub(super) fn bar_row<R>(
    face: &Arc<Instrument>,
    candle: JoinedCandle,
    row: impl Fn(Arc<Instrument>, Candle) -> R,
) -> With<R> {
    let JoinedCandle { joined, received } = candle;
    let marks = if joined.marks.is_empty() { None } else { text(&joined.marks) };
    let row = row(face.clone(), Candle { bar: joined.bar, received });
    With { row, more: vec![text(&joined.by_venue), marks] }
}

/// Joined bars, each a row of `row` with the venues' parts.
pub(super) async fn bars<R>(
    state: &ApiState,
    uri: &Uri,
    params: &Params,
    (market, query, range, format): (&JoinedMarket, BarsQuery, Range, Format),
    row: impl Fn(Arc<Instrument>, Candle) -> R,
) -> Result<Response, ApiError>
where
    With<R>: Row,
{
    let found = state.history.joined(&market.with(Channel::Bar), &query).await?;
    let (mut candles, incomplete) = (found.candles, found.incomplete);
    let next = range.page(&mut candles, |c| c.joined.bar.timestamp);
    let freshness = freshness(state, &query, &range, incomplete.is_some());
    let face = face(market, &query.instrument);
    let rows = candles.into_iter().map(|c| bar_row(&face, c, &row)).collect();
    Ok(finish(answer(rows, format, freshness).await, uri, params, next, incomplete))
}

/// Members' open interest and the sums.
pub(super) async fn open_interest(
    request: Request,
    market: &JoinedMarket,
    row: impl Fn(Event) -> Option<EventRow<OpenInterest>>,
) -> Result<Response, ApiError> {
    let market = market.with(Channel::Oi);
    let page = Page::read(request, &market, Dataset::Oi).await?;
    let before = page.before(&market, Dataset::Oi, MAX_AGE, 1).await?;
    let rows = of_members(&market.members, before.iter().chain(&page.events), open_interest_of);
    let sums = held::series(&market.members, &rows, page.span, page.step, MAX_AGE);
    let joined = sums.iter().map(|sum| oi_row(&market.symbol, sum)).collect();
    Ok(page.answer(joined, row).await)
}

pub(super) fn open_interest_of(event: &Event) -> Option<OpenInterest> {
    if let Body::Oi(oi) = event.body { Some(oi) } else { None }
}

fn oi_row(symbol: &Symbol, sum: &held::JoinedOi) -> With<EventRow<OpenInterest>> {
    let body = OpenInterest {
        timestamp: sum.timestamp,
        open_interest: sum.open_interest,
        open_interest_value: sum.open_interest_value,
    };
    let row = all_row(symbol, sum.timestamp, body);
    With { row, more: vec![text(&sum.by_venue), text(&sum.missing), text(&sum.unvalued)] }
}

/// Members' liquidations, and what died per side in each stretch of the grid.
pub(super) async fn liquidations(
    request: Request,
    market: &JoinedMarket,
    row: impl Fn(Event) -> Option<EventRow<Liquidation>>,
) -> Result<Response, ApiError> {
    let market = market.with(Channel::Liquidation);
    let page = Page::read(request, &market, Dataset::Liquidations).await?;
    // Stretches are whole: they end after a page's last row.
    let (from, to) = page.span;
    let read = (Dataset::Liquidations, (from, to + page.step), WEIGHTS, false);
    let rows = of_members(&market.members, &read_all(&page.state, &market, read).await?, |e| {
        if let Body::Liquidation(hit) = e.body { Some(hit) } else { None }
    });
    let stretches = deaths::series(&market.members, &rows, page.step);
    let inside = stretches.iter().filter(|s| from <= s.timestamp && s.timestamp < to);
    let joined = inside.flat_map(|stretch| side_rows(&market.symbol, stretch)).collect();
    Ok(page.answer(joined, row).await)
}

/// What one venue adds to a side of a stretch.
#[derive(Serialize)]
struct Part {
    #[serde(flatten)]
    tally: Tally,
    at_least: bool,
}

type Side = (LiquidationSide, fn(&Sides) -> Tally);

fn side_rows(symbol: &Symbol, stretch: &deaths::Stretch) -> Vec<With<EventRow<Liquidation>>> {
    let sides: [Side; 2] = [(LiquidationSide::Long, |s| s.long), (LiquidationSide::Short, |s| s.short)];
    let row = |(side, of): Side| {
        let tally = of(&stretch.sum);
        let parts = stretch.by_venue.iter().filter(|(_, sides)| of(sides).count > 0);
        let part = |s: &Sides| Part { tally: of(s), at_least: s.at_least };
        let by_venue: BTreeMap<&VenueId, Part> = parts.map(|(venue, sides)| (venue, part(sides))).collect();
        let body = Liquidation {
            timestamp: stretch.timestamp,
            side,
            quantity: tally.quantity,
            price: tally.value / tally.quantity,
            value: tally.value,
            price_kind: PriceKind::Average,
            at_least: by_venue.values().any(|part| part.at_least),
        };
        (tally.count > 0).then(|| With {
            row: all_row(symbol, stretch.timestamp, body),
            more: vec![text(&tally.count), text(&by_venue)],
        })
    };
    sides.into_iter().filter_map(row).collect()
}

fn all_row<T>(symbol: &Symbol, timestamp: Ms, body: T) -> EventRow<T> {
    EventRow { received: timestamp, symbol: symbol.clone(), venue: VenueId::all(), body }
}

/// Members' rows of one page, and what joined rows go with them.
struct Page {
    state: ApiState,
    uri: Uri,
    params: Params,
    format: Format,
    to: Ms,
    /// Rows of the page's first instant that are not among its own.
    edge: Vec<Event>,
    events: Vec<Event>,
    next: Option<String>,
    /// Joined rows stand in `[from, to)`.
    span: (Ms, Ms),
    step: Ms,
}

impl Page {
    async fn read(
        (State(state), uri, params): Request,
        market: &JoinedMarket,
        dataset: Dataset,
    ) -> Result<Page, ApiError> {
        let range = Range::read(&params)?;
        let format = Format::read(&params)?;
        let step = step(&params)?;
        let Range { from, to, newest, .. } = range;
        let mut events = read_all(&state, market, (dataset, (from, to), range.reading(), newest)).await?;
        events.drain(..if newest { events.len().saturating_sub(range.limit) } else { 0 });
        events.truncate(range.reading());
        let given = events.iter().take(range.skip).take_while(|e| e.timestamp() == from).count();
        let after = events.get(given + range.limit).map(Event::timestamp);
        let next = range.page(&mut events, Event::timestamp);
        let (first, last) = (events.first().map(Event::timestamp), events.last().map(Event::timestamp));
        // An instant's joined row stands on the page that has the last of its members' rows.
        let begun = given > 0 && first != Some(from);
        let start = if newest { first.unwrap_or(to) } else { from + Ms(begun.into()) };
        let end = match last.filter(|_| next.is_some()) {
            Some(last) => last + Ms((after != Some(last)).into()),
            None => to.min(state.history.now() + Ms(1)),
        };
        // Long before anything was said there is nothing to join.
        let start = start.max(first.unwrap_or(end) - SETTLED_AGE).min(end);
        // Rows of its first instant that are on the page before, or on none.
        let edge = match first.filter(|first| *first == start) {
            Some(first) => {
                let here = |e: &&Event| e.timestamp() == first;
                let shown = events.iter().take_while(here).count();
                let whole =
                    read_all(&state, market, (dataset, (first, first + Ms(1)), WEIGHTS, false)).await?;
                let missing = whole.len().saturating_sub(shown);
                whole.into_iter().take(missing).collect()
            }
            None => Vec::new(),
        };
        Ok(Page { state, uri, params, format, to, edge, events, next, span: (start, end), step })
    }

    /// What the members said last before the page's own rows, as far as that may still stand in its span.
    async fn before(
        &self,
        market: &JoinedMarket,
        dataset: Dataset,
        age: Ms,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let from = self.span.0;
        let mut rows = read_all(&self.state, market, (dataset, (from - age, from), limit, true)).await?;
        rows.extend(self.edge.iter().cloned());
        Ok(rows)
    }

    /// Members' rows with the joined ones between them, which stand before those of the same instant.
    async fn answer<R>(
        self,
        joined: Vec<With<EventRow<R>>>,
        row: impl Fn(Event) -> Option<EventRow<R>>,
    ) -> Response
    where
        With<EventRow<R>>: Row,
    {
        let mut rows: Vec<(Ms, With<EventRow<R>>)> =
            joined.into_iter().map(|j| (j.row.received, j)).collect();
        for event in self.events {
            let at = event.timestamp();
            rows.extend(row(event).map(|row| (at, With { row, more: Vec::new() })));
        }
        rows.sort_by_key(|(at, _)| *at);
        let rows = rows.into_iter().map(|(_, row)| row).collect();
        let response = answer(rows, self.format, past(&self.state, self.to)).await;
        finish(response, &self.uri, &self.params, self.next, None)
    }
}

/// Rows of every member, ordered by (timestamp, venue, symbol).
pub(super) async fn read_all(
    state: &ApiState,
    market: &JoinedMarket,
    (dataset, (from, to), limit, newest): (Dataset, (Ms, Ms), usize, bool),
) -> Result<Vec<Event>, StoreError> {
    let of = |i: &Arc<Instrument>| {
        let (symbol, venue) = (i.symbol.clone(), Some(i.venue.clone()));
        state.store.read(Query { dataset, symbol, venue, from, to, limit, newest })
    };
    let mut events = Vec::new();
    for rows in join_all(market.instruments.iter().map(of)).await {
        events.append(&mut rows?);
    }
    // Stable: what one member said at one instant keeps its order.
    events.sort_by(|a, b| {
        let key = |e: &Event| (e.timestamp(), e.venue.clone(), e.symbol.clone());
        key(a).cmp(&key(b))
    });
    Ok(events)
}

/// Each member's own, in member order.
pub(super) fn of_members<'a, T>(
    members: &Members,
    events: impl IntoIterator<Item = &'a Event>,
    pick: impl Fn(&Event) -> Option<T>,
) -> Vec<Vec<T>> {
    let mut lists: Vec<Vec<T>> = members.list().iter().map(|_| Vec::new()).collect();
    for event in events {
        let own =
            |m: &shared::maths::joined::Member| m.name.symbol == event.symbol && m.name.venue == event.venue;
        let place = members.list().iter().position(own);
        if let (Some(list), Some(row)) = (place.and_then(|n| lists.get_mut(n)), pick(event)) {
            list.push(row);
        }
    }
    lists
}

/// The grid of joined rows: `interval`, up to a day.
pub(super) fn step(params: &Params) -> Result<Ms, ApiError> {
    let interval = params.timeframe("interval")?.unwrap_or(Timeframe::M5);
    if interval > Timeframe::D1 {
        let detail = format!("`interval`: {interval} is no grid: use one of 1m 5m 15m 30m 1H 4H 1D");
        return Err(ApiError::bad_request("invalid_interval", detail));
    }
    Ok(interval.nominal())
}
