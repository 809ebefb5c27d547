//! Frames of the other public stack, Advanced Trade, as recordings hold them: the same books and trades in another
//! wrapping.

use serde::Deserialize;
use serde::de::IgnoredAny;
use shared::event::{Bar, Origin};
use shared::market::{Ms, Timeframe};

use super::parse::{Context, Frames, iso, read, sides, top, trade, unlisted};
use super::{SPOT, wire};
use crate::venues::common::number::{Num, Text};
use crate::venues::{Decoded, DepthSnapshot, Frame, Update, VenueError, What};

/// `{"channel":"l2_data","client_id":"","timestamp":"2026-04-07T14:30:00.123456Z","sequence_num":0,"events":[..]}`
#[derive(Deserialize)]
struct Envelope<'a, E> {
    #[serde(borrow)]
    timestamp: Text<'a>,
    events: Vec<E>,
}

/// One event: the lists its channel has, of one or several products.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    product_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    trades: Vec<wire::Match<'a>>,
    #[serde(borrow, default)]
    tickers: Vec<wire::Ticker<'a>>,
    #[serde(borrow, default)]
    candles: Vec<Candle<'a>>,
    #[serde(borrow, default)]
    updates: Vec<Change<'a>>,
}

/// `{"side":"offer","event_time":"..","price_level":"68901.00","new_quantity":"0.5"}`
#[derive(Deserialize)]
struct Change<'a> {
    #[serde(borrow)]
    side: Text<'a>,
    #[serde(borrow)]
    price_level: Num<'a>,
    #[serde(borrow)]
    new_quantity: Num<'a>,
}

/// `{"start":"1775521800","high":"68950.00","low":"68850.00","open":"68900.00","close":"68920.50","volume":"42.15",
/// "product_id":"BTC-USD"}`: seconds of the open; answers do not name the product.
#[derive(Deserialize)]
pub(super) struct Candle<'a> {
    #[serde(borrow)]
    start: Num<'a>,
    #[serde(borrow)]
    high: Num<'a>,
    #[serde(borrow)]
    low: Num<'a>,
    #[serde(borrow)]
    open: Num<'a>,
    #[serde(borrow)]
    close: Num<'a>,
    #[serde(borrow)]
    volume: Num<'a>,
    #[serde(borrow)]
    product_id: Option<Text<'a>>,
}

impl Candle<'_> {
    /// The bar, as forming.
    pub(super) fn bar(&self, interval: Timeframe) -> Result<Bar, VenueError> {
        let values = [self.low, self.high, self.open, self.close];
        bar(self.start.get("start")? as i64, values, self.volume, interval)
    }
}

