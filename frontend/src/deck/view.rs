//! What the components read: signals written by the deck, at most once per animation frame.

use leptos::prelude::*;
use shared::event::{BookTop, Channel, Funding, Liquidation, OpenInterest};
use shared::market::{Ms, Symbol, Timeframe};
use shared::wire::{ChannelStatus, VenueState};

use super::hands::Marks;
pub(crate) use crate::feed::line::session::{LinkState, LinkView};
use crate::feed::overview::Overview;
use crate::feed::rows::{GuardRow, SymbolRow};
use crate::series::{Heat, Track};
use crate::settings::{Drawn, Pane, Prefs, PriceStyle, Theme};
use crate::signal::Sig;

/// What the chart's place shows.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Stage {
    Loading,
    Ready,
    /// The relay has no bars for this symbol, venue and timeframe.
    Empty,
    /// What happened, in one line.
    Failed(String),
}

/// The open symbol.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Open {
    pub(crate) row: SymbolRow,
    pub(crate) venue: String,
    pub(crate) decimals: usize,
}

/// Last price and its change against 24 hours ago.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Quote {
    pub(crate) last: Option<f64>,
    pub(crate) change_percent: Option<f64>,
    /// -1, 0 or 1 by the last move.
    pub(crate) direction: i8,
}

/// One market drawn in the panes, in the order of the market's tracks.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct TrackView {
    pub(crate) symbol: Symbol,
    pub(crate) venue: String,
    pub(crate) hue: usize,
    pub(crate) channels: Vec<Channel>,
}

impl From<&Track> for TrackView {
    fn from(track: &Track) -> TrackView {
        TrackView {
            symbol: track.name().symbol.clone(),
            venue: track.name().venue.to_string(),
            hue: track.hue,
            channels: track.member.channels.clone(),
        }
    }
}

/// A value in a pane's header.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Part {
    /// Of a venue's line; none for what stands for all.
    pub(crate) hue: Option<usize>,
    pub(crate) name: String,
    pub(crate) value: String,
}

/// The open symbol's guards, as the newest frame has them.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct GuardsView {
    /// When the frame came, by the person's clock: ages grow from there.
    pub(crate) heard: Ms,
    /// `passing`, `warning` or `breach`.
    pub(crate) status: &'static str,
    pub(crate) rows: Vec<GuardRow>,
}

impl GuardsView {
    pub(crate) fn new(heard: Ms, rows: Vec<GuardRow>) -> GuardsView {
        // The worst of those that apply.
        let worst = ["breach", "warning"].into_iter().find(|s| rows.iter().any(|g| g.state == *s));
        GuardsView { heard, status: worst.unwrap_or("passing"), rows }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&GuardRow> {
        self.rows.iter().find(|g| g.name == name)
    }
}

/// Texts of the line over the price pane.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Legend {
    pub(crate) open: String,
    pub(crate) high: String,
    pub(crate) low: String,
    pub(crate) close: String,
    pub(crate) volume: String,
    pub(crate) change: String,
    pub(crate) rising: bool,
    /// Set while the crosshair is over a bar.
    pub(crate) time: Option<String>,
    /// Values of the panes at the same bar, in the order of [`Pane::ALL`].
    pub(crate) panes: [Vec<Part>; Pane::ALL.len()],
    /// Values of the lines over the price.
    pub(crate) studies: Vec<Part>,
    /// What each venue adds to the volume of a joined bar.
    pub(crate) shares: Vec<Part>,
    /// Holes under the crosshair, a line each.
    pub(crate) holes: Vec<String>,
}

/// Where a pane stands, in px of the stage.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct PaneRect {
    pub(crate) top: f64,
    pub(crate) height: f64,
    pub(crate) width: f64,
}

/// One venue in the bottom strip.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct VenueView {
    pub(crate) venue: String,
    pub(crate) state: VenueState,
    pub(crate) reason: Option<String>,
    /// When the newest event of any of its channels came; none until the first.
    pub(crate) last: Option<Ms>,
    /// What the relay last said of its channels, with times of what came here since.
    pub(crate) channels: Vec<ChannelStatus>,
}

impl VenueView {
    /// What is known of one channel.
    pub(crate) fn channel(&self, channel: Channel) -> Option<&ChannelStatus> {
        self.channels.iter().find(|c| c.channel == channel)
    }

