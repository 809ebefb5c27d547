//! A file into the store.

use std::path::Path;

use shared::market::Ms;

use super::input::Input;
use super::{Progress, Series, TransferError, cells};
use crate::store::{Record, Store};

/// Rows given to the store at once.
const BATCH_ROWS: usize = 5_000;

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    pub rows: u64,
    /// The first and the last timestamp.
    pub span: Option<(Ms, Ms)>,
    /// Columns of the file that mean nothing here.
    pub ignored: Vec<String>,
}

/// Reads the whole file once to see that every row can be, then again to store it: a file with a bad row leaves no
/// trace. Rows are kept by the rules every row is kept by, so order and repeats do not matter; bars count as of origin
/// `import`, the least of all, unless the file says otherwise (files of an export do).
///
/// # Errors
/// [`TransferError`], in one line.
pub async fn import(
    store: &dyn Store,
    path: &Path,
    series: &Series,
    now: Ms,
    progress: Progress<'_>,
) -> Result<Imported, TransferError> {
    let mut imported = Imported::default();
    let mut input = Input::open(path, series)?;
    let whole = input.whole;
    while let Some(values) = input.next(series)? {
        let event = cells::event(series, &values, now).map_err(|detail| input.bad(detail))?;
        let at = event.timestamp();
        imported.rows += 1;
        imported.span = Some(imported.span.map_or((at, at), |(from, to)| (from.min(at), to.max(at))));
        if imported.rows.is_multiple_of(BATCH_ROWS as u64) {
            progress(input.done() / 2, whole);
            tokio::task::yield_now().await;
        }
    }
    let mut input = Input::open(path, series)?;
    let mut batch = Vec::new();
    while let Some(values) = input.next(series)? {
        let event = cells::event(series, &values, now).map_err(|detail| input.bad(detail))?;
        batch.push(Record::Event(event));
        if batch.len() >= BATCH_ROWS {
            store.write(std::mem::take(&mut batch)).await?;
            progress((whole + input.done()) / 2, whole);
        }
    }
    store.write(batch).await?;
    store.flush().await?;
    progress(whole, whole);
    imported.ignored = input.ignored;
    Ok(imported)
}
