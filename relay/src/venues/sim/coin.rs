//! What is traded in the simulated market.

use shared::event::Channel;
use shared::market::{Calendar, Group, Instrument, Kind, Ms, Symbol, VenueId};

use super::Place;

/// One market's character. Steps are given as their inverse, a power of ten, because dividing by it gives
/// the double nearest to the decimal price.
#[derive(Clone, Debug)]
pub(super) struct Coin {
    pub(super) symbol: Symbol,
    pub(super) base: &'static str,
    pub(super) quote: &'static str,
    pub(super) kind: Kind,
    pub(super) calendar: Calendar,
    /// Which random path; spot shares its perpetual's.
    pub(super) path: i64,
    /// The price it moves around.
    pub(super) centre: f64,
    /// Scale of a calm minute's move, as a fraction.
    pub(super) volatility: f64,
    /// How much of the whole market's move it takes, 0 to 1.
    pub(super) correlation: f64,
    pub(super) inverse_tick: f64,
    pub(super) inverse_step: f64,
    /// Usual distance of best bid and ask, in ticks.
    pub(super) spread_ticks: i64,
    /// Mean number of trades in a minute.
    pub(super) trades_per_minute: f64,
    /// Quote currency of a small trade.
    pub(super) trade_usd: f64,
    /// Usual quote currency within 10 bps of mid, per side.
    pub(super) depth_usd: f64,
    /// Usual open interest in coins; 0 for spot.
    pub(super) open_interest: f64,
    /// Widens premium and with it funding.
    pub(super) premium: f64,
    /// Time between two funding payments.
    pub(super) funding_interval: Ms,
    /// Whether forced closes are told.
    pub(super) liquidations: bool,
    /// How far the price stands from that of the first venue, as a fraction: usually, and at most beside it.
    pub(super) basis: f64,
    pub(super) wander: f64,
}

impl Coin {
    pub(super) fn is_perp(&self) -> bool {
        self.kind == Kind::Perp
    }

    pub(super) fn tick_size(&self) -> f64 {
        1.0 / self.inverse_tick
    }

    /// Whether it goes on around the clock.
    pub(super) fn is_continuous(&self) -> bool {
        self.calendar == Calendar::Continuous
    }

    pub(super) fn instrument(&self, venue: VenueId) -> Instrument {
        let mut channels = vec![Channel::Bar, Channel::Trade, Channel::Book];
        if self.is_perp() {
            channels.extend([Channel::Oi, Channel::Funding]);
        }
        if self.liquidations {
            channels.push(Channel::Liquidation);
        }
        Instrument {
            symbol: self.symbol.clone(),
            venue,
            venue_symbol: self.symbol.as_str().to_owned(),
            group: Group::new(self.base, self.kind),
            kind: self.kind,
            base: self.base.to_owned(),
            quote: self.quote.to_owned(),
            tick_size: self.tick_size(),
            step_size: 1.0 / self.inverse_step,
            multiplier: 1.0,
            channels,
            calendar: self.calendar.clone(),
        }
    }
}

fn symbol(text: &str) -> Symbol {
    text.parse().expect("a constant that is a symbol")
}

/// What a venue lists, in its order.
pub(super) fn coins(place: Place) -> Vec<Coin> {
    let [btc, eth, sol, spot, pepe, future] = first();
    match place {
        Place::Sim => vec![btc, eth, sol, spot, pepe, future],
        Place::SimB => {
            // The same coin against another dollar, a little dearer.
            let btc = Coin { symbol: symbol("BTCUSDC-PERP"), quote: "USDC", ..sibling(btc, 0.45, 0.000_4) };
            vec![btc, sibling(eth, 0.55, 0.000_1), sibling(sol, 0.5, 0.000_2), sibling(spot, 0.4, 0.000_15)]
        }
        Place::SimC => {
            [sibling(btc, 0.3, -0.000_2), sibling(eth, 0.25, -0.000_3), sibling(sol, 0.4, -0.000_25)]
                .map(|coin| Coin { funding_interval: Ms::HOUR, liquidations: false, ..coin })
                .into()
        }
    }
}

