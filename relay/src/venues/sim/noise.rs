//! Randomness without state: hashes of a key and a place, and smooth noise between them.
//!
//! Additions, multiplications, divisions and integer hashes only, so every machine gives equal bits.

/// A source of random numbers by place: the same key and index always give the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key(u64);

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64: every input bit flips about half of the output bits.
#[inline(always)]
const fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Key {
    pub(super) const fn new(seed: u64) -> Key {
        Key(mix(seed.wrapping_add(GOLDEN)))
    }

    /// An independent key for a purpose or a place.
    #[inline(always)]
    pub(super) const fn child(self, index: i64) -> Key {
        Key(self.bits(index))
    }

    #[inline(always)]
    pub(super) const fn bits(self, index: i64) -> u64 {
        mix(self.0.wrapping_add((index as u64).wrapping_mul(GOLDEN)))
    }

    /// Uniform in `[0, 1)`.
    #[inline(always)]
    pub(super) const fn unit(self, index: i64) -> f64 {
        unit(self.bits(index))
    }

    /// Uniform in `[-1, 1)`.
    #[inline(always)]
    pub(super) const fn signed(self, index: i64) -> f64 {
        self.unit(index) * 2.0 - 1.0
    }

    /// Noise in `[-1, 1)`, smooth over time, independent from one `period` to the next.
    #[inline(always)]
    pub(super) fn smooth(self, at: i64, period: i64) -> f64 {
        let cell = at.div_euclid(period);
        let x = smoothstep(at.rem_euclid(period) as f64 / period as f64);
        let (a, b) = (self.signed(cell), self.signed(cell + 1));
        a + (b - a) * x
    }
}

/// The top 53 bits as a fraction in `[0, 1)`.
#[inline(always)]
pub(super) const fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

/// 0 below 0, 1 above 1, and in between a curve with level ends.
#[inline(always)]
pub(super) fn smoothstep(x: f64) -> f64 {
    let x = x.clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

/// e^x for the |x| < 2 that log prices span; the library's is not equal on every platform.
pub(super) fn exp(x: f64) -> f64 {
    let x = x / 16.0;
    let series =
        1.0 + x * (1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * (1.0 + x / 6.0)))));
    let e2 = series * series;
    let e4 = e2 * e2;
    let e8 = e4 * e4;
    e8 * e8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_close_to_the_library() {
        for i in -20..=20 {
            let x = f64::from(i) / 10.0;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-8, "{x}");
        }
    }

    #[test]
    fn smooth_noise_is_continuous_and_bounded() {
        let key = Key::new(3);
        for at in -5_000..5_000 {
            let (a, b) = (key.smooth(at, 997), key.smooth(at + 1, 997));
            assert!(a.abs() <= 1.0 && (a - b).abs() < 2.0 * 1.5 / 997.0 + 1e-9, "{at}: {a} {b}");
        }
    }
}
