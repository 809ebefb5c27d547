//! Holes in the record of the open market, and the bars they darken.

use shared::event::{Gap, GapState};
use shared::market::{Ms, VenueId};

use super::Market;
use shared::market::Timeframe;

/// One hole.
#[derive(Clone, PartialEq, Debug)]
pub struct Hole {
    pub venue: VenueId,
    pub gap: Gap,
}

impl Hole {
    /// Whether it tells of the same hole, maybe in another state.
    fn is(&self, other: &Hole) -> bool {
        (self.gap.channel, self.gap.from, &self.venue) == (other.gap.channel, other.gap.from, &other.venue)
    }
}

/// The holes known, by time. One that is told again in another state takes the place of the earlier word.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Holes(Vec<Hole>);

/// Bars that a hole darkens: open times of the first and the last, in the shown timeframe. Where the hole left no bar
/// at all, the bars on both sides of it, `first` after `last`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Shade {
    pub first: Ms,
    pub last: Ms,
    /// The worst of the holes that darken the same bars.
    pub state: GapState,
}

impl Holes {
    pub fn list(&self) -> &[Hole] {
        &self.0
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes word of a hole.
    pub fn put(&mut self, hole: Hole) {
        self.0.retain(|held| !held.is(&hole));
        let place = self.0.partition_point(|held| held.gap.from <= hole.gap.from);
        self.0.insert(place, hole);
    }

    /// What they darken among the bars `[start, end)` of a timeframe; holes wholly outside of these give nothing. One
    /// that is still open reaches to `now`.
    pub fn shades(
        &self,
        market: &Market,
        timeframe: Timeframe,
        (start, end): (usize, usize),
        now: Ms,
    ) -> Vec<Shade> {
        let bars = market.bars(timeframe);
        let open = |at: Ms| market.calendar().open(timeframe, at);
        let mut shades: Vec<Shade> = Vec::new();
        for Hole { gap, .. } in &self.0 {
            let to = gap.to.unwrap_or(now).max(gap.from + Ms(1));
            // Nothing was to be had while the market was closed.
            if market.calendar().next_open(gap.from) >= to {
                continue;
            }
            let (a, b) = (bars.lower(open(gap.from)), bars.lower(open(to - Ms(1)) + Ms(1)));
            // Bars a..b are in the hole; without any, it lies between b - 1 and a.
            let (first, last) = (a.max(start), b.min(end));
            let inside = first < last || (a == b && start < a && a < end);
            let Some((first, last)) = bars.get(first).zip(last.checked_sub(1).and_then(|i| bars.get(i)))
            else {
                continue;
            };
            let shade = Shade { first: first.timestamp, last: last.timestamp, state: gap.state };
            // A line that goes down takes all its channels with it.
            match shades.iter_mut().find(|s| (s.first, s.last) == (shade.first, shade.last)) {
                Some(same) if weight(same.state) < weight(shade.state) => same.state = shade.state,
                None if inside => shades.push(shade),
                Some(_) | None => {}
            }
        }
        shades
    }

    /// The holes from the bar at `at` up to the next one there is.
    pub fn under(&self, market: &Market, timeframe: Timeframe, at: Ms, now: Ms) -> Vec<&Hole> {
        let bars = market.bars(timeframe);
        let next = bars.get(bars.lower(at + Ms(1))).map(|bar| bar.timestamp);
        let end = next.unwrap_or_else(|| market.calendar().next(timeframe, at));
        let touches = |h: &&Hole| h.gap.from < end && h.gap.to.unwrap_or(now) > at;
        self.0.iter().filter(touches).collect()
    }
}

/// Worst last.
const fn weight(state: GapState) -> u8 {
    match state {
        GapState::Refilled => 0,
        GapState::Lost => 1,
        GapState::Open => 2,
    }
}

#[cfg(test)]
mod tests {
    use shared::event::{Bar, Channel, GapCause, Origin};
    use shared::market::Calendar;

    use super::*;

    const DAY: i64 = 1_795_219_200_000;

    fn at(minute: i64) -> Ms {
        Ms(DAY + minute * 60_000)
    }

    fn hole(from: i64, to: Option<i64>, state: GapState) -> Hole {
        let (from, to) = (at(from), to.map(at));
        let gap =
            Gap { timestamp: from, channel: Channel::Trade, from, to, cause: GapCause::Disconnect, state };
        Hole { venue: VenueId::new("sim"), gap }
    }

    /// Minutes 0..60 but 20..30.
    fn market() -> Market {
        let mut market = Market::new(
            "BTCUSDT-PERP".parse().unwrap(),
            VenueId::new("sim"),
            Calendar::Continuous,
            Vec::new(),
        );
        let bars: Vec<Bar> = (0..60)
            .filter(|n| !(20..30).contains(n))
            .map(|n| Bar { closed: true, ..Bar::flat(at(n), Timeframe::M1, 100.0, Origin::Trades) })
            .collect();
        market.merge_bars(Timeframe::M1, &bars);
        market
    }

