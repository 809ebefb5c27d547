//! What goes wrong at a simulated venue, and when: a pure function of seed, venue and time.
//!
//! Troubles of a kind are dealt out in blocks of time, at most one in each and wholly inside it, so that any
//! stretch can be looked at without the one before it.

use shared::event::Channel;
use shared::market::{Ms, Symbol};

use super::Place;
use super::noise::Key;

/// The line is down in `[from, to)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outage {
    pub from: Ms,
    pub to: Ms,
    /// Whether the venue gives the bars of this time afterwards.
    pub refills: bool,
}

/// A channel that says nothing in `[from, to)` though there would be something to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Silence {
    pub from: Ms,
    pub to: Ms,
    pub symbol: Symbol,
    pub channel: Channel,
}

impl Silence {
    /// When it can be told from a pause: after three usual intervals.
    pub fn noticed(&self) -> Ms {
        self.from + Ms(3 * self.channel.usual_interval().map_or(0, |usual| usual.0))
    }
}

/// A venue's troubles.
#[derive(Clone, Debug)]
pub struct Troubles {
    key: Key,
    plan: &'static Plan,
    /// What may fall silent.
    symbols: Vec<Symbol>,
}

/// How often a venue has which trouble. Chances are per block.
#[derive(Debug)]
struct Plan {
    outages: Deal,
    refills: f64,
    silences: Deal,
    /// Stretches with hardly a trade.
    lulls: Deal,
    /// Usual time from the venue to here, and most on top of it.
    latency: (f64, f64),
}

/// Troubles of one kind: a block's length, the chance of one in it, and how long they last, in seconds.
#[derive(Debug)]
struct Deal {
    block: Ms,
    chance: f64,
    seconds: (f64, f64),
}

const MINUTE: i64 = Ms::MINUTE.0;

const NONE: Deal = Deal { block: Ms::DAY, chance: 0.0, seconds: (0.0, 0.0) };

const FLAWLESS: Plan = Plan { outages: NONE, refills: 1.0, silences: NONE, lulls: NONE, latency: (0.0, 0.0) };

/// Short breaks, mended nearly always.
const SHAKY: Plan = Plan {
    outages: Deal { block: Ms(8 * MINUTE), chance: 0.7, seconds: (6.0, 30.0) },
    refills: 0.85,
    silences: Deal { block: Ms(11 * MINUTE), chance: 0.7, seconds: (60.0, 110.0) },
    lulls: Deal { block: Ms(7 * MINUTE), chance: 0.6, seconds: (20.0, 35.0) },
    latency: (35.0, 60.0),
};

/// Fewer and longer breaks, one in two for good.
const REMOTE: Plan = Plan {
    outages: Deal { block: Ms(21 * MINUTE), chance: 0.8, seconds: (15.0, 38.0) },
    refills: 0.5,
    silences: Deal { block: Ms(17 * MINUTE), chance: 0.7, seconds: (70.0, 140.0) },
    lulls: Deal { block: Ms(9 * MINUTE), chance: 0.5, seconds: (20.0, 35.0) },
    latency: (120.0, 180.0),
};

/// What may fall silent; bars are built from the trades.
const MUTES: [Channel; 4] = [Channel::Trade, Channel::Book, Channel::Funding, Channel::Oi];

/// Purposes of a venue's key.
mod salt {
    pub(super) const TROUBLE: i64 = 2_000;
    pub(super) const OUTAGE: i64 = 1;
    pub(super) const SILENCE: i64 = 2;
    pub(super) const LULL: i64 = 3;
    pub(super) const LATENCY: i64 = 4;
}

