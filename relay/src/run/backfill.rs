//! `tapedeck backfill`: history from the venues into the record, as far as it is not there.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use indicatif::ProgressBar;
use secrecy::ExposeSecret;
use shared::event::{Body, Event};
use shared::market::{Instrument, Kind, Ms, Timeframe, VenueId};

use super::open::{progress_bar, take_folders, whole_store};
use super::{install_tls, start_logs};
use crate::Mode;
use crate::cli::Backfill;
use crate::clock::system_now;
use crate::config::{Config, Provider};
use crate::directory::Directory;
use crate::history::{BarsQuery, History, HistoryError, HistorySource};
use crate::ingest::Board;
use crate::ingest::live;
use crate::ingest::rest::{Rest, RestError, http_client};
use crate::ingest::source::Sources;
use crate::store::{Coverage, Dataset, Record, Store};
use crate::venues::{self, Fetch, Fetched, What};

/// Without `--from`.
const USUAL: Ms = Ms(30 * Ms::DAY.0);
/// Bars asked for at once.
const WINDOW: usize = 5_000;
/// Between attempts while the venue or its budget refuses, and how many there are without a step forward.
const PAUSE: Duration = Duration::from_secs(5);
const ATTEMPTS: u32 = 60;
const PATIENCE: Duration = Duration::from_secs(60);
/// A window of funding or open interest: fewer rows than a page of any venue has.
const FUNDING_WINDOW: Ms = Ms(4 * Ms::DAY.0);
const OI_WINDOW: Ms = Ms(12 * Ms::HOUR.0);
/// Venues keep open interest about so long.
const OI_DEPTH: Ms = Ms(29 * Ms::DAY.0);
/// What is younger may still be published.
const LATE: Ms = Ms(600_000);

/// Fetches bars, funding and open interest of the asked range. Killed and run again it goes on where it was: rows and
/// fetched stretches are in the store as soon as they were answered.
///
/// # Errors
/// One line: an unknown venue or symbol, a venue that gives no history, a folder in use.
pub async fn backfill(config: Config, args: Backfill) -> anyhow::Result<()> {
    start_logs(&config.log);
    let ids: Vec<VenueId> = match (&config.venues.provider, args.venues.as_slice()) {
        (Provider::Venues(ids), []) => ids.clone(),
        (Provider::Sim, []) => {
            bail!("the simulated market writes its history by itself: name a venue with --venue")
        }
        (_, named) => named.iter().map(|name| VenueId::new(name)).collect(),
    };
    let symbols = if args.symbols.is_empty() { &config.venues.symbols } else { &args.symbols };
    let now = system_now();
    let (from, to) = args.range.or(now - USUAL, now);
    let range = (from.max(Ms::ZERO), to.min(now));
    if range.0 >= range.1 {
        bail!("--from is not before --to, or lies in the future: the range holds nothing");
    }
    let _locks = take_folders(&config.store)?;
    let store = whole_store(&config.store).await?;
    install_tls();
    let proxy = config.venues.https_proxy.as_ref().map(ExposeSecret::expose_secret);
    let http = http_client(proxy).context("HTTPS_PROXY")?;
    let directory = Arc::new(Directory::new(ids.clone()));
    let board = Arc::new(Board::new(Mode::Live, ids.clone()));
    let sources = Arc::new(Sources::new(directory.clone()));
    let history =
        History::new(store.clone(), sources.clone(), Arc::new(|_: &_, _: &_| Vec::new()), system_now);
    let mut found = 0;
    for id in &ids {
        let base_urls = config.venues.base_urls.get(id.as_str()).cloned().unwrap_or_default();
        let Some(venue) = venues::build(id, &base_urls) else {
            let names: Vec<_> = venues::names().collect();
            bail!("--venue: there is no venue `{id}`: use one of {}", names.join(", "));
        };
        if let Some(reason) = venue.off() {
            eprintln!("{id}: {}", reason.reason);
            continue;
        }
        let rest = Rest::new(venue, http.clone(), board.clone(), None)
            .keep_quota(&config.venues.data_dir)
            .with_context(|| format!("DATA_DIR: the use of {id}'s monthly quota cannot be read"))?;
        sources.add(rest.clone());
        live::list(&rest, symbols, &directory).await;
        for instrument in symbols.iter().filter_map(|symbol| directory.get(id, symbol)) {
            found += 1;
            let job = Job { store: &*store, history: &history, rest: &rest, instrument, range };
            let bars = if sources.native_timeframes(id).contains(&args.interval) {
                job.bars(args.interval).await?
            } else {
                bail!("--interval: {id} has no {} bars of its own: use 1m", args.interval);
            };
            let (funding, oi) = job.derivatives().await?;
            store.flush().await?;
            let symbol = &job.instrument.symbol;
            println!(
                "{symbol} at {id}: {bars} {} bars, {funding} of funding and {oi} of open interest",
                args.interval
            );
        }
    }
    if found == 0 {
        let names: Vec<String> = symbols.iter().map(ToString::to_string).collect();
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        bail!("{} could not be found at {}: see --symbol and --venue", names.join(", "), ids.join(", "));
    }
    Ok(())
}