/// A forming bar of low, high, open and close, as both stacks order them.
pub(super) fn bar(
    seconds: i64,
    [low, high, open, close]: [Num<'_>; 4],
    volume: Num<'_>,
    interval: Timeframe,
) -> Result<Bar, VenueError> {
    let timestamp = Ms(seconds.saturating_mul(1_000));
    let bar = Bar {
        open: open.price("open")?,
        high: high.price("high")?,
        low: low.price("low")?,
        close: close.price("close")?,
        volume: volume.quantity("volume")?,
        // Nobody says who was the aggressor, nor how often.
        buy_volume: None,
        sell_volume: None,
        trades: None,
        ..Bar::flat(timestamp, interval, 0.0, Origin::Kline)
    };
    if bar.is_plausible() {
        return Ok(bar);
    }
    let detail = format!("at {seconds} s: o {} h {} l {} c {}", bar.open, bar.high, bar.low, bar.close);
    Err(VenueError::Field { field: "candle", detail })
}

/// Decodes a frame of `channel`.
pub(super) fn frame(
    state: &mut Frames,
    ctx: &Context<'_>,
    channel: &str,
    text: &str,
) -> Result<Decoded, VenueError> {
    let ignored = |kind| {
        read::<IgnoredAny>(text)?;
        Ok(Decoded::new(None, Frame::Ignored(kind)))
    };
    match channel {
        "market_trades" | "ticker" | "ticker_batch" | "candles" | "l2_data" => {}
        "subscriptions" => {
            read::<IgnoredAny>(text)?;
            return Ok(Decoded::new(None, Frame::Ack { id: None }));
        }
        "heartbeats" => return ignored("heartbeats"),
        "status" => return ignored("status"),
        "user" | "futures_balance_summary" => return ignored("user_data"),
        _ => return ignored("unknown_channel"),
    }
    let envelope: Envelope<'_, Event<'_>> = read(text)?;
    let at = iso("timestamp", envelope.timestamp.as_str())?;
    let strange: Vec<&str> =
        envelope.events.iter().flat_map(names).filter(|n| ctx.instruments.get(SPOT, n).is_none()).collect();
    if !strange.is_empty() {
        return Ok(unlisted(None, strange));
    }
    let mut updates = Vec::new();
    for event in &envelope.events {
        let mut add = |name: Option<&Text<'_>>, what: What| {
            let instrument = name.and_then(|name| ctx.instruments.get(SPOT, name.as_str()));
            updates.extend(instrument.map(|i| Update { symbol: i.symbol.clone(), what }));
        };
        let whole = event.kind.as_str() == "snapshot";
        if whole {
            // Trades from before the subscription, newest first: the newest tells where the numbering stands.
            for x in newest_of_each(&event.trades) {
                let timestamp = iso("time", x.time.as_str())?;
                add(x.product_id.as_ref(), What::LastTrade { timestamp, sequence: x.trade_id.0 });
            }
        } else {
            let mut trades: Vec<&wire::Match<'_>> = event.trades.iter().collect();
            trades.sort_by_key(|x| x.trade_id);
            for x in trades {
                add(x.product_id.as_ref(), What::Trade(trade(x)?));
            }
        }
        for x in &event.tickers {
            if let Some(top) = top(x, at)? {
                add(Some(&x.product_id), What::Top(top));
            }
        }
        let mut candles: Vec<&Candle<'_>> = event.candles.iter().collect();
        candles.reverse();
        for x in candles {
            let Some(i) = x.product_id.as_ref().and_then(|n| ctx.instruments.get(SPOT, n.as_str())) else {
                continue;
            };
            let bar = x.bar(Timeframe::M5)?;
            let before = state.forming.insert(i.symbol.clone(), bar);
            if let Some(before) = before.filter(|before| before.timestamp < bar.timestamp) {
                add(x.product_id.as_ref(), What::Kline(Bar { closed: true, ..before }));
            }
            add(x.product_id.as_ref(), What::Kline(bar));
        }
        if channel == "l2_data" {
            let changes = event.updates.iter().map(|x| (x.side.as_str(), x.price_level, x.new_quantity));
            let (bids, asks) = sides(changes)?;
            let diff = state.diff(at, bids, asks);
            let what = if whole {
                let (timestamp, last_id) = (diff.timestamp, diff.last_id);
                What::Snapshot(DepthSnapshot { timestamp, last_id, bids: diff.bids, asks: diff.asks })
            } else {
                What::Diff(diff)
            };
            add(event.product_id.as_ref(), what);
        }
    }
    let frame = if updates.is_empty() { Frame::Ignored("no_news") } else { Frame::Updates(updates) };
    Ok(Decoded::new(None, frame))
}

/// The products an event speaks of.
fn names<'a>(event: &'a Event<'_>) -> impl Iterator<Item = &'a str> {
    let trades = event.trades.iter().filter_map(|x| x.product_id.as_ref());
    let candles = event.candles.iter().filter_map(|x| x.product_id.as_ref());
    let tickers = event.tickers.iter().map(|x| &x.product_id);
    event.product_id.iter().chain(trades).chain(candles).chain(tickers).map(Text::as_str)
}

fn newest_of_each<'a, 'b>(trades: &'a [wire::Match<'b>]) -> Vec<&'a wire::Match<'b>> {
    let mut newest: Vec<&wire::Match<'b>> = Vec::new();
    for x in trades {
        match newest.iter_mut().find(|known| known.product_id == x.product_id) {
            Some(known) if known.trade_id < x.trade_id => *known = x,
            Some(_) => {}
            None => newest.push(x),
        }
    }
    newest
}
