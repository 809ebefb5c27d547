//! Recorded frames to a venue's updates: which product, which instrument, which REST call.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use shared::market::{Instrument, Ms, Symbol};

use super::reader::{RawFrame, Source};
use crate::venues::{Decoder, Fetch, Fetched, Frame, Instruments, Product, Update, Venue, VenueError, What};

/// What a recorded frame says.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    Updates(Vec<Update>),
    /// A named kind without an event.
    Ignored(&'static str),
}

/// Reads one recording of one venue. Instruments come from the exchange info in it, else from their names.
pub struct Interpreter {
    venue: Arc<dyn Venue>,
    instruments: Instruments,
    /// A recording of several connections is read as one.
    decoders: HashMap<Product, Box<dyn Decoder>>,
    forced: Option<Product>,
    /// The product of the last frame that told.
    last: Option<Product>,
    /// Symbols with depth diffs: a book without a name belongs to the only one.
    books: BTreeSet<Symbol>,
    now: Ms,
}

impl Interpreter {
    /// `product` overrides what frames tell of theirs.
    pub fn new(venue: Arc<dyn Venue>, product: Option<Product>) -> Interpreter {
        Interpreter {
            venue,
            instruments: Instruments::default(),
            decoders: HashMap::new(),
            forced: product,
            last: None,
            books: BTreeSet::new(),
            now: Ms::ZERO,
        }
    }

    /// All instruments met so far.
    pub fn instruments(&self) -> &Instruments {
        &self.instruments
    }

    /// The receiver's clock, or the newest venue time where the recording has none.
    pub fn now(&self) -> Ms {
        self.now
    }

    /// Reads one frame.
    ///
    /// # Errors
    /// [`VenueError`]: the frame is damaged or not of this venue.
    pub fn read(&mut self, frame: &RawFrame) -> Result<Reading, VenueError> {
        if let Some(received) = frame.received {
            self.now = received;
        }
        let reading = match &frame.source {
            Source::Note(kind) => Reading::Ignored(kind),
            Source::Rest { query } => self.answer(frame, query)?,
            Source::Socket => self.socket(frame)?,
        };
        if let Reading::Updates(updates) = &reading {
            self.note(frame, updates);
        }
        Ok(reading)
    }

    fn note(&mut self, frame: &RawFrame, updates: &[Update]) {
        for update in updates {
            if matches!(update.what, What::Diff(_)) && !self.books.contains(&update.symbol) {
                self.books.insert(update.symbol.clone());
            }
            if frame.received.is_none() {
                self.now = self.now.max(timestamp(&update.what));
            }
        }
    }

    fn product(&mut self, frame: &RawFrame) -> Option<Product> {
        let told = self.venue.product_of_frame(frame.channel.as_deref(), &frame.data);
        self.last = told.or(self.last);
        self.forced.or(self.last).or_else(|| self.venue.products().first().copied())
    }

    fn socket(&mut self, frame: &RawFrame) -> Result<Reading, VenueError> {
        let Some(product) = self.product(frame) else { return Ok(Reading::Ignored("other_product")) };
        let venue = &self.venue;
        let decoder = self.decoders.entry(product).or_insert_with(|| venue.clone().decoder(product));
        let mut decoded = decoder.decode(&self.instruments, self.now, &frame.data)?;
        let mut guessed = false;
        for name in &decoded.unlisted {
            if let Some(instrument) = self.venue.guess_instrument(product, name) {
                self.instruments.insert(product, instrument);
                guessed = true;
            }
        }
        if guessed {
            decoded = decoder.decode(&self.instruments, self.now, &frame.data)?;
        }
        Ok(match decoded.frame {
            // Of fields nobody asks for.
            Frame::Updates(updates) if updates.is_empty() => Reading::Ignored("no_change"),
            Frame::Updates(updates) => Reading::Updates(updates),
            Frame::Ack { .. } => Reading::Ignored("ack"),
            Frame::Refused { .. } | Frame::Again { .. } => Reading::Ignored("refused"),
            Frame::Ignored(kind) => Reading::Ignored(kind),
            Frame::Shutdown => Reading::Ignored("server_shutdown"),
            Frame::Renew => Reading::Ignored("server_notice"),
            Frame::Final(_) => Reading::Ignored("refused"),
            Frame::UnnamedDepth => match self.only_book(product) {
                Some(instrument) => self.fetched(&Fetch::Depth { instrument }, &frame.data)?,
                None => Reading::Ignored("depth_unnamed"),
            },
        })
    }

    /// The one instrument of a product whose depth is recorded.
    fn only_book(&self, product: Product) -> Option<Arc<Instrument>> {
        let mut found =
            self.instruments.iter().filter(|(p, i)| *p == product && self.books.contains(&i.symbol));
        let first = found.next()?.1;
        found.next().is_none().then(|| Arc::clone(first))
    }

    fn answer(&mut self, frame: &RawFrame, query: &str) -> Result<Reading, VenueError> {
        let url = frame.channel.as_deref().unwrap_or_default();
        let product = self.forced.or(self.venue.product_of_frame(Some(url), b"")).or(self.last);
        let Some(fetch) = self.venue.fetch_of_url(product, url, query) else {
            // An address that does not say what was asked: the answer's shape may.
            return self.socket(frame);
        };
        let fetch = match fetch.instrument() {
            None => fetch,
            Some(guess) => {
                let product = self.venue.product_of(guess.kind).unwrap_or_default();
                let name = guess.venue_symbol.clone();
                if self.instruments.get(product, &name).is_none() {
                    self.instruments.insert(product, Instrument::clone(guess));
                }
                match self.instruments.get(product, &name).cloned() {
                    Some(listed) => fetch.with_instrument(&listed),
                    None => fetch,
                }
            }
        };
        self.fetched(&fetch, &frame.data)
    }

    fn fetched(&mut self, fetch: &Fetch, body: &[u8]) -> Result<Reading, VenueError> {
        Ok(match self.venue.parse_rest(fetch, self.now, body) {
            Ok(Fetched::Updates(updates)) if updates.is_empty() => Reading::Ignored("rest_empty"),
            Ok(Fetched::Updates(updates)) => Reading::Updates(updates),
            Ok(Fetched::Ignored(kind)) => Reading::Ignored(kind),
            Ok(Fetched::FundingIntervals(_)) => Reading::Ignored("funding_intervals"),
            Ok(Fetched::Instruments { listed, .. }) => {
                if let Fetch::Instruments { product, .. } = fetch {
                    listed.into_iter().for_each(|i| self.instruments.insert(product, i));
                }
                Reading::Ignored("instruments")
            }
            Err(VenueError::Refused { .. }) => Reading::Ignored("rest_error"),
            Err(error) => return Err(error),
        })
    }
}

/// The venue's time of an update; for a bar its open.
pub fn timestamp(what: &What) -> Ms {
    match what {
        What::Trade(x) => x.trade.timestamp,
        What::Kline(x) => x.timestamp,
        What::Oi(x) => x.timestamp,
        What::Funding(x) => x.timestamp,
        What::Liquidation(x) => x.timestamp,
        What::Top(x) => x.timestamp,
        What::Diff(x) => x.timestamp,
        What::Snapshot(x) => x.timestamp,
        What::LastTrade { timestamp, .. } => *timestamp,
    }
}
