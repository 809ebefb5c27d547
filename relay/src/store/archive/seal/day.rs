//! One file: from hot rows to a listed file, and only then out of the hot store.

use std::collections::BTreeSet;
use std::sync::Arc;

use shared::event::{Body, Event};
use shared::market::{Ms, VenueId};

use super::{SealError, blocking};
use crate::store::archive::Archive;
use crate::store::archive::join::merge;
use crate::store::archive::layout::Meta;
use crate::store::archive::read::{Sealed, Span};
use crate::store::archive::write::write;
use crate::store::{HotStore, Query};

/// What became of a day.
pub(super) struct Done {
    /// A file was written; false where the hot rows changed nothing in the one there is.
    pub(super) written: bool,
    /// Rows deleted from the hot store.
    pub(super) rows: u64,
}

/// Seals what is hot of a day.
pub(super) async fn seal(
    hot: &Arc<dyn HotStore>,
    archive: &Arc<Archive>,
    meta: &Meta,
    now: Ms,
) -> Result<Done, SealError> {
    let Meta { dataset, symbol, venue, day } = meta.clone();
    let query = Query { dataset, symbol, venue, from: day, to: meta.end(), limit: usize::MAX, newest: false };
    let (mut rows, mark) = hot.snapshot(query).await?;
    rows.retain(|row| !matches!(row.body, Body::Bar(bar) if !bar.closed));
    if rows.is_empty() {
        return Ok(Done { written: false, rows: 0 });
    }
    let venues: BTreeSet<VenueId> = rows.iter().map(|row| row.venue.clone()).collect();
    let written = {
        let (archive, meta) = (archive.clone(), meta.clone());
        blocking(move || put(&archive, &meta, rows, now)).await?
    };
    let mut deleted = 0;
    for venue in &venues {
        deleted += hot.forget(dataset, &meta.symbol, venue, day, meta.end(), mark).await?;
    }
    Ok(Done { written, rows: deleted })
}

/// Adds rows to a day's file; answers whether it changed. What is listed when it returns is durable.
fn put(archive: &Archive, meta: &Meta, rows: Vec<Event>, now: Ms) -> Result<bool, SealError> {
    let held = match archive.manifest().get(&meta.path()).filter(|entry| entry.meta == *meta) {
        Some(entry) => {
            archive.open_file(&entry)?.map(|file| file.scan(Span::all())?.collect()).transpose()?
        }
        None => None,
    };
    let rows = match held {
        Some(held) => {
            let all = merge(meta.dataset, held.clone(), rows);
            if all == held {
                return Ok(false);
            }
            all
        }
        None => rows,
    };
    publish(archive, meta, &rows, now)?;
    Ok(true)
}

/// Writes a file beside its place, reads it back, puts it in its place and lists it.
pub(super) fn publish(archive: &Archive, meta: &Meta, rows: &[Event], now: Ms) -> Result<(), SealError> {
    let aside = archive.aside(meta);
    let done = write(&aside, meta, rows).map_err(SealError::from).and_then(|written| {
        let file = Sealed::open_known(&aside, written.bytes, written.xxh3)?;
        let same = file.meta() == Some(meta) && file.scan(Span::all())?.collect()? == rows;
        if !same {
            return Err(SealError::Differs(aside.display().to_string()));
        }
        archive.publish(meta, written, now)?;
        Ok(())
    });
    if done.is_err() {
        // Room that a full disk lacks; a kill leaves it to the next start.
        std::fs::remove_file(&aside).ok();
    }
    done
}
