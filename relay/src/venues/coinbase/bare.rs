//! Answers found among recorded frames: most do not say whose they are.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::parse::{Context, read, trade, unlisted};
use super::{SPOT, symbol, wire};
use crate::venues::{Decoded, Frame, Update, VenueError, What};

fn ignored(kind: &'static str) -> Result<Decoded, VenueError> {
    Ok(Decoded::new(None, Frame::Ignored(kind)))
}

/// An array: candles, products or trades.
pub(super) fn rows(text: &str) -> Result<Decoded, VenueError> {
    if read::<Vec<IgnoredAny>>(text)?.is_empty() {
        ignored("rest_empty")
    } else if read::<Vec<symbol::Listing<'_>>>(text).is_ok() {
        ignored("instruments")
    } else if read::<Vec<(i64, f64, f64, f64, f64, f64)>>(text).is_ok() {
        ignored("rest_candles_unnamed")
    } else if read::<Vec<wire::Match<'_>>>(text).is_ok() {
        ignored("rest_trades_unnamed")
    } else {
        Err(VenueError::Malformed { detail: "an array of no known shape".into() })
    }
}

/// An object that is no frame.
pub(super) fn object(ctx: &Context<'_>, shape: &wire::Shape<'_>, text: &str) -> Result<Decoded, VenueError> {
    if shape.candles {
        ignored("rest_candles_unnamed")
    } else if shape.products {
        ignored("instruments")
    } else if shape.trades {
        trades(ctx, text)
    } else if shape.bids {
        ignored("depth_unnamed")
    } else if shape.trade_id {
        ignored("rest_ticker")
    } else if shape.volume_30day {
        ignored("rest_stats")
    } else if shape.epoch {
        ignored("rest_time")
    } else if shape.message {
        ignored("rest_error")
    } else {
        Err(VenueError::Malformed { detail: "an object of no known shape".into() })
    }
}

/// `{"trades":[{"trade_id":"995098663","product_id":"BTC-USD",..},..],"best_bid":"68923.66","best_ask":".."}`: these
/// name their product; newest first.
fn trades(ctx: &Context<'_>, text: &str) -> Result<Decoded, VenueError> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        trades: Vec<wire::Match<'a>>,
    }
    let mut body: Body<'_> = read(text)?;
    body.trades.sort_by_key(|x| x.trade_id);
    let (mut updates, mut strange) = (Vec::new(), Vec::new());
    for x in &body.trades {
        let Some(name) = &x.product_id else { continue };
        match ctx.instruments.get(SPOT, name.as_str()) {
            Some(i) => updates.push(Update { symbol: i.symbol.clone(), what: What::Trade(trade(x)?) }),
            None => strange.push(name.as_str()),
        }
    }
    if !strange.is_empty() {
        strange.dedup();
        return Ok(unlisted(None, strange));
    }
    if updates.is_empty() { ignored("rest_empty") } else { Ok(Decoded::new(None, Frame::Updates(updates))) }
}
