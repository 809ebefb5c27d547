//! A group as the relay sums it up: `/api/market/overview`, and the table made of it.

use shared::event::Channel;
use shared::market::Ms;

use super::rows::Row;

/// The answer.
#[derive(Clone, PartialEq, Debug)]
pub struct Overview(pub Row);

/// A line of the table: one market, or the sum of all.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Line {
    pub name: String,
    /// Coins.
    pub oi: Option<f64>,
    /// Quote currency.
    pub oi_value: Option<f64>,
    /// Of the shown coins, percent.
    pub share: Option<f64>,
    /// Decimals of one hour.
    pub predicted: Option<f64>,
    pub settled: Option<f64>,
    pub next: Option<Ms>,
    /// Coins of 24 hours.
    pub volume: Option<f64>,
    /// Quote currency of the last hour.
    pub long: Option<f64>,
    pub short: Option<f64>,
    /// When the newest of its channels last spoke.
    pub last: Option<Ms>,
    /// How its data differs from the others'.
    pub notes: Vec<String>,
}

impl Overview {
    /// A line per market of the picked venues, the reference first, and the sum over them.
    pub fn lines(&self, picked: impl Fn(&str) -> bool) -> (Vec<Line>, Line) {
        let shown: Vec<&Row> = self.0.members.iter().filter(|m| picked(venue(m))).collect();
        let coins = sum(shown.iter().map(|m| m.open_interest));
        let quote = self.0.members.first().map_or("", |m| &m.quote);
        let lines: Vec<Line> = shown.iter().map(|m| self.line(m, quote, coins)).collect();
        let total = Line {
            name: "Sum".into(),
            oi: coins,
            oi_value: sum(lines.iter().map(|l| l.oi_value)),
            volume: sum(lines.iter().map(|l| l.volume)),
            long: sum(lines.iter().map(|l| l.long)),
            short: sum(lines.iter().map(|l| l.short)),
            notes: absent(&lines),
            ..Line::default()
        };
        (lines, total)
    }

    fn line(&self, m: &Row, quote: &str, coins: Option<f64>) -> Line {
        let twin = self.0.members.iter().filter(|other| other.venue == m.venue).count() > 1;
        let (predicted, settled) = (m.predicted.as_deref(), m.settled.as_deref());
        let side = |pick: fn(&Row) -> Option<&Row>| m.liquidations.as_deref().and_then(pick)?.value;
        Line {
            name: if twin { format!("{} {}", venue(m), m.quote) } else { venue(m).into() },
            oi: m.open_interest,
            oi_value: m.open_interest_value,
            share: m
                .open_interest
                .zip(coins)
                .filter(|(_, all)| *all > 0.0)
                .map(|(own, all)| own / all * 100.0),
            predicted: predicted.and_then(|rate| rate.hourly),
            settled: settled.and_then(|rate| rate.hourly),
            next: predicted.or(settled).and_then(|rate| rate.next_funding_time),
            volume: m.volume_24h.as_ref().and_then(|v| v.volume),
            long: side(|s| s.long.as_deref()),
            short: side(|s| s.short.as_deref()),
            last: m
                .age_ms
                .0
                .iter()
                .filter_map(|(_, age)| age.as_ref())
                .min()
                .map(|age| self.0.timestamp - Ms(*age)),
            notes: notes(m, quote),
        }
    }
}

/// The name of a market's venue.
fn venue(m: &Row) -> &str {
    m.venue.as_ref().map_or("", |venue| venue.as_str())
}

/// Sum of what is known; none where nothing is.
fn sum(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    values.flatten().fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
}

