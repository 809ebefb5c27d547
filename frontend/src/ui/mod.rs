//! Components, one per file: values in by the [`crate::deck::view::View`], choices out to the deck.

#![allow(unreachable_pub, reason = "the component macro makes its functions pub")]

mod alerts;
mod bar;
mod cards;
mod cells;
mod charts;
mod commands;
mod compare;
mod explain;
mod guards;
mod heat;
mod help;
mod indicators;
mod keys;
pub(crate) mod later;
mod menus;
mod oi_area;
mod panes;
mod picker;
mod range;
mod replay;
mod settings;
mod stage;
mod status;
mod strip;
mod surface;
mod table;
mod tape;
mod text;
mod watch;

pub(crate) use bar::TopBar;
pub(crate) use cards::Side;
pub(crate) use cells::{cell, cells};
pub(crate) use compare::Compare;
pub(crate) use keys::PageKeys;
pub(crate) use later::{later, lazy};
pub(crate) use panes::PaneTabs;
pub(crate) use range::RangeBar;
pub(crate) use replay::replay;
pub(crate) use stage::Stage;
pub(crate) use strip::{Strip, Toast};
pub(crate) use surface::{SurfacePlace, Surfaces};
