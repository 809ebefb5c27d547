//! Several recordings as one, in the order they were received, and in their own time.

use std::iter::Peekable;

use shared::market::Ms;

use super::reader::{CaptureError, RawFrame};

/// Merges recordings by receive time; frames of one recording keep their order, of equal times the recording
/// named first goes first. A frame without a time follows the one before it.
pub struct Merge<I: Iterator> {
    sources: Vec<Merged<I>>,
}

struct Merged<I: Iterator> {
    frames: Peekable<I>,
    /// Time of its newest frame so far.
    at: Ms,
}

impl<I: Iterator<Item = Result<RawFrame, CaptureError>>> Merge<I> {
    pub fn new(sources: impl IntoIterator<Item = I>) -> Merge<I> {
        let merged = |frames: I| Merged { frames: frames.peekable(), at: Ms::ZERO };
        Merge { sources: sources.into_iter().map(merged).collect() }
    }
}

impl<I: Iterator<Item = Result<RawFrame, CaptureError>>> Iterator for Merge<I> {
    /// Place of the recording and its next frame, damaged lines included.
    type Item = (usize, I::Item);

    fn next(&mut self) -> Option<Self::Item> {
        let due = |(place, source): (usize, &mut Merged<I>)| {
            let at = match source.frames.peek()? {
                Ok(frame) => frame.received.map_or(source.at, |received| received.max(source.at)),
                Err(_) => source.at,
            };
            Some((at, place))
        };
        let (at, place) = self.sources.iter_mut().enumerate().filter_map(due).min()?;
        let source = self.sources.get_mut(place)?;
        source.at = at;
        source.frames.next().map(|item| (place, item))
    }
}

/// When a recorded frame is due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// How many times faster than recorded; `None`: without waiting.
    speed: Option<f64>,
    /// Recorded and our time of the first frame.
    start: Option<(Ms, Ms)>,
}

impl Pace {
    /// As fast as possible.
    pub const MAX: Pace = Pace { speed: None, start: None };

    /// So many times faster than recorded; anything but a finite number above 0 counts as 1.
    pub fn times(speed: f64) -> Pace {
        let speed = if speed.is_finite() && speed > 0.0 { speed } else { 1.0 };
        Pace { speed: Some(speed), start: None }
    }

    /// The same speed from here on: a frame recorded at `recorded` would be due at `now`.
    #[must_use]
    pub fn from(self, recorded: Ms, now: Ms) -> Pace {
        Pace { start: Some((recorded, now)), ..self }
    }

    /// How long to wait at `now` before a frame recorded at `recorded` is played; the first one is due at once.
    pub fn wait(&mut self, recorded: Ms, now: Ms) -> Ms {
        let Some(speed) = self.speed else { return Ms::ZERO };
        let (first, began) = *self.start.get_or_insert((recorded, now));
        let since = (recorded - first).0.max(0) as f64 / speed;
        (began + Ms(since as i64) - now).max(Ms::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::FrameReader;

    #[test]
    fn recordings_are_merged_by_receive_time() {
        let lines = |times: &[Option<i64>]| {
            let line = |t: &Option<i64>| match t {
                Some(t) => format!("{} {{}}\n", (t + 1_000_000_000_000) * 1_000_000),
                None => "x\n".into(),
            };
            times.iter().map(line).collect::<String>()
        };
        let (one, two) =
            (lines(&[Some(1), Some(5), None, Some(9)]), lines(&[Some(2), Some(5), Some(4), Some(7)]));
        let merged = Merge::new([FrameReader::new(one.as_bytes()), FrameReader::new(two.as_bytes())]);
        let order: Vec<(usize, u64)> = merged.map(|(place, item)| (place, item.unwrap().line)).collect();
        // The third of the second went back in time: it keeps its place there.
        assert_eq!(order, [(0, 1), (1, 1), (0, 2), (0, 3), (1, 2), (1, 3), (1, 4), (0, 4)]);
    }

    #[test]
    fn pace_follows_recorded_time() {
        let mut twice = Pace::times(2.0);
        assert_eq!(twice.wait(Ms(1_000), Ms(50)), Ms(0));
        assert_eq!(twice.wait(Ms(3_000), Ms(50)), Ms(1_000));
        assert_eq!(twice.wait(Ms(3_000), Ms(900)), Ms(150));
        assert_eq!(twice.wait(Ms(3_000), Ms(2_000)), Ms(0), "late: at once");
        assert_eq!(twice.wait(Ms(500), Ms(60)), Ms(0), "a clock that went back");
        assert_eq!(twice.from(Ms(3_000), Ms(9_000)).wait(Ms(4_000), Ms(9_100)), Ms(400), "after a pause");
        let mut unpaced = Pace::MAX;
        assert_eq!(unpaced.wait(Ms(i64::MAX), Ms(0)), Ms(0));
        assert_eq!(Pace::times(f64::NAN), Pace::times(1.0));
    }
}
