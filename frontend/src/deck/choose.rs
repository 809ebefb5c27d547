//! What a person chooses: symbol, timeframe, panes, theme.

use shared::event::{Channel, Topic};
use shared::market::{Ms, Symbol, Timeframe, VenueId};

use crate::chart::Aim;
use crate::desk::Moved;
use crate::feed::group;
use crate::feed::rows::SymbolRow;
use crate::format;
use crate::series::{Market, Reach, Track};
use crate::settings::{Drawn, Pane, Prefs, SymbolView};

use super::page::apply_looks;
use super::show::Stale;
use super::topics::TOPICS;
use super::view::{Open, Stage, TrackView, put};
use super::{Deck, live};

impl Deck {
    /// Opens a symbol at a venue, or joined over all of its group's; at its first venue where the wanted one does not
    /// list it.
    pub(crate) fn open(&self, row: &SymbolRow, venue: Option<&str>) {
        let members = self.view.symbols.with_untracked(|rows| group::members(rows, row));
        let listed =
            |v: &&str| row.venues.iter().any(|have| have == v) || (*v == group::ALL && members.len() > 1);
        let Some(venue) = venue.filter(listed).map(str::to_owned).or_else(|| row.venues.first().cloned())
        else {
            self.toast(format!("{} is listed at no configured venue.", row.symbol));
            return;
        };
        self.keep_view();
        self.take_up_panes(&SymbolView::key(&row.symbol));
        let decimals = format::decimals_of(row.tick_size);
        let order: Vec<String> =
            self.view.venues.with_untracked(|all| all.iter().map(|v| v.venue.clone()).collect());
        let tracks = {
            let core = self.core.borrow();
            group::tracks(&members, core.settings.picked(&row.group), row, &venue, &order)
        };
        let venue_id = VenueId::new(&venue);
        let beside = (self.view.drawn.get_untracked(), self.view.timeframe.get_untracked());
        let wanted = wanted(row, &venue_id, &tracks, beside);
        put(self.view.tracks, tracks.iter().map(TrackView::from).collect());
        put(self.view.group_venues, group::venues(&members));
        {
            let mut core = self.core.borrow_mut();
            core.generation += 1;
            core.loaded = Default::default();
            core.reach = vec![Default::default(); tracks.len()];
            core.taken = live::Taken::default();
            core.gaps.clear();
            core.signals = Reach::default();
            core.market = Some(Market::new(row.symbol.clone(), venue_id, row.calendar.clone(), tracks));
            core.settings.symbol = Some(row.symbol.to_string());
            core.settings.venue = Some(venue.clone());
            let core = &mut *core;
            core.choose_studies(&self.view.shown_panes());
            let plan = self.plan(core);
            if let Some(chart) = &mut core.chart {
                chart.clear();
                chart.arrange(plan, &core.settings);
                chart.set_instrument(row.tick_size);
            }
            (core.stale, core.panels_at) = (Stale::all(), Ms::ZERO);
        }
        // Not under the borrow: the line may tell at once.
        let line = self.line.borrow().clone();
        if let Some(line) = line {
            line.want(wanted);
        }
        if self.view.open.with_untracked(|open| open.as_ref().is_some_and(|o| o.row.symbol != row.symbol)) {
            put(self.view.overview, None);
        }
        self.view.open.set(Some(Open { row: row.clone(), venue, decimals }));
        self.view.notice.set(None);
        put(self.view.guards, None);
        put(self.view.stage, Stage::Loading);
        self.remember();
        self.emit_choice("symbolchange");
        self.moved(Moved::Symbol);
        self.load_marks();
        self.watch_layout();
        self.load_symbol();
        self.load_overview();
        self.load_heat();
        self.ask_frame();
    }

