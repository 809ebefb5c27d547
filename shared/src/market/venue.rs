//! Venue names.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A venue's name as it appears outside; which venues exist is the relay's registry's business.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct VenueId(Arc<str>);

impl VenueId {
    pub fn new(name: &str) -> VenueId {
        VenueId(Arc::from(name))
    }

    /// The name under which rows and topics join all venues; no venue bears it.
    pub const ALL: &'static str = "all";

    pub fn all() -> VenueId {
        VenueId::new(VenueId::ALL)
    }

    /// Whether it stands for all venues.
    pub fn is_all(&self) -> bool {
        &*self.0 == VenueId::ALL
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VenueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
