//! What is traded in the simulated market.

use shared::event::Channel;
use shared::market::{Calendar, Group, Instrument, Kind, Symbol};

use super::SimMarket;

/// One market's character. Steps are given as their inverse, a power of ten, because dividing by it gives
/// the double nearest to the decimal price.
#[derive(Clone, Debug)]
pub(super) struct Coin {
    pub(super) symbol: Symbol,
    pub(super) base: &'static str,
    pub(super) kind: Kind,
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
}

impl Coin {
    pub(super) fn is_perp(&self) -> bool {
        self.kind == Kind::Perp
    }

    pub(super) fn tick_size(&self) -> f64 {
        1.0 / self.inverse_tick
    }

    pub(super) fn instrument(&self) -> Instrument {
        let perp = [Channel::Oi, Channel::Funding, Channel::Liquidation];
        let common = [Channel::Bar, Channel::Trade, Channel::Book];
        let channels = if self.is_perp() { [common, perp].concat() } else { common.to_vec() };
        Instrument {
            symbol: self.symbol.clone(),
            venue: SimMarket::venue(),
            venue_symbol: self.symbol.as_str().to_owned(),
            group: Group::new(self.base, self.kind),
            kind: self.kind,
            base: self.base.to_owned(),
            quote: "USDT".to_owned(),
            tick_size: self.tick_size(),
            step_size: 1.0 / self.inverse_step,
            multiplier: 1.0,
            channels,
            calendar: Calendar::default(),
        }
    }
}

/// The five markets, in the order they are listed.
pub(super) fn coins() -> Vec<Coin> {
    let symbol = |text: &str| text.parse().expect("a constant that is a symbol");
    let btc = Coin {
        symbol: symbol("BTCUSDT-PERP"),
        base: "BTC",
        kind: Kind::Perp,
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
    vec![btc, eth, sol, spot, pepe]
}
