//! Funding of venue `all`: every member's own, and their means.

use axum::response::Response;
use shared::event::{Body, Channel, Event, Funding, FundingKind, OpenInterest};
use shared::market::{Ms, Symbol};
use shared::maths::joined::{MAX_AGE, Members, funding as rates, open_interest as held};

use super::{Page, SETTLED_AGE, WEIGHTS, With, all_row, of_members, open_interest_of, read_all, text};
use crate::directory::JoinedMarket;
use crate::http::error::ApiError;
use crate::http::routes::history::Request;
use crate::http::routes::rows::EventRow;
use crate::store::Dataset;

/// More rows than [`SETTLED_AGE`] holds of a member.
const BEFORE: usize = 5_000;

/// Members' funding and the means, per hour: weighted by open interest where that is known of all.
pub(in crate::http::routes) async fn funding(
    request: Request,
    market: &JoinedMarket,
    row: impl Fn(Event) -> Option<EventRow<Funding>>,
) -> Result<Response, ApiError> {
    let market = market.with(Channel::Funding);
    let page = Page::read(request, &market, Dataset::Funding).await?;
    let before = page.before(&market, Dataset::Funding, SETTLED_AGE, BEFORE).await?;
    let rows = of_members(&market.members, before.iter().chain(&page.events), |e| {
        if let Body::Funding(funding) = e.body { Some(funding) } else { None }
    });
    let (from, to) = page.span;
    let weights = read_all(&page.state, &market, (Dataset::Oi, (from - MAX_AGE, to), WEIGHTS, true)).await?;
    let weights = of_members(&market.members, &weights, open_interest_of);
    let mut joined = Vec::new();
    for kind in [FundingKind::Predicted, FundingKind::Settled] {
        let mut weights = Weights::new(&market.members, &weights);
        let means = rates::series(&market.members, &rows, kind, page.span, page.step, |at| weights.at(at));
        joined.extend(means.iter().map(|mean| funding_row(&market.symbol, mean)));
    }
    joined.sort_by_key(|row| row.row.received);
    Ok(page.answer(joined, row).await)
}

fn funding_row(symbol: &Symbol, joined: &rates::JoinedFunding) -> With<EventRow<Funding>> {
    let basis = joined.weighted.unwrap_or(joined.mean);
    let body = Funding {
        timestamp: joined.timestamp,
        kind: joined.kind,
        funding_rate: basis.hourly,
        next_funding_time: None,
        interval_hours: Some(1.0),
        funding_apr: Some(basis.apr),
        mark_price: None,
        index_price: None,
    };
    let more = vec![
        text(&joined.weighted.is_some()),
        text(&joined.mean.hourly),
        text(&joined.members),
        text(&joined.missing),
    ];
    With { row: all_row(symbol, joined.timestamp, body), more }
}

/// Open interest of each member at instants asked for ascending.
struct Weights<'a> {
    rows: std::iter::Peekable<std::vec::IntoIter<(usize, &'a OpenInterest)>>,
    join: held::OiJoin,
    members: usize,
}

impl<'a> Weights<'a> {
    fn new(members: &Members, rows: &'a [Vec<OpenInterest>]) -> Weights<'a> {
        let mut all: Vec<(usize, &OpenInterest)> =
            rows.iter().enumerate().flat_map(|(n, rows)| rows.iter().map(move |row| (n, row))).collect();
        all.sort_by_key(|(_, row)| row.timestamp);
        let join = held::OiJoin::new(members, MAX_AGE);
        Weights { rows: all.into_iter().peekable(), join, members: members.len() }
    }

    fn at(&mut self, at: Ms) -> Vec<Option<f64>> {
        while let Some((n, row)) = self.rows.next_if(|(_, row)| row.timestamp <= at) {
            self.join.push(n, row);
        }
        (0..self.members).map(|n| self.join.of(n, at).map(|oi| oi.open_interest)).collect()
    }
}
