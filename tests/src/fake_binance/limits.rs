//! Request weights, counted and punished as the venue does.

use super::market::Product;

/// What one REST host has counted.
pub struct Limiter {
    capacity: u32,
    window_ms: i64,
    window: i64,
    pub used: u32,
    /// Calls made after the first 429 of a window.
    strikes: u32,
    banned_until: i64,
    /// Ban set by a test: its status and end.
    ordered: Option<(u16, i64)>,
    /// Whether refusals say how long to wait.
    pub retry_after_header: bool,
}

/// A refused call.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    pub status: u16,
    pub wait_s: i64,
    pub until: i64,
}

/// Calls after a 429 that earn a ban.
const STRIKES: u32 = 3;
const BAN_MS: i64 = 120_000;

impl Limiter {
    pub fn new(capacity: u32, window_ms: i64) -> Limiter {
        Limiter {
            capacity,
            window_ms,
            window: 0,
            used: 0,
            strikes: 0,
            banned_until: 0,
            ordered: None,
            retry_after_header: true,
        }
    }

    pub fn set_capacity(&mut self, capacity: u32) {
        self.capacity = capacity;
    }

    /// Refuses everything with `status` until `until`.
    pub fn order(&mut self, status: u16, until: i64) {
        self.ordered = Some((status, until));
    }

    /// Counts a call.
    ///
    /// # Errors
    /// [`Refused`] while over the limit or banned.
    pub fn admit(&mut self, now: i64, weight: u32) -> Result<(), Refused> {
        let refused = |status, until: i64| Refused { status, until, wait_s: (until - now + 999) / 1_000 };
        if let Some((status, until)) = self.ordered.filter(|(_, until)| now < *until) {
            return Err(refused(status, until));
        }
        if now < self.banned_until {
            return Err(refused(418, self.banned_until));
        }
        let window = now.div_euclid(self.window_ms);
        if window != self.window {
            (self.window, self.used, self.strikes) = (window, 0, 0);
        }
        self.used += weight;
        if self.used <= self.capacity {
            return Ok(());
        }
        self.strikes += 1;
        if self.strikes > STRIKES {
            self.banned_until = now + BAN_MS;
            return Err(refused(418, self.banned_until));
        }
        Err(refused(429, (window + 1) * self.window_ms))
    }
}

/// Weight of a call as documented; `None` for a path the venue does not have.
pub fn weight(product: Product, path: &str, limit: Option<u32>, by_symbol: bool) -> Option<u32> {
    let by_limit = |steps: &[(u32, u32)], default: u32| {
        let limit = limit.unwrap_or(default);
        steps.iter().find(|(up_to, _)| limit <= *up_to).or(steps.last()).map(|(_, weight)| *weight)
    };
    match (product, path) {
        (Product::Usdm, "/fapi/v1/exchangeInfo" | "/fapi/v1/openInterest" | "/fapi/v1/time") => Some(1),
        (Product::Usdm, "/fapi/v1/klines") => by_limit(&[(99, 1), (499, 2), (1_000, 5), (1_500, 10)], 500),
        (Product::Usdm, "/fapi/v1/depth") => by_limit(&[(50, 2), (100, 5), (500, 10), (1_000, 20)], 500),
        (Product::Usdm, "/fapi/v1/premiumIndex") => Some(if by_symbol { 1 } else { 10 }),
        (Product::Usdm, "/fapi/v1/aggTrades") => Some(20),
        // Counted by buckets of their own.
        (
            Product::Usdm,
            "/futures/data/openInterestHist" | "/fapi/v1/fundingRate" | "/fapi/v1/fundingInfo",
        ) => Some(0),
        (Product::Spot, "/api/v3/exchangeInfo") => Some(20),
        (Product::Spot, "/api/v3/time") => Some(1),
        (Product::Spot, "/api/v3/klines") => Some(2),
        (Product::Spot, "/api/v3/depth") => by_limit(&[(100, 5), (500, 25), (1_000, 50), (5_000, 250)], 100),
        (Product::Spot, "/api/v3/aggTrades") => Some(4),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn going_on_after_429_earns_a_ban() {
        let mut limiter = Limiter::new(10, 60_000);
        let at = 600_000;
        assert_eq!(limiter.admit(at, 10), Ok(()));
        for _ in 0..STRIKES {
            assert_eq!(
                limiter.admit(at + 500, 1),
                Err(Refused { status: 429, wait_s: 60, until: at + 60_000 })
            );
        }
        let ban = limiter.admit(at + 1_000, 1).expect_err("a ban");
        assert_eq!((ban.status, ban.wait_s), (418, 120));
        assert_eq!(limiter.admit(at + 61_000, 1).map_err(|e| e.status), Err(418));
        assert_eq!(limiter.admit(at + 121_001, 1), Ok(()));
    }

    #[test]
    fn weights_go_by_limit() {
        let klines = |limit| weight(Product::Usdm, "/fapi/v1/klines", limit, true);
        assert_eq!(
            [klines(Some(99)), klines(Some(100)), klines(None), klines(Some(1_500))],
            [Some(1), Some(2), Some(5), Some(10)]
        );
        assert_eq!(weight(Product::Spot, "/api/v3/depth", Some(5_000), true), Some(250));
        assert_eq!(weight(Product::Spot, "/fapi/v1/klines", None, true), None);
    }
}