    #[test]
    fn a_hole_in_a_closed_session_is_none() {
        let symbol = "CME_MINI:MNQ1!".parse().unwrap();
        let mut market = Market::new(symbol, VenueId::new("sim"), Calendar::Cme, Vec::new());
        // The last hour of Friday, 2026-11-20, up to 22:00 UTC.
        let close = Ms(1_795_212_000_000);
        let minute = |n: i64| Bar {
            closed: true,
            ..Bar::flat(close - Ms(n * 60_000), Timeframe::M1, 100.0, Origin::Trades)
        };
        market.merge_bars(Timeframe::M1, &(1..=60).rev().map(minute).collect::<Vec<_>>());
        let of = |from: Ms, to: Ms| {
            let gap = Gap {
                timestamp: from,
                channel: Channel::Trade,
                from,
                to: Some(to),
                cause: GapCause::Restart,
                state: GapState::Lost,
            };
            let holes = Holes(vec![Hole { venue: VenueId::new("sim"), gap }]);
            holes.shades(&market, Timeframe::M1, (0, 60), to).len()
        };
        assert_eq!(of(close + Ms::DAY, close + Ms::DAY + Ms::MINUTE), 0, "on Saturday");
        assert_eq!(of(close - Ms::MINUTE, close + Ms::DAY), 1, "from Friday on");
    }

    fn shaded(holes: &Holes, timeframe: Timeframe, window: (usize, usize)) -> Vec<(i64, i64)> {
        let minutes = |t: Ms| (t.0 - DAY) / 60_000;
        let shades = holes.shades(&market(), timeframe, window, at(58));
        shades.iter().map(|s| (minutes(s.first), minutes(s.last))).collect()
    }

    #[test]
    fn a_hole_darkens_the_bars_it_touches() {
        let mut holes = Holes::default();
        holes.put(hole(5, Some(8), GapState::Refilled));
        assert_eq!(shaded(&holes, Timeframe::M1, (0, 50)), [(5, 7)], "half-open");
        assert_eq!(shaded(&holes, Timeframe::M5, (0, 50)), [(5, 5)]);
        assert_eq!(shaded(&holes, Timeframe::M1, (6, 50)), [(6, 7)], "cut to the window");
        assert_eq!(shaded(&holes, Timeframe::M1, (9, 50)), [], "outside of it");
        holes.put(hole(55, None, GapState::Open));
        assert_eq!(shaded(&holes, Timeframe::M1, (40, 50)), [(55, 57)], "open: up to now");
    }

    #[test]
    fn channels_that_share_a_hole_darken_the_bars_once_by_the_worst() {
        let mut holes = Holes::default();
        for (channel, state) in [
            (Channel::Bar, GapState::Refilled),
            (Channel::Book, GapState::Lost),
            (Channel::Oi, GapState::Refilled),
        ] {
            let mut hole = hole(5, Some(8), state);
            hole.gap.channel = channel;
            holes.put(hole);
        }
        let shades = holes.shades(&market(), Timeframe::M1, (0, 50), at(58));
        assert_eq!(shades, [Shade { first: at(5), last: at(7), state: GapState::Lost }]);
    }

    #[test]
    fn without_a_bar_it_lies_between_its_neighbours() {
        let mut holes = Holes::default();
        holes.put(hole(20, Some(30), GapState::Lost));
        assert_eq!(shaded(&holes, Timeframe::M1, (0, 50)), [(30, 19)]);
        assert_eq!(shaded(&holes, Timeframe::M1, (20, 50)), [], "its left neighbour is not held");
        assert_eq!(shaded(&holes, Timeframe::H1, (0, 1)), [(0, 0)]);
    }

    #[test]
    fn a_later_word_replaces_the_earlier_and_the_bar_under_the_pointer_finds_it() {
        let mut holes = Holes::default();
        holes.put(hole(30, Some(31), GapState::Lost));
        holes.put(hole(5, None, GapState::Open));
        holes.put(hole(5, Some(8), GapState::Refilled));
        let states: Vec<GapState> = holes.list().iter().map(|h| h.gap.state).collect();
        assert_eq!(states, [GapState::Refilled, GapState::Lost]);
        let under = |minute| holes.under(&market(), Timeframe::M1, at(minute), at(58)).len();
        assert_eq!((under(4), under(5), under(7), under(8)), (0, 1, 1, 0));
        holes.put(hole(22, Some(25), GapState::Lost));
        let under = |minute| holes.under(&market(), Timeframe::M1, at(minute), at(58)).len();
        assert_eq!((under(18), under(19), under(31)), (0, 1, 0), "without a bar, under the one before");
    }
}
