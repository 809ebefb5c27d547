//! A fingerprint of numbers and texts: tells that something changed, and that two machines computed the same bits.

/// FNV-1a over 64 bits. Not for anything an adversary chooses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Digest::new()
    }
}

impl Digest {
    pub const fn new() -> Digest {
        Digest(0xcbf2_9ce4_8422_2325)
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    pub fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    pub fn i64(&mut self, value: i64) {
        self.bytes(&value.to_le_bytes());
    }

    /// Every bit counts: `0.0` and `-0.0` differ.
    pub fn f64(&mut self, value: f64) {
        self.u64(value.to_bits());
    }

    /// What is not there differs from everything that is.
    pub fn maybe(&mut self, value: Option<f64>) {
        self.bytes(&[u8::from(value.is_some())]);
        self.f64(value.unwrap_or(0.0));
    }

    /// With its length, so that two texts in a row are not one.
    pub fn text(&mut self, text: &str) {
        self.u64(text.len() as u64);
        self.bytes(text.as_bytes());
    }

    pub const fn value(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_fnv_1a() {
        let of = |text: &str| {
            let mut digest = Digest::new();
            digest.bytes(text.as_bytes());
            digest.value()
        };
        // Published test vectors.
        assert_eq!(of(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(of("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(of("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn one_bit_is_a_difference() {
        let of = |f: &dyn Fn(&mut Digest)| {
            let mut digest = Digest::new();
            f(&mut digest);
            digest.value()
        };
        let one = of(&|d| d.f64(1.0));
        assert_ne!(one, of(&|d| d.f64(1.0 + f64::EPSILON)));
        assert_ne!(of(&|d| d.f64(0.0)), of(&|d| d.f64(-0.0)));
        assert_ne!(of(&|d| d.maybe(None)), of(&|d| d.maybe(Some(0.0))));
        let texts = |a: &str, b: &str| {
            of(&|d| {
                d.text(a);
                d.text(b);
            })
        };
        assert_ne!(texts("ab", "c"), texts("a", "bc"));
    }
}