    /// Takes over what `asked` names and what differs; a symbol that the relay does not list changes nothing.
    pub(crate) fn choose(&self, asked: crate::url_state::UrlState) {
        if let Some(theme) = asked.theme {
            put(self.view.theme, theme);
        }
        if let Some(panes) = asked.panes {
            put(self.view.panes, panes.clone());
            self.core.borrow_mut().settings.panes = panes;
            self.arrange();
        }
        if let Some(timeframe) = asked.timeframe {
            self.set_timeframe(timeframe);
        }
        let Some(open) = self.view.open.get_untracked() else { return };
        let symbol = asked.symbol.unwrap_or_else(|| open.row.symbol.clone());
        let venue = asked.venue.or_else(|| (symbol == open.row.symbol).then(|| open.venue.clone()));
        if symbol == open.row.symbol && venue.as_deref().is_none_or(|v| v == open.venue) {
            return;
        }
        let row = self.view.symbols.with_untracked(|rows| rows.iter().find(|r| r.symbol == symbol).cloned());
        if let Some(row) = row {
            self.open(&row, venue.as_deref());
        }
    }

    /// Compares or leaves out a venue of the open group.
    pub(crate) fn toggle_venue(&self, venue: &str) {
        let Some(open) = self.view.open.get_untracked() else { return };
        let all = self.view.group_venues.get_untracked();
        {
            let mut core = self.core.borrow_mut();
            let before =
                core.settings.picked(&open.row.group).map_or_else(|| all.clone(), <[String]>::to_vec);
            let on = !before.iter().any(|v| v == venue);
            let now: Vec<String> =
                all.iter().filter(|v| if *v == venue { on } else { before.contains(v) }).cloned().collect();
            let picks = (now.len() < all.len()).then_some(now);
            core.settings.pick(&open.row.group, picks);
        }
        self.open(&open.row, Some(&open.venue));
    }

    /// Unfolds or folds the table of venues.
    pub(crate) fn toggle_compare(&self) {
        let open = !self.view.compare.get_untracked();
        self.view.compare.set(open);
        self.core.borrow_mut().settings.compare = open;
        self.remember();
        self.load_overview();
    }

    pub(crate) fn set_timeframe(&self, timeframe: Timeframe) {
        let before = self.view.timeframe.get_untracked();
        if before == timeframe {
            return;
        }
        {
            let mut guard = self.core.borrow_mut();
            let core = &mut *guard;
            core.settings.timeframe = Some(timeframe);
            core.shown = timeframe;
            core.studied = None;
            (core.stale, core.panels_at) = (Stale::all(), Ms::ZERO);
            if let (Some(chart), Some(market)) = (&mut core.chart, &core.market) {
                let follows =
                    chart.visible(market, before).is_none_or(|v| v.follows(market.bars(before).len()));
                let edge = chart.visible_times(market, before).map(|(_, to)| to);
                let aim = match self.view.range.get_untracked() {
                    Some((from, to)) => Aim::Between(from, to.unwrap_or(Ms(i64::MAX))),
                    None => edge.filter(|_| !follows).map_or(Aim::Newest, Aim::EndAt),
                };
                if market.bars(timeframe).is_empty() {
                    chart.clear();
                } else {
                    chart.reload(market, timeframe, aim);
                }
            }
        }
        self.view.timeframe.set(timeframe);
        self.drop_signals();
        self.want();
        self.settle_stage();
        self.remember();
        self.emit_choice("timeframechange");
        self.moved(Moved::Timeframe);
        if self.view.range.get_untracked().is_some() {
            self.load_chosen();
        } else {
            self.load_timeframe(timeframe);
        }
        self.ask_frame();
    }

    /// The one pane under the price on a phone.
    pub(crate) fn choose_phone_pane(&self, pane: Pane) {
        self.view.phone_pane.set(pane);
        self.core.borrow_mut().settings.phone_pane = pane;
        self.arrange();
    }

    pub(crate) fn toggle_theme(&self) {
        self.view.theme.update(|theme| *theme = theme.other());
        self.show_looks();
    }

    /// Takes over what was chosen in the settings dialog.
    pub(crate) fn set_prefs(&self, prefs: Prefs) {
        self.view.prefs.set(prefs);
        self.show_looks();
    }

    /// Changes one of them elsewhere.
    pub(crate) fn prefer(&self, change: impl FnOnce(&mut Prefs)) {
        let mut prefs = self.view.prefs.get_untracked();
        change(&mut prefs);
        self.set_prefs(prefs);
    }