/// How a market differs from the reference, in words.
fn notes(m: &Row, quote: &str) -> Vec<String> {
    let mut notes = Vec::new();
    if !matches!(m.state.as_str(), "live" | "quiet") {
        notes.push(m.state.clone());
    }
    if m.quote != quote {
        notes.push(format!("in {}", m.quote));
    }
    let lacking =
        |(channel, what): (Channel, &str)| m.unavailable.contains(&channel).then(|| format!("no {what}"));
    let named = [
        (Channel::Oi, "open interest"),
        (Channel::Funding, "funding"),
        (Channel::Liquidation, "liquidation feed"),
    ];
    notes.extend(named.into_iter().filter_map(lacking));
    if m.liquidations.as_ref().is_some_and(|s| s.at_least) {
        notes.push("liquidations at least".into());
    }
    if let Some(day) = m.volume_24h.as_ref().filter(|day| day.minutes < DAY_MINUTES) {
        notes.push(format!("volume of {} min", day.minutes));
    }
    notes
}

/// Minutes of a day.
const DAY_MINUTES: u32 = 1_440;

/// What the sum is without.
fn absent(lines: &[Line]) -> Vec<String> {
    let without = |what: &str, pick: fn(&Line) -> Option<f64>| {
        let names: Vec<&str> = lines.iter().filter(|l| pick(l).is_none()).map(|l| l.name.as_str()).collect();
        (!names.is_empty() && names.len() < lines.len())
            .then(|| format!("{what} without {}", names.join(", ")))
    };
    [without("open interest", |l| l.oi), without("volume", |l| l.volume), without("liquidations", |l| l.long)]
        .into_iter()
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overview() -> Overview {
        let text = r#"{"symbol":"BTCUSDT-PERP","group":"BTC-PERP","timestamp":100000,"sum":{},"members":[
            {"symbol":"BTCUSDT-PERP","venue":"a","quote":"USDT","state":"live","last_price":1.0,"open_interest":30.0,
             "open_interest_value":60.0,"predicted":{"kind":"predicted","hourly":0.0001,"funding_apr":87.6,
             "next_funding_time":200000},"settled":null,"volume_24h":{"volume":5.0,"value":null,"minutes":1440},
             "liquidations":{"long":{"count":1,"quantity":2.0,"value":4.0},"short":{"count":0,"quantity":0.0,"value":0.0},
             "at_least":true},"age_ms":{"oi":900,"bar":null,"trade":300},"unavailable":[]},
            {"symbol":"BTCUSDC-PERP","venue":"b","quote":"USDC","state":"silent","open_interest":10.0,
             "open_interest_value":null,"predicted":null,"settled":{"hourly":-0.0002,"funding_apr":null,
             "next_funding_time":null},"volume_24h":{"volume":3.0,"value":1.0,"minutes":77},"liquidations":null,
             "unavailable":["liquidation"]}]}"#;
        Overview(Row::decode(text).unwrap())
    }

    #[test]
    fn lines_show_what_is_known_and_say_what_differs() {
        let (lines, total) = overview().lines(|_| true);
        let a = &lines[0];
        assert_eq!(
            (a.name.as_str(), a.oi, a.share, a.predicted),
            ("a", Some(30.0), Some(75.0), Some(0.0001))
        );
        assert_eq!((a.next, a.long, a.short), (Some(Ms(200_000)), Some(4.0), Some(0.0)));
        assert_eq!(a.last, Some(Ms(99_700)));
        assert_eq!(a.notes, ["liquidations at least"]);
        let b = &lines[1];
        assert_eq!((b.predicted, b.settled, b.long, b.last), (None, Some(-0.0002), None, None));
        assert_eq!(b.notes, ["silent", "in USDC", "no liquidation feed", "volume of 77 min"]);
        assert_eq!(
            (total.oi, total.oi_value, total.volume, total.long),
            (Some(40.0), Some(60.0), Some(8.0), Some(4.0))
        );
        assert_eq!(total.notes, ["liquidations without b"]);
    }

    #[test]
    fn venues_left_out_are_in_no_sum() {
        let (lines, total) = overview().lines(|venue| venue == "b");
        assert_eq!((lines.len(), lines[0].share, total.oi, total.long), (1, Some(100.0), Some(10.0), None));
        assert_eq!(total.notes, [""; 0]);
    }
}
