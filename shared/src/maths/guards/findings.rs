//! What each guard finds: its value or why there is none, and the numbers behind it.

use super::{BOOK_AGE, FUNDING_AGE, Limits, Machine, OI_AGE, Timed, WINDOW, less_is_worse, unit};
use crate::event::{
    BookTop, Channel, Funding, Guard, GuardInput, GuardName, GuardState, MemberName, OpenInterest,
};
use crate::market::Ms;
use crate::maths::joined::open_interest::OiJoin;

/// Why there is no value.
#[derive(Clone, Debug)]
struct Lack {
    /// The market cannot have one.
    never: bool,
    /// Of what made it unknown.
    age: Option<Ms>,
    /// One plain sentence.
    reason: String,
}

/// A value with the age of the oldest number in it.
type Known<T> = Result<(T, Ms), Lack>;

/// A number of some data, by its name.
type Pick<'a, T> = (&'static str, fn(&'a T) -> Option<f64>);

/// What one guard found.
pub(super) struct Finding {
    value: Known<f64>,
    /// Why the value is a lower bound, in a few words.
    at_least: Option<String>,
    inputs: Vec<GuardInput>,
}

impl Lack {
    fn never(reason: String) -> Lack {
        Lack { never: true, age: None, reason }
    }

    fn missing(reason: String) -> Lack {
        Lack { never: false, age: None, reason }
    }

    fn aged(age: Ms, reason: String) -> Lack {
        Lack { never: false, age: Some(age), reason }
    }
}

impl Finding {
    fn new(value: Known<f64>, inputs: Vec<GuardInput>) -> Finding {
        let number = |(value, age): (f64, Ms)| {
            let odd = || Lack::aged(age, "It does not come to a number.".into());
            if value.is_finite() { Ok((value, age)) } else { Err(odd()) }
        };
        Finding { value: value.and_then(number), at_least: None, inputs }
    }

    pub(super) fn value(&self) -> Option<f64> {
        self.value.as_ref().ok().map(|(value, _)| *value)
    }

    /// The guard that follows; since when it stands so is for others to say.
    pub(super) fn judged(self, name: GuardName, limits: Limits) -> Guard {
        let Limits { warning, breach } = limits;
        let (value, age, state, mut reason) = match self.value {
            Ok((value, age)) => {
                let state = limits.judge(name, value);
                (Some(value), Some(age), state, standing(name, limits, state))
            }
            Err(Lack { never: true, age, reason }) => (None, age, GuardState::NotApplicable, reason),
            Err(Lack { never: false, age, reason }) => (None, age, GuardState::Warning, reason),
        };
        let at_least = value.and(self.at_least);
        if let Some(why) = &at_least {
            reason = format!("{reason} At least: {why}.");
        }
        Guard {
            name,
            value,
            at_least: at_least.is_some(),
            warning,
            breach,
            state,
            age_ms: age.map(|age| age.0),
            since: Ms::ZERO,
            reason,
            inputs: self.inputs,
        }
    }
}

/// How a value stands, as a sentence.
fn standing(name: GuardName, limits: Limits, state: GuardState) -> String {
    let (side, what) = (if less_is_worse(name) { "Below" } else { "Above" }, unit(name));
    match (state, limits.warning, limits.breach) {
        (GuardState::Breach, _, Some(limit)) => format!("{side} the breach threshold of {limit} {what}."),
        (GuardState::Warning, Some(limit), _) => format!("{side} the warning threshold of {limit} {what}."),
        (_, None, None) => "No thresholds are set for it.".into(),
        (_, _, _) => "Within its thresholds.".into(),
    }
}

fn called(market: &MemberName) -> String {
    format!("{} at {}", market.symbol, market.venue)
}

fn input(name: &'static str, market: &MemberName, value: Option<f64>, at: Option<Ms>) -> GuardInput {
    // Numbers that are none cannot be told.
    let value = value.filter(|value| value.is_finite());
    GuardInput { name: name.into(), market: market.clone(), value, timestamp: at }
}

impl Machine {
    pub(super) fn find(&self, name: GuardName, now: Ms) -> Finding {
        match name {
            GuardName::SpreadBps => self.spread(now),
            GuardName::Depth10Bps => self.depth(now),
            GuardName::FundingApr => self.funding_apr(now),
            GuardName::LiqEvents5m => self.liquidations(),
            GuardName::BasisBps => self.basis(now),
            GuardName::PremiumBps => self.premium(now),
            GuardName::OiNotional => self.oi_notional(now),
        }
    }

    /// The usable book of a market.
    fn book(&self, market: &MemberName, now: Ms) -> Known<&BookTop> {
        let Some(held) = self.books.get(market) else {
            return Err(Lack::missing(format!("No book of {} has come yet.", called(market))));
        };
        let (age, top) = (held.age(now), &held.of);
        let lack = |what: &str| Err(Lack::aged(age, format!("The book of {} {what}.", called(market))));
        let usable = |x: f64| x.is_finite() && x > 0.0;
        if age > BOOK_AGE {
            lack("is older than 5 seconds")
        } else if !usable(top.bid_px) || !usable(top.ask_px) {
            lack("has no usable prices")
        } else if top.bid_px > top.ask_px {
            lack("is crossed")
        } else {
            Ok((top, age))
        }
    }

    /// The book of the reference.
    fn own_book(&self, now: Ms) -> Known<&BookTop> {
        let reference = &self.scope.reference;
        if !reference.offers(Channel::Book) {
            return Err(Lack::never(format!("{} has no book.", called(&reference.name))));
        }
        self.book(&reference.name, now)
    }

    /// The predicted funding of the reference.
    fn rate(&self, now: Ms) -> Known<&Funding> {
        let reference = &self.scope.reference;
        let name = called(&reference.name);
        if !reference.offers(Channel::Funding) {
            return Err(Lack::never(format!("{name} has no funding.")));
        }
        match &self.funding {
            None => Err(Lack::missing(format!("No predicted funding of {name} has come yet."))),
            Some(held) if held.age(now) > FUNDING_AGE => {
                Err(Lack::aged(held.age(now), format!("The funding of {name} is older than 2 minutes.")))
            }
            Some(held) => Ok((&held.of, held.age(now))),
        }
    }

    /// Numbers of the reference, as inputs.
    fn own_inputs<'a, T, const N: usize>(
        &self,
        held: Option<&'a Timed<T>>,
        pick: [Pick<'a, T>; N],
    ) -> Vec<GuardInput> {
        let market = &self.scope.reference.name;
        let of = |(name, value): Pick<'a, T>| {
            input(name, market, held.and_then(|held| value(&held.of)), held.map(|held| held.at))
        };
        pick.map(of).into()
    }

    fn own_top(&self) -> Option<&Timed<BookTop>> {
        self.books.get(&self.scope.reference.name)
    }

    fn spread(&self, now: Ms) -> Finding {
        let inputs =
            self.own_inputs(self.own_top(), [("bid_px", |b| Some(b.bid_px)), ("ask_px", |b| Some(b.ask_px))]);
        Finding::new(self.own_book(now).map(|(top, age)| (top.spread_bps, age)), inputs)
    }

    fn depth(&self, now: Ms) -> Finding {
        let inputs = self.own_inputs(
            self.own_top(),
            [("bid_usd", |b| Some(b.depth_10bps?.bid_usd)), ("ask_usd", |b| Some(b.depth_10bps?.ask_usd))],
        );
        let thinner = |(top, age): (&BookTop, Ms)| {
            let best = || Lack::aged(age, "Only the best prices of the book are known.".into());
            let depth = top.depth_10bps.ok_or_else(best)?;
            // Not `min`, which would pass over a side that is no number.
            let thinner = if depth.bid_usd < depth.ask_usd { depth.bid_usd } else { depth.ask_usd };
            let odd = || Lack::aged(age, "The depth of the book is not usable.".into());
            if (depth.bid_usd + depth.ask_usd).is_finite() { Ok((thinner, age)) } else { Err(odd()) }
        };
        Finding::new(self.own_book(now).and_then(thinner), inputs)
    }

    fn funding_apr(&self, now: Ms) -> Finding {
        let inputs = self.own_inputs(
            self.funding.as_ref(),
            [("funding_rate", |f| Some(f.funding_rate)), ("interval_hours", |f| f.interval_hours)],
        );
        let yearly = |(funding, age): (&Funding, Ms)| {
            let unknown = || Lack::aged(age, "It is not known for how many hours the rate is.".into());
            Ok((funding.funding_apr.ok_or_else(unknown)?, age))
        };
        Finding::new(self.rate(now).and_then(yearly), inputs)
    }

    fn premium(&self, now: Ms) -> Finding {
        let inputs = self.own_inputs(
            self.funding.as_ref(),
            [("mark_price", |f| f.mark_price), ("index_price", |f| f.index_price)],
        );
        let apart = |(funding, age): (&Funding, Ms)| match (funding.mark_price, funding.index_price) {
            (Some(mark), Some(index)) if index > 0.0 => Ok(((mark - index) / index * 10_000.0, age)),
            (Some(_), Some(_)) => Err(Lack::aged(age, "The index price is not usable.".into())),
            _ => Err(Lack::never("The venue does not tell both mark and index price.".into())),
        };
        Finding::new(self.rate(now).and_then(apart), inputs)
    }

    fn basis(&self, now: Ms) -> Finding {
        let Some((usdt, usdc)) = &self.scope.pair else {
            let reason = "The group has no books in both USDT and USDC.".into();
            return Finding::new(Err(Lack::never(reason)), Vec::new());
        };
        let mid = |market| {
            let held = self.books.get(market);
            input("mid", market, held.map(|held| held.of.mid()), held.map(|held| held.at))
        };
        let apart = self.book(usdt, now).and_then(|(a, one)| {
            let (b, other) = self.book(usdc, now)?;
            Ok(((a.mid() - b.mid()) / b.mid() * 10_000.0, one.max(other)))
        });
        Finding::new(apart, vec![mid(usdt), mid(usdc)])
    }

    fn oi_notional(&self, now: Ms) -> Finding {
        let members = &self.scope.holding;
        if members.is_empty() {
            let reason = "Nobody in the group tells open interest.".into();
            return Finding::new(Err(Lack::never(reason)), Vec::new());
        }
        let mut join = OiJoin::new(members, OI_AGE);
        let mut inputs = Vec::with_capacity(members.len());
        let (mut oldest, mut newest) = (Ms::ZERO, None);
        for (n, member) in members.list().iter().enumerate() {
            let held: Option<&Timed<OpenInterest>> = self.held.get(&member.name);
            let value = held.and_then(|held| held.of.open_interest_value);
            inputs.push(input("open_interest_value", &member.name, value, held.map(|held| held.at)));
            let Some(held) = held else { continue };
            join.push(n, &held.of);
            let age = held.age(now);
            newest = Some(newest.map_or(age, |newest: Ms| newest.min(age)));
            if join.of(n, now).is_some_and(|oi| oi.open_interest_value.is_some()) {
                oldest = oldest.max(age);
            }
        }
        let sum = join.at(now);
        let value = sum.as_ref().and_then(|sum| sum.open_interest_value);
        let known = value.map(|value| (value, oldest)).ok_or_else(|| match (newest, &sum) {
            (None, _) => Lack::missing("No open interest has come yet.".into()),
            (Some(age), None) => Lack::aged(age, "The open interest is older than 10 minutes.".into()),
            (Some(age), Some(_)) => Lack::aged(age, "The open interest is in coins alone.".into()),
        });
        let without = sum.map_or(0, |sum| sum.missing.len() + sum.unvalued.len());
        let why = || format!("{without} of {} markets are not in the sum", members.len());
        let at_least = (without > 0).then(why);
        Finding { at_least, ..Finding::new(known, inputs) }
    }

    fn liquidations(&self) -> Finding {
        let members = &self.scope.dying;
        if members.is_empty() {
            let reason = "Nobody in the group tells liquidations.".into();
            return Finding::new(Err(Lack::never(reason)), Vec::new());
        }
        let count = |market: &MemberName| {
            let own = || self.hits.iter().filter(|((_, name, ..), _)| name == market);
            let newest = own().map(|(_, hit)| hit.at).max();
            input("liquidations", market, Some(own().count() as f64), newest)
        };
        let inputs = members.list().iter().map(|m| count(&m.name)).collect();
        let some = self.hits.values().any(|hit| hit.of);
        let at_least = match (self.holes.is_empty(), some) {
            (false, _) => Some(format!("a part of the {} minutes was not seen", WINDOW.0 / Ms::MINUTE.0)),
            (true, true) => Some("a venue tells only some of its liquidations".to_owned()),
            (true, false) => None,
        };
        // Counted now, however long ago the last was.
        Finding { at_least, ..Finding::new(Ok((self.hits.len() as f64, Ms::ZERO)), inputs) }
    }
}
