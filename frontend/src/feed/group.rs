//! The open symbol's group: which markets there are to compare.

use shared::event::MemberName;
use shared::market::VenueId;
use shared::maths::joined::{Member, Members};

use super::rows::SymbolRow;
use crate::series::Track;

/// The pseudo-venue of rows that join all venues.
pub const ALL: &str = "all";

/// Every market of the group of `row`, its own symbol's first.
pub fn members(rows: &[SymbolRow], row: &SymbolRow) -> Members {
    let same = |other: &&SymbolRow| {
        other.symbol == row.symbol || (!row.group.is_empty() && other.group == row.group)
    };
    let list = rows.iter().filter(same).flat_map(|other| {
        other.venues.iter().map(|venue| Member {
            name: MemberName { symbol: other.symbol.clone(), venue: VenueId::new(venue) },
            quote: other.quote.clone(),
            channels: other.offered(venue).to_vec(),
        })
    });
    Members::new(list, &row.symbol)
}

/// Venues of these markets, each once.
pub fn venues(members: &Members) -> Vec<String> {
    let mut venues: Vec<String> = Vec::new();
    for member in members.list() {
        if !venues.iter().any(|v| *v == *member.name.venue.as_str()) {
            venues.push(member.name.venue.to_string());
        }
    }
    venues
}

/// Tracks for the picked venues (`None`: all) and for the market at `venue`, which is always among them.
///
/// `order` lists the configured venues: a venue keeps its hue whatever is picked.
pub fn tracks(
    members: &Members,
    picked: Option<&[String]>,
    row: &SymbolRow,
    venue: &str,
    order: &[String],
) -> Vec<Track> {
    let mut seen: Vec<&str> = Vec::new();
    let mut tracks = Vec::new();
    for member in members.list() {
        let name = member.name.venue.as_str();
        let place = order.iter().position(|v| v == name).unwrap_or(order.len());
        let nth = seen.iter().filter(|v| **v == name).count();
        seen.push(name);
        let own = member.name.symbol == row.symbol && name == venue;
        if own || picked.is_none_or(|picked| picked.iter().any(|v| v == name)) {
            tracks.push(Track::new(member.clone(), place % Track::HUES + nth * Track::HUES));
        }
    }
    tracks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<SymbolRow> {
        let text = r#"[
            {"symbol":"BTCUSDC-PERP","group":"BTC-PERP","kind":"perp","quote":"USDC","tick_size":0.1,"venues":["b"]},
            {"symbol":"BTCUSDT-PERP","group":"BTC-PERP","kind":"perp","quote":"USDT","tick_size":0.1,
             "venues":["a","b","c"],"channels":["bar","oi"],"venue_channels":{"c":["bar"]},"calendar":"cme"},
            {"symbol":"BTC/USDT","group":"BTC-SPOT","kind":"spot","quote":"USDT","tick_size":0.1,"venues":["a"]}]"#;
        crate::json::read(text).unwrap()
    }

    fn names(tracks: &[Track]) -> Vec<String> {
        tracks.iter().map(|t| format!("{} {} {}", t.name().venue, t.name().symbol, t.hue)).collect()
    }

    #[test]
    fn a_group_joins_quotes_and_not_kinds() {
        let rows = rows();
        let all = members(&rows, &rows[1]);
        assert_eq!(venues(&all), ["a", "b", "c"]);
        assert_eq!(all.len(), 4);
        assert_eq!(venues(&members(&rows, &rows[2])), ["a"]);
        let offered: Vec<usize> = all.list().iter().map(|m| m.channels.len()).collect();
        assert_eq!(offered, [2, 2, 1, 6], "what the venue offers, else the symbol's, else everything");
        assert_eq!(rows[1].calendar, shared::market::Calendar::Cme);
    }

    #[test]
    fn the_open_market_is_always_drawn_and_hues_stay() {
        let rows = rows();
        let all = members(&rows, &rows[1]);
        let order = ["a", "b", "c"].map(String::from);
        let drawn = |picked: Option<&[String]>, venue| names(&tracks(&all, picked, &rows[1], venue, &order));
        assert_eq!(
            drawn(None, "all"),
            ["a BTCUSDT-PERP 0", "b BTCUSDT-PERP 1", "c BTCUSDT-PERP 2", "b BTCUSDC-PERP 9"]
        );
        assert_eq!(drawn(Some(&order[2..]), "b"), ["b BTCUSDT-PERP 1", "c BTCUSDT-PERP 2"]);
        assert_eq!(drawn(Some(&[]), "a"), ["a BTCUSDT-PERP 0"]);
    }
}
