//! Prints live Binance events for a human: `cargo run --example binance -- BTCUSDT-PERP ETH/USDT`.
//!
//! A probe of the adapter alone: names are guessed, no snapshot is taken, so the book shows best prices only.
//! `BINANCE_WS_URL` points all three sockets elsewhere.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use relay::venues::binance::{Binance, Endpoints};
use relay::venues::{Frame, Instruments, RouteSpec, Stream, Venue};
use shared::event::Channel;
use shared::market::{Ms, Symbol};
use tokio_tungstenite::tungstenite::Message;

#[tokio::main]
async fn main() -> Result<()> {
    // A second call would fail; this is the first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut endpoints = Endpoints::default();
    if let Ok(base) = std::env::var("BINANCE_WS_URL") {
        (endpoints.usdm_public_ws, endpoints.usdm_market_ws) =
            (format!("{base}/public"), format!("{base}/market"));
        endpoints.spot_ws = base;
    }
    let venue: Arc<dyn Venue> = Arc::new(Binance::new(endpoints));
    let (mut instruments, mut streams) = (Instruments::default(), Vec::new());
    for text in std::env::args().skip(1) {
        let symbol: Symbol = text.parse()?;
        let named = venue.guess_name(&symbol);
        let (product, name) = named.with_context(|| format!("{symbol} is neither a perpetual nor a pair"))?;
        let instrument =
            venue.guess_instrument(product, &name).with_context(|| format!("what is {name}?"))?;
        streams.extend(venue.streams(&instrument, &Channel::OFFERED));
        instruments.insert(product, instrument);
    }
    if streams.is_empty() {
        bail!("name symbols, like BTCUSDT-PERP ETH/USDT");
    }
    let instruments = Arc::new(instruments);
    let mut lines = tokio::task::JoinSet::new();
    for route in venue.routes() {
        let mine: Vec<Stream> = streams.iter().filter(|s| s.route == route.name).cloned().collect();
        if !mine.is_empty() {
            lines.spawn(line(Arc::clone(&venue), route, mine, Arc::clone(&instruments)));
        }
    }
    while let Some(ended) = lines.join_next().await {
        ended??;
    }
    Ok(())
}

async fn line(
    venue: Arc<dyn Venue>,
    route: RouteSpec,
    streams: Vec<Stream>,
    all: Arc<Instruments>,
) -> Result<()> {
    let connected = tokio_tungstenite::connect_async(route.url.as_str()).await;
    let (mut socket, _) = connected.with_context(|| format!("connect to {}", route.url))?;
    for frame in venue.subscribe(&streams, &streams, 1) {
        socket.send(Message::text(frame)).await?;
    }
    let mut decoder = venue.clone().decoder(route.product);
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message? else { continue };
        let received = Ms(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64);
        match decoder.decode(&all, received, text.as_bytes()) {
            Ok(decoded) => match decoded.frame {
                Frame::Updates(updates) => updates.iter().for_each(|u| println!("{} {:?}", u.symbol, u.what)),
                other => println!("{} {other:?}", route.name),
            },
            Err(error) => eprintln!("{} {error}: {text}", route.name),
        }
    }
    bail!("{} was closed", route.name)
}