    /// Notes that an event of a channel came.
    pub(crate) fn heard(&mut self, channel: Channel, at: Ms) {
        self.last = self.last.max(Some(at));
        if let Some(status) = self.channels.iter_mut().find(|c| c.channel == channel) {
            status.last_event = status.last_event.max(Some(at));
        }
    }
}

/// How the replay stands, in recorded time.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct ReplayView {
    pub(crate) playing: bool,
    pub(crate) ended: bool,
    pub(crate) position: Ms,
    pub(crate) from: Ms,
    /// None while the relay is still looking for the end.
    pub(crate) to: Option<Ms>,
    /// A seek is on its way there.
    pub(crate) target: Option<Ms>,
    /// Infinite: as fast as it goes.
    pub(crate) speed: f64,
    pub(crate) run: u32,
}

impl ReplayView {
    /// Where recorded time stands still: nothing plays, and no seek is under way.
    pub(crate) fn stands(&self) -> Option<Ms> {
        (!self.playing && self.target.is_none()).then_some(self.position)
    }
}

#[derive(Clone, Copy)]
pub(crate) struct View {
    pub(crate) symbols: Sig<Vec<SymbolRow>>,
    pub(crate) open: Sig<Option<Open>>,
    pub(crate) timeframe: Sig<Timeframe>,
    pub(crate) theme: Sig<Theme>,
    pub(crate) prefs: Sig<Prefs>,
    /// Panes the person chose; on a phone only [`Self::phone_pane`] is shown.
    pub(crate) panes: Sig<Vec<Pane>>,
    pub(crate) phone_pane: Sig<Pane>,
    /// Panes of which the header alone is shown.
    pub(crate) folded: Sig<Vec<Pane>>,
    /// The pane that has the stage for itself.
    pub(crate) maximised: Sig<Option<Pane>>,
    pub(crate) price_style: Sig<PriceStyle>,
    /// What is drawn on the price beside its bars.
    pub(crate) drawn: Sig<Drawn>,
    /// The heat map, while it is on.
    pub(crate) heat: Sig<Option<Heat>>,
    /// See [`crate::settings::Settings::indicators`].
    pub(crate) indicators: Sig<Vec<String>>,
    /// Place of the pane under the pointer, the price's being 0.
    pub(crate) under_pointer: Sig<Option<usize>>,
    pub(crate) phone: Sig<bool>,
    /// `live`, `demo`, `replay`; empty until the relay said.
    pub(crate) mode: Sig<String>,
    pub(crate) replay: Sig<Option<ReplayView>>,
    pub(crate) link: Sig<LinkView>,
    pub(crate) venues: Sig<Vec<VenueView>>,
    /// Markets drawn in the panes.
    pub(crate) tracks: Sig<Vec<TrackView>>,
    /// All venues of the open group.
    pub(crate) group_venues: Sig<Vec<String>>,
    /// The table of venues is unfolded, and what it shows.
    pub(crate) compare: Sig<bool>,
    pub(crate) overview: Sig<Option<Overview>>,
    pub(crate) stage: Sig<Stage>,
    pub(crate) quote: Sig<Quote>,
    pub(crate) legend: Sig<Legend>,
    pub(crate) rects: Sig<Vec<PaneRect>>,
    pub(crate) funding: Sig<Option<Funding>>,
    pub(crate) oi: Sig<Option<OpenInterest>>,
    /// Open interest an hour ago, for the change.
    pub(crate) oi_hour_ago: Sig<Option<f64>>,
    /// How far it moved within a minute, percent, while that is sudden.
    pub(crate) oi_moved: Sig<Option<f64>>,
    /// The last day of funding as an SVG path.
    pub(crate) funding_spark: Sig<String>,
    pub(crate) book: Sig<Option<BookTop>>,
    pub(crate) guards: Sig<Option<GuardsView>>,
    /// Newest first.
    pub(crate) tape: Sig<Vec<Liquidation>>,
    /// The record was read to its beginning: an empty tape means that it holds none.
    pub(crate) tape_whole: Sig<bool>,
    /// The newest hole in the record of the open symbol, in words.
    pub(crate) notice: Sig<Option<String>>,
    pub(crate) toast: Sig<Option<String>>,
    /// What a step by keys came to, for whoever hears the page.
    pub(crate) spoken: Sig<String>,
    /// What the person left on the chart of the open symbol.
    pub(crate) marks: Sig<Marks>,
    /// The stretch of history chosen: start, and end if there is one.
    pub(crate) range: Sig<Option<(Ms, Option<Ms>)>>,
    /// What is wrong with it, in one line.
    pub(crate) range_note: Sig<Option<String>>,
    /// Scrolled away from the newest bar.
    pub(crate) away: Sig<bool>,
    /// The market's now: the clock, or recorded time in a replay. Once a second.
    pub(crate) now: Sig<Ms>,
    /// The person's clock, for retries.
    pub(crate) wall: Sig<Ms>,
}

