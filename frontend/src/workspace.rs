//! Several charts on one page as a line of text: what settings, saved workspaces and links hold.

use crate::json::{self, needs, writes};
use crate::url_state::UrlState;

/// How many charts, and how they stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Layout {
    #[default]
    One,
    /// Side by side.
    Two,
    Four,
    Nine,
}

impl Layout {
    pub const ALL: [Layout; 4] = [Layout::One, Layout::Two, Layout::Four, Layout::Nine];

    /// The name in links and test hooks.
    pub const fn name(self) -> &'static str {
        match self {
            Layout::One => "1",
            Layout::Two => "2",
            Layout::Four => "2x2",
            Layout::Nine => "3x3",
        }
    }

    /// Its number of charts.
    pub const fn charts(self) -> usize {
        match self {
            Layout::One => 1,
            Layout::Two => 2,
            Layout::Four => 4,
            Layout::Nine => 9,
        }
    }

    pub fn parse(text: &str) -> Option<Layout> {
        Layout::ALL.into_iter().find(|l| l.name() == text)
    }
}

/// What charts have in common: a choice in one is made in all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Links(u8);

impl Links {
    pub const SYMBOL: Links = Links(1);
    pub const TIMEFRAME: Links = Links(2);
    pub const CROSSHAIR: Links = Links(4);
    pub const RANGE: Links = Links(8);

    pub const fn has(self, link: Links) -> bool {
        self.0 & link.0 != 0
    }

    pub const fn toggled(self, link: Links) -> Links {
        Links(self.0 ^ link.0)
    }
}

/// Layout, links, the place of the active chart, and what each chart shows.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Workspace {
    pub layout: Layout,
    pub links: Links,
    pub active: usize,
    pub charts: Vec<UrlState>,
}

impl Workspace {
    /// `2x2;5;0;symbol=..&tf=..;..`: fit for the part of an address after `#`.
    pub fn to_text(&self) -> String {
        let mut text = format!("{};{};{}", self.layout.name(), self.links.0, self.active);
        for chart in &self.charts {
            text.push(';');
            text.push_str(chart.to_query().trim_start_matches('?'));
        }
        text
    }

    /// Reads what [`Self::to_text`] wrote; `None` for anything else. A chart that cannot be read is one that shows
    /// what is shown by default.
    pub fn from_text(text: &str) -> Option<Workspace> {
        let mut parts = text.split(';');
        let layout = Layout::parse(parts.next()?)?;
        let links = Links(parts.next()?.parse().ok().filter(|links| *links < 16)?);
        let active: usize = parts.next()?.parse().ok()?;
        let charts: Vec<UrlState> = parts.take(layout.charts()).map(UrlState::parse).collect();
        Some(Workspace { layout, links, active: active.min(layout.charts() - 1), charts })
    }
}

/// The file a workspace is exported as.
struct File {
    /// Version of the form.
    tapedeck_workspace: u32,
    name: String,
    desk: String,
}

needs! { File { tapedeck_workspace, name, desk; } }
writes! { File { tapedeck_workspace, name, desk } }

/// A saved workspace as a JSON file.
pub fn to_file(name: &str, text: &str) -> String {
    let file = File { tapedeck_workspace: 1, name: name.to_owned(), desk: text.to_owned() };
    json::written(&file)
}

/// Name and text of a workspace in a file.
///
/// # Errors
/// One line for the person who chose it: what is wrong with the file.
pub fn from_file(file: &str) -> Result<(String, String), &'static str> {
    let file: File = json::read(file).map_err(|_| "This file is not a tapedeck workspace.")?;
    if file.tapedeck_workspace != 1 {
        return Err("This workspace was saved by a newer tapedeck.");
    }
    Workspace::from_text(&file.desk).ok_or("The workspace in this file is damaged.")?;
    let name = file.name.trim();
    Ok((if name.is_empty() { "Imported" } else { name }.chars().take(NAME_CHARS).collect(), file.desk))
}

/// Longest name of a workspace.
pub const NAME_CHARS: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Pane;

    #[test]
    fn workspaces_round_trip() {
        let chart = |symbol: &str, panes: &[Pane]| UrlState {
            symbol: symbol.parse().ok(),
            venue: Some("sim".into()),
            timeframe: "1M".parse().ok(),
            panes: Some(panes.to_vec()),
            ..UrlState::default()
        };
        let workspace = Workspace {
            layout: Layout::Two,
            links: Links::default().toggled(Links::SYMBOL).toggled(Links::RANGE),
            active: 1,
            charts: vec![chart("BTC/USDT", &[Pane::Oi, Pane::Liq]), chart("币安人生USDT-PERP", &[])],
        };
        let text = workspace.to_text();
        assert_eq!(
            text,
            "2;9;1;symbol=BTC/USDT&venue=sim&tf=1M&panes=oi,liq;symbol=%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9FUSDT-PERP&venue=sim&tf=1M&panes="
        );
        assert_eq!(Workspace::from_text(&text), Some(workspace));
    }

    #[test]
    fn what_is_no_workspace_is_none() {
        for junk in ["", "2", "5x5;0;0", "2;x;0", "2;16;0", "2;0;-1", "{}"] {
            assert_eq!(Workspace::from_text(junk), None, "{junk}");
        }
        let few = Workspace::from_text("2x2;0;9;symbol=..").unwrap();
        assert_eq!((few.active, few.charts), (3, vec![UrlState::default()]));
        assert_eq!(Workspace::from_text("1;0;0;;;;").unwrap().charts.len(), 1, "no more than the layout has");
    }

    #[test]
    fn files_round_trip_and_say_what_is_wrong() {
        let text = "2;0;0;symbol=BTC/USDT;symbol=ETH/USDT";
        assert_eq!(from_file(&to_file("Majors", text)), Ok(("Majors".into(), text.into())));
        assert_eq!(from_file(&to_file(" ", text)).unwrap().0, "Imported");
        assert_eq!(from_file("[]").unwrap_err(), "This file is not a tapedeck workspace.");
        assert_eq!(from_file(&to_file("x", "7x7")).unwrap_err(), "The workspace in this file is damaged.");
        let newer = to_file("x", text).replace(":1,", ":2,");
        assert_eq!(from_file(&newer).unwrap_err(), "This workspace was saved by a newer tapedeck.");
    }

    #[test]
    fn links_are_independent() {
        let links = Links::default().toggled(Links::CROSSHAIR);
        assert!(links.has(Links::CROSSHAIR) && !links.has(Links::SYMBOL));
        assert_eq!(links.toggled(Links::CROSSHAIR), Links::default());
    }
}