/// The same market elsewhere: `share` of the trade, at a distance.
fn sibling(coin: Coin, share: f64, basis: f64) -> Coin {
    Coin {
        trades_per_minute: coin.trades_per_minute * share,
        depth_usd: coin.depth_usd * share,
        open_interest: coin.open_interest * share,
        basis,
        wander: 0.000_35,
        ..coin
    }
}

/// The first venue's markets: three large perpetuals, a spot pair, a coin with prices near 1e-5, and an index future
/// that trades by session.
fn first() -> [Coin; 6] {
    let btc = Coin {
        symbol: symbol("BTCUSDT-PERP"),
        base: "BTC",
        quote: "USDT",
        kind: Kind::Perp,
        calendar: Calendar::Continuous,
        path: 1,
        centre: 74_000.0,
        volatility: 0.000_4,
        correlation: 0.98,
        inverse_tick: 10.0,
        inverse_step: 1_000.0,
        spread_ticks: 1,
        trades_per_minute: 120.0,
        trade_usd: 900.0,
        depth_usd: 9e6,
        open_interest: 82_000.0,
        premium: 1.0,
        funding_interval: Ms(8 * Ms::HOUR.0),
        liquidations: true,
        basis: 0.0,
        wander: 0.0,
    };
    let eth = Coin {
        symbol: symbol("ETHUSDT-PERP"),
        base: "ETH",
        path: 2,
        centre: 3_100.0,
        volatility: 0.000_5,
        correlation: 0.85,
        inverse_tick: 100.0,
        trades_per_minute: 80.0,
        trade_usd: 600.0,
        depth_usd: 6e6,
        open_interest: 1_900_000.0,
        premium: 1.1,
        ..btc.clone()
    };
    let sol = Coin {
        symbol: symbol("SOLUSDT-PERP"),
        base: "SOL",
        path: 3,
        centre: 150.0,
        volatility: 0.000_65,
        correlation: 0.75,
        inverse_tick: 100.0,
        inverse_step: 100.0,
        trades_per_minute: 50.0,
        trade_usd: 300.0,
        depth_usd: 2.5e6,
        open_interest: 9_500_000.0,
        premium: 1.3,
        ..btc.clone()
    };
    let spot = Coin {
        symbol: symbol("BTC/USDT"),
        kind: Kind::Spot,
        inverse_tick: 100.0,
        inverse_step: 100_000.0,
        trades_per_minute: 55.0,
        trade_usd: 350.0,
        depth_usd: 4e6,
        open_interest: 0.0,
        liquidations: false,
        ..btc.clone()
    };
    let pepe = Coin {
        symbol: symbol("PEPEUSDT-PERP"),
        base: "PEPE",
        path: 4,
        centre: 0.000_008_2,
        volatility: 0.000_85,
        correlation: 0.6,
        inverse_tick: 1e10,
        inverse_step: 1.0,
        spread_ticks: 5,
        trades_per_minute: 35.0,
        trade_usd: 120.0,
        depth_usd: 4e5,
        open_interest: 6.5e12,
        premium: 1.8,
        ..btc.clone()
    };
    let future = Coin {
        symbol: symbol("CME_MINI:MNQ1!"),
        base: "MNQ",
        quote: "USD",
        kind: Kind::Future,
        calendar: Calendar::Cme,
        path: 5,
        centre: 25_600.0,
        volatility: 0.000_15,
        correlation: 0.35,
        inverse_tick: 4.0,
        inverse_step: 1.0,
        trades_per_minute: 70.0,
        trade_usd: 60_000.0,
        depth_usd: 2e7,
        open_interest: 0.0,
        premium: 0.0,
        liquidations: false,
        ..btc.clone()
    };
    [btc, eth, sol, spot, pepe, future]
}