impl View {
    /// Whether a venue's market is drawn in the panes.
    pub(crate) fn draws(&self, venue: &str) -> bool {
        self.tracks.with(|all| all.iter().any(|track| track.venue == venue))
    }

    /// Signals of a deck; what belongs to the page is shared with `beside`, another deck of it.
    pub(crate) fn new(now: Ms, beside: Option<View>) -> View {
        let view = View {
            symbols: Sig::new(Vec::new()),
            open: Sig::new(None),
            timeframe: Sig::new(Timeframe::M1),
            theme: Sig::new(Theme::Dark),
            prefs: Sig::new(Prefs::default()),
            panes: Sig::new(Vec::new()),
            phone_pane: Sig::new(Pane::Liq),
            folded: Sig::new(Vec::new()),
            maximised: Sig::new(None),
            price_style: Sig::new(PriceStyle::Candles),
            indicators: Sig::new(Vec::new()),
            drawn: Sig::new(Drawn::default()),
            heat: Sig::new(None),
            under_pointer: Sig::new(None),
            phone: Sig::new(false),
            mode: Sig::new(String::new()),
            replay: Sig::new(None),
            link: Sig::new(LinkView {
                state: LinkState::Connecting,
                latency_ms: None,
                retry_at: None,
                slow: false,
            }),
            venues: Sig::new(Vec::new()),
            tracks: Sig::new(Vec::new()),
            group_venues: Sig::new(Vec::new()),
            compare: Sig::new(false),
            overview: Sig::new(None),
            stage: Sig::new(Stage::Loading),
            quote: Sig::new(Quote::default()),
            legend: Sig::new(Legend::default()),
            rects: Sig::new(Vec::new()),
            funding: Sig::new(None),
            oi: Sig::new(None),
            oi_hour_ago: Sig::new(None),
            oi_moved: Sig::new(None),
            funding_spark: Sig::new(String::new()),
            book: Sig::new(None),
            guards: Sig::new(None),
            tape: Sig::new(Vec::new()),
            tape_whole: Sig::new(false),
            notice: Sig::new(None),
            toast: Sig::new(None),
            spoken: Sig::new(String::new()),
            marks: Sig::new(Marks::default()),
            range: Sig::new(None),
            range_note: Sig::new(None),
            away: Sig::new(false),
            now: Sig::new(now),
            wall: Sig::new(now),
        };
        let Some(View { symbols, theme, prefs, phone, mode, link, venues, toast, now, wall, .. }) = beside
        else {
            return view;
        };
        View { symbols, theme, prefs, phone, mode, link, venues, toast, now, wall, ..view }
    }

    /// Panes under the price, from top to bottom.
    pub(crate) fn shown_panes(&self) -> Vec<Pane> {
        untrack(|| self.watch_panes())
    }

    /// Of the panes shown and the price, those folded to their header.
    pub(crate) fn folded_panes(&self) -> Vec<Pane> {
        untrack(|| self.watch_folded())
    }

    /// [`Self::shown_panes`] for views and effects, which follow it.
    pub(crate) fn watch_panes(&self) -> Vec<Pane> {
        if self.phone.get() {
            return vec![self.phone_pane.get()];
        }
        let chosen = self.panes.get();
        match self.maximised.get() {
            Some(Pane::Price) => Vec::new(),
            Some(pane) if chosen.contains(&pane) => vec![pane],
            _ => chosen,
        }
    }

    /// [`Self::folded_panes`] for views and effects.
    pub(crate) fn watch_folded(&self) -> Vec<Pane> {
        let shown = self.watch_panes();
        match self.maximised.get() {
            _ if self.phone.get() => Vec::new(),
            Some(pane) if shown.contains(&pane) => vec![Pane::Price],
            _ => self.folded.get().into_iter().filter(|p| shown.contains(p)).collect(),
        }
    }
}

/// Writes a signal only when the value differs, so that nothing downstream runs in vain.
pub(crate) fn put<T: PartialEq + Send + Sync + 'static>(signal: Sig<T>, value: T) {
    if signal.with_untracked(|held| *held != value) {
        signal.set(value);
    }
}
