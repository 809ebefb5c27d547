//! What adapters share: numbers as venues write them, addresses of calls, names of contracts on many coins, and
//! what rows tell by their times.

pub(super) mod multiple;
pub(super) mod number;
pub(super) mod series;
pub(super) mod url;
