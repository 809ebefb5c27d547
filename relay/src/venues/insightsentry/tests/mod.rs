//! Golden cases over frames and answers written by hand, and what the venue says of itself.

mod captures;
mod frames;
mod rest;

use std::sync::Arc;

use secrecy::SecretString;
use shared::market::{Calendar, Instrument, Ms};

use super::InsightSentry;
use crate::config::{BaseUrls, Licence};
use crate::venues::{Fetch, Fetched, Instruments, Venue};

/// A key that must never be seen.
const CANARY: &str = "canary-7f3a9c55d1e24b60";

/// Our clock behind the vendor's by a quarter of a second.
const RECEIVED: Ms = Ms(1_790_000_050_000);

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../fixtures/", $name, ".json")).trim()
    };
}
use fixture;

fn licensed(licence: Licence) -> Arc<InsightSentry> {
    let key = Some(SecretString::from(CANARY));
    let licence = Licence { key: licence.key.or(key), ..licence };
    Arc::new(InsightSentry::new(&BaseUrls { licence, ..BaseUrls::default() }))
}

fn venue() -> Arc<InsightSentry> {
    licensed(Licence::default())
}

/// The one instrument of a session answer.
fn listed(body: &str) -> Instrument {
    let fetch = Fetch::Instruments { product: super::LIVE, venue_symbols: Vec::new(), cursor: None };
    match venue().parse_rest(&fetch, RECEIVED, body.as_bytes()).unwrap() {
        Fetched::Instruments { mut listed, next: None } if listed.len() == 1 => listed.remove(0),
        other => panic!("{other:?}"),
    }
}

fn instruments() -> Instruments {
    let mut all = Instruments::default();
    all.insert(super::LIVE, listed(fixture!("session_future")));
    let share = Instrument { calendar: Calendar::Continuous, ..super::symbol::guess("NASDAQ:AAPL").unwrap() };
    all.insert(super::LIVE, share);
    all
}
