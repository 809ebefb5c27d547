//! Guards, with books, funding, open interest and liquidations in the order they come, and asked in between.

use shared::event::{Body, BookTop, Depth, Event, MemberName};
use shared::market::{Ms, VenueId};
use shared::maths::guards::{Machine, Scope, Thresholds};
use shared::maths::joined::Member;

use crate::market::{Noise, SCALES, START, Walk, funding, liquidations, open_interest};
use crate::record::Report;

const SYMBOLS: [(&str, &str); 2] = [("XUSDT-PERP", "USDT"), ("XUSDC-PERP", "USDC")];

pub(crate) fn guards(report: &mut Report) {
    for (name, scale) in SCALES {
        report.part(&format!("guards:{name}"), |part| {
            let members = SYMBOLS.map(|(symbol, quote)| Member {
                name: MemberName { symbol: symbol.parse().expect("a symbol"), venue: VenueId::new("a") },
                quote: quote.to_owned(),
                channels: shared::event::Channel::OFFERED.to_vec(),
            });
            let names = members.each_ref().map(|m| m.name.clone());
            let [reference, other] = members;
            let mut machine =
                Machine::new(Scope::new(reference.clone(), [reference, other]), Thresholds::default());
            let (mut noise, mut walk) = (Noise::new(160), Walk::new(161, scale));
            let mut events: Vec<(usize, Body)> = Vec::new();
            events.extend(funding(162, scale, 500).into_iter().map(|f| (0, Body::Funding(f))));
            for n in 0..2 {
                let rows = open_interest(163 + n as u64, scale, 500);
                events.extend(rows.into_iter().map(|oi| (n, Body::Oi(oi))));
            }
            let hits = liquidations(165, scale, 3_000);
            events.extend(hits.into_iter().map(|(n, hit)| (n % 2, Body::Liquidation(hit))));
            for _ in 0..5_000 {
                let at = START + Ms(noise.below(3_600_000) as i64);
                let bid = walk.next();
                let ask = bid * (1.0 + noise.unit() / 300.0);
                let mut top = BookTop::from_best(at, (bid, noise.unit()), (ask, noise.unit()));
                let depth = Depth { bid_usd: noise.unit() * 1e5, ask_usd: noise.unit() * 1e5 };
                top.depth_10bps = (!noise.once_in(9)).then_some(depth);
                events.push((usize::from(noise.once_in(3)), Body::Book(top)));
            }
            let mut events: Vec<Event> = events
                .into_iter()
                .filter_map(|(n, body)| {
                    let MemberName { symbol, venue } = names.get(n)?.clone();
                    Some(Event { received: START, symbol, venue, body })
                })
                .collect();
            events.sort_by_key(Event::timestamp);
            for event in &events {
                let now = event.timestamp();
                machine.take(event, now);
                if noise.once_in(4) {
                    part.row(&machine.at(now));
                    part.row(&machine.next_change(now));
                }
                if noise.once_in(40) {
                    part.row(&machine.at(now + Ms(noise.below(4) as i64)));
                }
            }
        });
    }
}
