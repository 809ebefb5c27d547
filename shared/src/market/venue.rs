//! Venue names.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A venue's name as it appears outside; which venues exist is the relay's registry's business.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VenueId(Arc<str>);

impl VenueId {
    pub fn new(name: &str) -> VenueId {
        VenueId(Arc::from(name))
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
