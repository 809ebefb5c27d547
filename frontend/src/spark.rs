//! Lines and areas as SVG paths.

use crate::number;

/// The box points (x, y) are drawn in: what stands at its left, right, bottom and top.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Frame {
    pub x: (f64, f64),
    pub y: (f64, f64),
    /// Width and height of the drawing.
    pub size: (f64, f64),
}

impl Frame {
    /// The smallest that holds all finite points; `None` below two of them.
    pub fn around(points: &[(f64, f64)], size: (f64, f64)) -> Option<Frame> {
        let mut known = points.iter().filter(|p| p.1.is_finite());
        let first = known.next()?;
        let mut frame = Frame { x: (first.0, first.0), y: (first.1, first.1), size };
        for (x, y) in known {
            frame.x.1 = *x;
            frame.y = (frame.y.0.min(*y), frame.y.1.max(*y));
        }
        (frame.x.1 > frame.x.0).then_some(frame)
    }

    /// Where a point stands in the drawing, from its left and top; in the middle where the frame has no height.
    pub fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let share = |at: f64, (from, to): (f64, f64)| if to > from { (at - from) / (to - from) } else { 0.5 };
        (share(x, self.x) * self.size.0, (1.0 - share(y, self.y)) * self.size.1)
    }

    /// A line through points in ascending x; one that is not finite is a gap. `down_to` closes each stretch along
    /// that height, as an area.
    pub fn path(&self, points: &[(f64, f64)], down_to: Option<f64>) -> String {
        let mut path = String::new();
        for stretch in points.split(|p| !p.1.is_finite()).filter(|s| s.len() > 1) {
            for (n, point) in stretch.iter().enumerate() {
                step(&mut path, if n == 0 { 'M' } else { 'L' }, self.place(*point));
            }
            if let (Some(bottom), Some(first), Some(last)) = (down_to, stretch.first(), stretch.last()) {
                let (right, left) = (self.place(*last).0, self.place(*first).0);
                step(&mut path, 'L', (right, bottom));
                step(&mut path, 'L', (left, bottom));
                path.push('Z');
            }
        }
        path
    }
}

/// Goes on with a path to a point.
fn step(path: &mut String, how: char, (x, y): (f64, f64)) {
    path.push(how);
    path.push_str(&number::fixed(x, 1));
    path.push(' ');
    path.push_str(&number::fixed(y, 1));
}

/// Three to six round numbers (1, 2 or 5 by a power of ten apart) within two bounds, ascending.
pub fn ticks(low: f64, high: f64) -> Vec<f64> {
    let span = high - low;
    if !(span.is_finite() && span > 0.0) {
        return Vec::new();
    }
    let power = 10_f64.powf((span / 3.0).log10().floor());
    let step =
        [5.0, 2.0, 1.0].into_iter().map(|n| n * power).find(|step| *step <= span / 3.0).unwrap_or(power);
    let first = (low / step).ceil();
    (0..6).map(|n| (first + f64::from(n)) * step).take_while(|tick| *tick <= high).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fill_their_frame_and_break_at_gaps() {
        let points = [(10.0, 1.0), (15.0, 3.0), (20.0, 2.0)];
        let frame = Frame::around(&points, (100.0, 20.0)).unwrap();
        assert_eq!(frame.path(&points, None), "M0.0 20.0L50.0 0.0L100.0 10.0");
        assert_eq!(frame.path(&points, Some(20.0)), "M0.0 20.0L50.0 0.0L100.0 10.0L100.0 20.0L0.0 20.0Z");
        let level = [(0.0, 7.0), (1.0, 7.0)];
        assert_eq!(Frame::around(&level, (100.0, 20.0)).unwrap().path(&level, None), "M0.0 10.0L100.0 10.0");
        let gap = [(0.0, 0.0), (1.0, 1.0), (2.0, f64::NAN), (3.0, 1.0), (4.0, 0.0)];
        let frame = Frame::around(&gap, (40.0, 10.0)).unwrap();
        assert_eq!(frame.path(&gap, None), "M0.0 10.0L10.0 0.0M30.0 0.0L40.0 10.0");
        assert_eq!(Frame::around(&[(0.0, 7.0), (1.0, f64::NAN)], (1.0, 1.0)), None);
    }

    #[test]
    fn ticks_are_round() {
        for (low, high, expected) in [
            (0.0, 10.0, vec![0.0, 2.0, 4.0, 6.0, 8.0, 10.0]),
            (9.71e9, 9.87e9, vec![9.75e9, 9.8e9, 9.85e9]),
            (-1.0, 1.0, vec![-1.0, -0.5, 0.0, 0.5, 1.0]),
            (3.0, 3.0, vec![]),
            (0.0, f64::NAN, vec![]),
        ] {
            assert_eq!(ticks(low, high), expected, "{low} to {high}");
        }
    }
}
