//! Which part of the history the chart holds: its cost per update grows with what it holds.

/// Bars held while the view follows the newest.
pub const LIVE_BARS: usize = 2_000;
/// Bars held at most, when zoomed out.
pub const MAX_BARS: usize = 5_000;
/// New bars appended past the live window before the far end is dropped.
const LIVE_SLACK: usize = 400;

/// A half-open stretch `[start, end)` of history indices.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Window {
    pub start: usize,
    pub end: usize,
}

/// What is visible, in (fractional) history indices; may reach past both ends.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Visible {
    pub from: f64,
    pub to: f64,
}

impl Visible {
    fn span(self) -> f64 {
        (self.to - self.from).max(1.0)
    }

    /// The newest of `len` bars is in view or right of it.
    pub fn follows(self, len: usize) -> bool {
        self.to >= len as f64 - 1.5
    }
}

impl Window {
    pub fn len(self) -> usize {
        self.end.saturating_sub(self.start)
    }

    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The window a chart should hold for what is visible (`None`: nothing drawn yet, so the newest).
    pub fn around(len: usize, visible: Option<Visible>) -> Window {
        let Some(visible) = visible else {
            return Window { start: len.saturating_sub(LIVE_BARS), end: len };
        };
        let size = ((visible.span() * 2.0) as usize).clamp(LIVE_BARS, MAX_BARS);
        if visible.follows(len) {
            return Window { start: len.saturating_sub(size), end: len };
        }
        let middle = ((visible.from + visible.to) / 2.0).max(0.0).min(len as f64) as usize;
        let start = middle.saturating_sub(size / 2).min(len.saturating_sub(size));
        Window { start, end: (start + size).min(len) }
    }

    /// The better window, where the held one no longer does: the view nears an end behind which there is more,
    /// or following has piled up too many bars.
    pub fn moved(self, len: usize, visible: Visible) -> Option<Window> {
        let margin = (visible.span() / 4.0).clamp(20.0, 400.0);
        let older = self.start > 0 && visible.from < self.start as f64 + margin;
        let newer = self.end < len && visible.to > self.end as f64 - margin;
        let bloated =
            visible.follows(len) && self.len() > Window::around(len, Some(visible)).len() + LIVE_SLACK;
        if !(older || newer || bloated) {
            return None;
        }
        let better = Window::around(len, Some(visible));
        // Zoomed out to the limit the margin can never be had: stay rather than swap on every step.
        let gain = better.start.abs_diff(self.start).max(better.end.abs_diff(self.end));
        (gain as f64 > margin / 2.0).then_some(better)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visible(from: f64, to: f64) -> Visible {
        Visible { from, to }
    }

    #[test]
    fn following_holds_the_newest() {
        assert_eq!(Window::around(50_000, None), Window { start: 48_000, end: 50_000 });
        assert_eq!(Window::around(300, None), Window { start: 0, end: 300 });
        let follow = Window::around(50_000, Some(visible(49_800.0, 50_005.0)));
        assert_eq!(follow, Window { start: 48_000, end: 50_000 });
        assert_eq!(follow.moved(50_000, visible(49_800.0, 50_005.0)), None);
    }

    #[test]
    fn new_bars_pile_up_to_the_slack_and_then_the_far_end_goes() {
        let held = |end| Window { start: 48_000, end };
        assert_eq!(held(50_300).moved(50_300, visible(50_100.0, 50_305.0)), None);
        assert_eq!(
            held(50_401).moved(50_401, visible(50_200.0, 50_405.0)),
            Some(Window { start: 48_401, end: 50_401 })
        );
    }

    #[test]
    fn scrolling_back_moves_the_window_before_its_end_is_seen() {
        let window = Window { start: 48_000, end: 50_000 };
        assert_eq!(window.moved(50_000, visible(48_100.0, 48_300.0)), None);
        let moved = window.moved(50_000, visible(48_040.0, 48_240.0)).unwrap();
        assert_eq!(moved, Window { start: 47_140, end: 49_140 });
        assert_eq!(moved.moved(50_000, visible(48_040.0, 48_240.0)), None);
        // And forward again.
        let forward = moved.moved(50_000, visible(48_920.0, 49_120.0)).unwrap();
        assert!(forward.end > 49_500);
    }

    #[test]
    fn zoomed_out_to_the_limit_it_holds_still() {
        let wide = visible(10_000.0, 17_000.0);
        let window = Window::around(50_000, Some(wide));
        assert_eq!(window.len(), MAX_BARS);
        assert_eq!(window.moved(50_000, wide), None);
        assert_eq!(Window::around(0, Some(wide)), Window { start: 0, end: 0 });
    }
}
