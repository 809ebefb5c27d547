//! Recordings: writing raw venue frames, reading them back, decoding them to events.
//!
//! Reading order: [`reader`] (every recorded form as one kind of frame), [`interpret`] (recorded frames to a
//! venue's updates), [`decode`] (the `decode` command), [`replay`] (several recordings in recorded order and
//! time), [`record`] (the writer).

pub mod decode;
mod form;
pub mod interpret;
pub mod reader;
pub mod record;
pub mod replay;

#[cfg(test)]
pub(crate) mod capture_tests;

pub use reader::{CaptureError, FrameReader, RawFrame, Source};
pub use record::{FrameSink, Packing, Recording};
pub use replay::{Merge, Pace};
