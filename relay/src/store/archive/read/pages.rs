//! Pages of a column: counted, and unpacked by a decompressor that stays.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::serialized_reader::SerializedPageReader;

use super::input::Input;

/// Counts the data pages that are decoded.
pub(super) struct Counted {
    pub(super) inner: SerializedPageReader<Input>,
    /// Its pages come as they are in the file.
    pub(super) packed: bool,
    pub(super) pages: Arc<AtomicU64>,
}

impl Counted {
    fn unpacked(&self, mut page: Page) -> Result<Page> {
        if self.packed {
            match &mut page {
                Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => *buf = unpack(buf)?,
                Page::DataPageV2 { .. } => {
                    return Err(ParquetError::General("a page of another form".into()));
                }
            }
        }
        Ok(page)
    }
}

/// Most bytes of a page: a thousand times what one of numbers has.
const PAGE_BYTES: u64 = 64 << 20;

thread_local! {
    static UNPACKER: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Unpacks a page.
fn unpack(packed: &Bytes) -> Result<Bytes> {
    let bad = || ParquetError::General("a page cannot be unpacked".into());
    let size = zstd::zstd_safe::get_frame_content_size(packed).ok().flatten();
    let size = size
        .filter(|size| *size <= PAGE_BYTES)
        .and_then(|size| usize::try_from(size).ok())
        .ok_or_else(bad)?;
    UNPACKER.with_borrow_mut(|kept| {
        let unpacker = match kept.take() {
            Some(unpacker) => unpacker,
            None => zstd::bulk::Decompressor::new()?,
        };
        Ok(kept.insert(unpacker).decompress(packed, size).map_err(|_| bad())?.into())
    })
}

impl Iterator for Counted {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Result<Page>> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Counted {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.inner.get_next_page()?.map(|page| self.unpacked(page)).transpose()?;
        if page.as_ref().is_some_and(Page::is_data_page) {
            self.pages.fetch_add(1, Ordering::Relaxed);
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.inner.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.inner.skip_next_page()
    }

    fn supports_deferred_dictionary(&self) -> bool {
        self.inner.supports_deferred_dictionary()
    }

    fn take_deferred_dictionary(&mut self) -> Result<Option<Page>> {
        self.inner.take_deferred_dictionary()?.map(|page| self.unpacked(page)).transpose()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.inner.at_record_boundary()
    }
}
