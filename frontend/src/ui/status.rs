//! Whether the page is live, and whether the market is real.

use leptos::prelude::*;
use shared::event::Channel;
use shared::market::{Ms, Symbol};

use crate::app::use_view;
use crate::deck::view::{LinkState, VenueView, View};
use crate::feed::group::ALL;
use crate::format;
use crate::number;

#[component]
pub(crate) fn ConnectionStatus() -> impl IntoView {
    let view = use_view();
    let words = move || {
        let link = view.link.get();
        match link.state {
            LinkState::Live if link.slow => "slow connection".to_owned(),
            LinkState::Live => match link.latency_ms {
                Some(ms) if ms >= 1.0 => format!("live {}\u{a0}ms", number::fixed(ms, 0)),
                Some(_) => "live <1\u{a0}ms".into(),
                None => "live".into(),
            },
            LinkState::Polling => "polling".into(),
            LinkState::Connecting => "connecting".into(),
            LinkState::Offline => "offline".into(),
        }
    };
    let mode = move || Some(view.mode.get()).filter(|m| !m.is_empty());
    view! {
        <span
            class="connection num"
            role="status"
            data-testid="connection-status"
            data-state=move || view.link.get().state.name()
            data-mode=mode
            title="How data reaches this page, with half the round trip to the relay"
        >
            <i class="dot" aria-hidden="true"></i>
            <span class="words">{words}</span>
        </span>
    }
}

/// Says at all times that prices are simulated or recorded.
#[component]
pub(crate) fn ModeBadge() -> impl IntoView {
    let view = use_view();
    let badge = move || match view.mode.get().as_str() {
        "demo" => Some(("DEMO", "Simulated market: no real prices")),
        "replay" => Some(("REPLAY", "Recorded market: not happening now")),
        _ => None,
    };
    move || {
        badge()
            .map(|(word, why)| view! { <span class="badge" data-testid="mode-badge" title=why>{word}</span> })
    }
}

/// Line gone: what still stands, and when it is tried again.
#[component]
pub(crate) fn OfflineBanner() -> impl IntoView {
    let view = use_view();
    let shown = move || {
        let link = view.link.get();
        let lost = matches!(link.state, LinkState::Offline | LinkState::Polling);
        (lost && view.open.with(Option::is_some)).then_some(link)
    };
    // Of the open market's newest event.
    let age = move || Some(format::age(view.now.get() - oldest(view, |v| v.last)?));
    let text = move || {
        shown().map(|link| {
            let again = link.retry_at.map(|at| {
                let left = ((at - view.wall.get()).0.max(0) + 999) / 1_000;
                format!("Next attempt in {left}\u{a0}s.")
            });
            let what = match link.state {
                LinkState::Polling => "The live line is down; values come every 5\u{a0}s",
                _ => "The relay does not answer; the last values are kept",
            };
            let again = again.unwrap_or_else(|| "Trying now.".into());
            match age().filter(|_| link.state == LinkState::Offline) {
                Some(age) => format!("{what}, {age} old. {again}"),
                None => format!("{what}. {again}"),
            }
        })
    };
    move || text().map(|text| view! { <p class="banner num" role="status">{text}</p> })
}

/// Age of the open market's value of a channel once it stopped coming: where the relay calls the channel stale, or
/// `limit` after its time. Nothing while it is fresh, and nothing while there is none.
pub(crate) fn stale_age(view: View, channel: Channel, at: Option<Ms>, limit: Ms) -> Option<String> {
    let old = view.now.get() - at?;
    (old > limit || is_stale(view, channel)).then(|| format::age(old))
}

/// A time of the open market's venue; joined, the oldest of those that are drawn.
pub(crate) fn oldest(view: View, pick: impl Fn(&VenueView) -> Option<Ms>) -> Option<Ms> {
    let open = view.open.with(|o| o.as_ref().map(|o| o.venue.clone()))?;
    let of = |name: &str| view.venues.with(|all| all.iter().find(|v| v.venue == name).and_then(&pick));
    if open == ALL {
        return view.tracks.with(|tracks| tracks.iter().filter_map(|t| of(&t.venue)).min());
    }
    of(&open)
}

/// Whether the relay says that this channel of the open market does not deliver; joined, of any that is drawn.
pub(crate) fn is_stale(view: View, channel: Channel) -> bool {
    let open = view.open.with(|o| o.as_ref().map(|o| (o.row.symbol.clone(), o.venue.clone())));
    let Some((symbol, venue)) = open else { return false };
    let stale = |symbol: &Symbol, venue: &str| {
        view.venues.with(|all| {
            let venue = all.iter().find(|v| v.venue == venue);
            venue.and_then(|v| v.channel(channel)).is_some_and(|c| c.stale.contains(symbol))
        })
    };
    if venue == ALL {
        return view.tracks.with(|tracks| tracks.iter().any(|t| stale(&t.symbol, &t.venue)));
    }
    stale(&symbol, &venue)
}