/// One market's part.
struct Job<'a> {
    store: &'a dyn Store,
    history: &'a History,
    rest: &'a Rest,
    instrument: Arc<Instrument>,
    range: (Ms, Ms),
}

impl Job<'_> {
    fn progress(&self, what: &str) -> ProgressBar {
        let bar = progress_bar().with_message(format!("{} {what}", self.instrument.symbol));
        bar.set_length((self.range.1 - self.range.0).0.unsigned_abs());
        bar
    }

    /// Bars of the range; answers how many there are in the store then.
    async fn bars(&self, interval: Timeframe) -> anyhow::Result<usize> {
        let (mut from, to) = self.range;
        let progress = self.progress("bars");
        let (mut bars, mut attempts) = (0, 0);
        while from < to {
            progress.set_position((from - self.range.0).0.max(0).unsigned_abs());
            let query = BarsQuery {
                instrument: self.instrument.clone(),
                timeframe: interval,
                from,
                to,
                limit: WINDOW,
                newest: false,
                base: false,
            };
            let (candles, refused) = match self.history.candles(&query).await {
                Ok(answer) => (answer.candles, answer.incomplete),
                Err(HistoryError::Source(error)) => (Vec::new(), Some(error.to_string())),
                Err(error) => return Err(error.into()),
            };
            if let Some(reason) = refused {
                attempts += 1;
                if attempts > ATTEMPTS {
                    progress.finish_and_clear();
                    bail!("{}: {reason}; run the same command again to go on", self.instrument.symbol);
                }
                // What came before the refusal is kept and not asked for again.
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            attempts = 0;
            bars += candles.iter().filter(|candle| candle.bar.closed).count();
            match candles.last() {
                Some(last) if candles.len() >= WINDOW => {
                    from = self.instrument.calendar.next(interval, last.bar.timestamp);
                }
                _ => break,
            }
        }
        progress.finish_and_clear();
        Ok(bars)
    }

    /// Settled funding and open interest, where the venue has calls for them; answers how many rows came.
    async fn derivatives(&self) -> anyhow::Result<(usize, usize)> {
        if self.instrument.kind != Kind::Perp {
            return Ok((0, 0));
        }
        let instrument = || self.instrument.clone();
        let funding = |from, to| Fetch::FundingHistory { instrument: instrument(), from, to, limit: 1_000 };
        let funding = self.windows(Dataset::Funding, self.range.0, FUNDING_WINDOW, funding).await?;
        let oi = |from, to| Fetch::OpenInterestHistory { instrument: instrument(), from, to, limit: 500 };
        let oi_from = self.range.0.max(system_now() - OI_DEPTH);
        let oi = self.windows(Dataset::Oi, oi_from, OI_WINDOW, oi).await?;
        Ok((funding, oi))
    }

    /// Windows of a series that were not fetched yet.
    async fn windows(
        &self,
        dataset: Dataset,
        mut from: Ms,
        window: Ms,
        fetch: impl Fn(Ms, Ms) -> Fetch,
    ) -> anyhow::Result<usize> {
        let (symbol, venue) = (&self.instrument.symbol, &self.instrument.venue);
        let progress = self.progress(if dataset == Dataset::Oi { "open interest" } else { "funding" });
        let covered = self.store.coverage(dataset, symbol.clone(), venue.clone()).await?;
        let (mut rows, mut attempts) = (0, 0);
        while from < self.range.1 {
            progress.set_position((from - self.range.0).0.max(0).unsigned_abs());
            if let Some((_, end)) = covered.iter().find(|(begin, end)| *begin <= from && from < *end) {
                from = *end;
                continue;
            }
            let to = (from + window).min(self.range.1);
            let updates = match self.rest.fetch(&fetch(from, to), PATIENCE).await {
                Ok(Fetched::Updates(updates)) => updates,
                Ok(_) | Err(RestError::Unsupported(_)) => break,
                Err(error @ (RestError::Busy { .. } | RestError::Unavailable { .. }))
                    if attempts < ATTEMPTS =>
                {
                    tracing::warn!(%symbol, %error, "waiting");
                    attempts += 1;
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
                Err(error) => {
                    progress.finish_and_clear();
                    return Err(error)
                        .with_context(|| format!("{symbol}: run the same command again to go on"));
                }
            };
            attempts = 0;
            let received = system_now();
            let body = |what: What| match what {
                What::Funding(funding) => Some(Body::Funding(funding)),
                What::Oi(oi) => Some(Body::Oi(oi)),
                What::Trade(_)
                | What::Kline(_)
                | What::Liquidation(_)
                | What::Top(_)
                | What::Diff(_)
                | What::Snapshot(_)
                | What::LastTrade { .. } => None,
            };
            let event = |body| Event { received, symbol: symbol.clone(), venue: venue.clone(), body };
            let events = updates.into_iter().filter_map(|update| body(update.what)).map(event);
            let mut records: Vec<Record> =
                events.filter(|event| (from..to).contains(&event.timestamp())).map(Record::Event).collect();
            rows += records.len();
            let known = to.min(received - LATE);
            let (symbol, venue) = (symbol.clone(), venue.clone());
            records.push(Record::Coverage(Coverage { dataset, symbol, venue, from, to: known }));
            self.store.write(records).await?;
            from = to;
        }
        progress.finish_and_clear();
        Ok(rows)
    }
}
