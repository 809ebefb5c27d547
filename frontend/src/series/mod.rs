//! The open market's history, natively tested: [`Rolling`] stores, [`Market`] that folds frames into them,
//! [`Layer`] rows for the chart, the [`Window`] the chart holds, and [`Turns`] of who paints when.

pub mod heat;
mod holes;
pub mod layers;
mod loaded;
mod market;
mod marks;
mod moves;
mod reach;
mod rolling;
pub mod sheet;
mod studies;
mod track;
mod turns;
mod watched;
mod window;

pub use heat::Heat;
pub use holes::{Hole, Holes, Shade};
pub use layers::Layer;
pub use loaded::Loaded;
pub use market::{CAPACITY, Changes, Market, Share, Shares};
pub use marks::{SignalMark, marks};
pub use moves::{SUDDEN, sudden};
pub use reach::{Page, Reach};
pub use rolling::{Rolling, Timed};
pub use studies::{Studies, is_overlay, label};
pub use track::Track;
pub use turns::Turns;
pub use watched::{Watched, day_change};
pub use window::{LIVE_BARS, MAX_BARS, Visible, Window};