impl Deal {
    /// The trouble of a block, with the key it was drawn from. It begins 20 to 40 s into a minute, so that
    /// trades before it tell that the minute had begun whole.
    fn draw(&self, key: Key, block: i64) -> Option<(Ms, Ms, Key)> {
        let key = key.child(block);
        if key.unit(0) >= self.chance {
            return None;
        }
        let (least, most) = self.seconds;
        let length = Ms(((least + (most - least) * key.unit(1)) * 1_000.0) as i64);
        let room = (self.block - length).0.div_euclid(MINUTE).max(1);
        let minute = (key.unit(2) * room as f64) as i64;
        let from = Ms(block * self.block.0 + minute * MINUTE + 20_000 + (key.unit(3) * 20_000.0) as i64);
        Some((from, from + length, key))
    }

    /// Troubles that touch `[from, to)`, ascending.
    fn touching(&self, key: Key, from: Ms, to: Ms) -> impl Iterator<Item = (Ms, Ms, Key)> {
        let blocks = from.0.div_euclid(self.block.0)..=to.0.div_euclid(self.block.0);
        let any = self.chance > 0.0;
        blocks
            .take_while(move |_| any)
            .filter_map(move |block| self.draw(key, block))
            .filter(move |(begin, end, _)| *begin < to && from < *end)
    }
}

impl Troubles {
    pub(super) fn new(seed: u64, place: Place, symbols: Vec<Symbol>) -> Troubles {
        let plan = match place {
            Place::Sim => &FLAWLESS,
            Place::SimB => &SHAKY,
            Place::SimC => &REMOTE,
        };
        Troubles { key: Key::new(seed).child(salt::TROUBLE + place.number()), plan, symbols }
    }

    /// Outages that touch `[from, to)`, ascending.
    pub fn outages(&self, from: Ms, to: Ms) -> impl Iterator<Item = Outage> {
        let spells = self.plan.outages.touching(self.key.child(salt::OUTAGE), from, to);
        spells.map(|(from, to, key)| Outage { from, to, refills: key.unit(4) < self.plan.refills })
    }

    /// Silences that touch `[from, to)`, ascending; none near an outage.
    pub fn silences(&self, from: Ms, to: Ms) -> impl Iterator<Item = Silence> {
        let spells = self.plan.silences.touching(self.key.child(salt::SILENCE), from, to);
        let pick = |key: Key, index: i64, len: usize| (key.unit(index) * len as f64) as usize;
        spells.filter_map(move |(from, to, key)| {
            let symbol = self.symbols.get(pick(key, 4, self.symbols.len()))?.clone();
            let channel = *MUTES.get(pick(key, 5, MUTES.len()))?;
            let near = self.outages(from - Ms::MINUTE, to + Ms::MINUTE).next().is_some();
            (!near).then_some(Silence { from, to, symbol, channel })
        })
    }

    /// Lulls `[from, to)` that touch a stretch, ascending: hardly a trade, all is well.
    pub fn lulls(&self, from: Ms, to: Ms) -> impl Iterator<Item = (Ms, Ms)> {
        let spells = self.plan.lulls.touching(self.key.child(salt::LULL), from, to);
        spells.map(|(from, to, _)| (from, to))
    }

    /// How long what is said at an instant takes to get here.
    pub fn latency(&self, at: Ms) -> Ms {
        let key = self.key.child(salt::LATENCY);
        let (usual, more) = self.plan.latency;
        let wave = key.child(0).smooth(at.0, 3_000).max(0.0) + 0.3 * key.child(1).smooth(at.0, 900).max(0.0);
        Ms((usual + more * wave / 1.3) as i64)
    }

    /// What became of a symbol's bar of the minute that opens at `open`.
    pub(super) fn fate(&self, symbol: &Symbol, open: Ms) -> Fate {
        let end = open + Ms::MINUTE;
        let mut fate = Fate::Whole;
        for outage in self.outages(open, end) {
            if !outage.refills {
                return Fate::Lost;
            }
            fate = Fate::Refilled;
        }
        let mute = |s: Silence| s.symbol == *symbol && s.channel == Channel::Trade;
        if self.silences(open, end).any(mute) { Fate::Refilled } else { fate }
    }
}

/// How a minute was recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// From its trades.
    Whole,
    /// As the venue's own bar.
    Refilled,
    Lost,
}