    fn show_looks(&self) {
        if self.page.get() {
            apply_looks(self.view.theme.get_untracked(), self.view.prefs.get_untracked());
        }
        self.remember();
    }

    /// Shows chart and panels anew, after theme or preferences changed.
    pub(crate) fn restyle(&self) {
        let mut core = self.core.borrow_mut();
        (core.stale.legend, core.stale.tape) = (true, true);
        let (shown, zone) = (core.shown, self.view.prefs.get_untracked().zone);
        if let Some(chart) = &mut core.chart {
            chart.restyle();
            chart.set_zone(zone, shown);
        }
        drop(core);
        self.ask_frame();
    }

    /// Subscribes what is wanted now.
    pub(super) fn want(&self) {
        let Some(open) = self.view.open.get_untracked() else { return };
        let wanted = {
            let core = self.core.borrow();
            let Some(market) = &core.market else { return };
            let beside = (core.settings.drawn, core.shown);
            wanted(&open.row, market.venue(), market.tracks(), beside)
        };
        let line = self.line.borrow().clone();
        if let Some(line) = line {
            line.want(wanted);
        }
    }

    /// Shows the panes that are due after a choice or a change of width.
    pub(super) fn arrange(&self) {
        {
            let mut guard = self.core.borrow_mut();
            let core = &mut *guard;
            core.choose_studies(&self.view.shown_panes());
            let plan = self.plan(core);
            if let Some(chart) = &mut core.chart {
                chart.arrange(plan, &core.settings);
            }
            core.stale.legend = true;
        }
        self.watch_layout();
        self.remember();
        self.ask_frame();
    }
}

/// What to subscribe: bars and book of the open market, points of every track, what is marked on bars of a timeframe.
fn wanted(
    row: &SymbolRow,
    venue: &VenueId,
    tracks: &[Track],
    (drawn, shown): (Drawn, Timeframe),
) -> Vec<Topic> {
    let mut wanted: Vec<Topic> = Vec::new();
    let mut add = |symbol: &Symbol, venue: &VenueId, channel: Channel| {
        let interval = match channel {
            Channel::Bar => Some(Timeframe::M1),
            Channel::Signal => Some(shown),
            _ => None,
        };
        wanted.push(Topic { symbol: symbol.clone(), venue: venue.clone(), channel, interval });
    };
    if venue.as_str() == group::ALL {
        add(&row.symbol, venue, Channel::Bar);
    }
    // Guards stand for the whole group, whatever venue is open.
    if row.channels.contains(&Channel::Guards) {
        add(&row.symbol, &VenueId::new(group::ALL), Channel::Guards);
    }
    if drawn.heat > 0 && row.channels.contains(&Channel::Heatmap) {
        add(&row.symbol, &VenueId::new(group::ALL), Channel::Heatmap);
    }
    if drawn.signals && venue.as_str() != group::ALL && row.channels.contains(&Channel::Signal) {
        add(&row.symbol, venue, Channel::Signal);
    }
    for track in tracks {
        let name = track.name();
        let offered = TOPICS.into_iter().filter(|c| *c != Channel::Book && track.member.offers(*c));
        offered.for_each(|channel| add(&name.symbol, &name.venue, channel));
        if name.symbol == row.symbol && name.venue == *venue {
            [Channel::Bar, Channel::Book].into_iter().for_each(|c| add(&name.symbol, &name.venue, c));
        }
    }
    wanted
}

/// Which symbol to open: the address, then the last visit, then the first listed.
pub(super) fn first_choice<'a>(
    rows: &'a [SymbolRow],
    asked: Option<&Symbol>,
    last: Option<&str>,
) -> Option<&'a SymbolRow> {
    let by = |name: &str| rows.iter().find(|r| r.symbol.as_str() == name);
    asked
        .and_then(|s| by(s.as_str()))
        .or_else(|| last.and_then(by))
        .or_else(|| by("BTCUSDT-PERP"))
        .or_else(|| rows.first())
}
