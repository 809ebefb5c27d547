//! Asks venues that cannot list their instruments what they have under a few letters.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use shared::market::{Instrument, Ms, Symbol, VenueId};
use tracing::debug;

use super::rest::{Rest, RestError};
use crate::clock::Clock;
use crate::directory::Directory;
use crate::venues::{Fetch, Fetched};

/// Somebody is typing: what the venue does not say by then comes with the next letters.
const PATIENCE: Duration = Duration::from_secs(3);
/// What a venue answered is good for so long.
const GOOD_FOR: Ms = Ms(6 * Ms::HOUR.0);
/// Answers kept of a venue.
const MOST_KEPT: usize = 500;
/// One letter means everything.
const LEAST_CHARS: usize = 2;
/// Most questions to a venue within a minute and a day: the same budget feeds charts.
const A_MINUTE: usize = 10;
const A_DAY: usize = 400;

/// A venue that is asked.
#[async_trait]
pub trait Finder: Send + Sync {
    fn venue(&self) -> VenueId;

    /// What the venue has under a few letters.
    ///
    /// # Errors
    /// [`RestError`]; then the search goes on without it.
    async fn find(&self, text: &str) -> Result<Vec<Instrument>, RestError>;

    /// The instrument of a symbol, where it may be one of this venue's.
    ///
    /// # Errors
    /// [`RestError`].
    async fn resolve(&self, symbol: &Symbol) -> Result<Vec<Instrument>, RestError>;
}

#[async_trait]
impl Finder for Rest {
    fn venue(&self) -> VenueId {
        Rest::venue(self).id()
    }

    async fn find(&self, text: &str) -> Result<Vec<Instrument>, RestError> {
        listed(self.fetch(&Fetch::Search { text: text.to_owned() }, PATIENCE).await?)
    }

    async fn resolve(&self, symbol: &Symbol) -> Result<Vec<Instrument>, RestError> {
        let Some((product, name)) = Rest::venue(self).guess_name(symbol) else { return Ok(Vec::new()) };
        let fetch = Fetch::Instruments { product, venue_symbols: vec![name], cursor: None };
        listed(self.fetch(&fetch, PATIENCE).await?)
    }
}

fn listed(fetched: Fetched) -> Result<Vec<Instrument>, RestError> {
    match fetched {
        Fetched::Instruments { listed, .. } => Ok(listed),
        Fetched::FundingIntervals(_) | Fetched::Updates(_) | Fetched::Ignored(_) => Ok(Vec::new()),
    }
}

/// Searches with a memory, bounded in what it costs; what is found is in the directory afterwards.
pub struct Lookup {
    directory: Arc<Directory>,
    clock: Clock,
    asked: Mutex<Vec<Asked>>,
}

/// One venue and what it was asked.
struct Asked {
    finder: Arc<dyn Finder>,
    answers: HashMap<Question, (Ms, Vec<Symbol>)>,
    /// When it was asked within the last day.
    times: VecDeque<Ms>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Question {
    /// In lower case.
    Text(String),
    Symbol(Symbol),
}

impl Lookup {
    /// One that asks nobody yet.
    pub fn new(directory: Arc<Directory>, clock: Clock) -> Lookup {
        Lookup { directory, clock, asked: Mutex::default() }
    }

    /// Adds a venue to those that are asked.
    pub fn add(&self, finder: Arc<dyn Finder>) {
        self.lock().push(Asked { finder, answers: HashMap::new(), times: VecDeque::new() });
    }

    /// The symbols venues answer a text with; none from a venue that cannot be asked now.
    pub async fn find(&self, text: &str) -> Vec<Symbol> {
        let text = text.trim().to_lowercase();
        if text.chars().count() < LEAST_CHARS {
            return Vec::new();
        }
        self.ask(&Question::Text(text)).await
    }

    /// Has an unknown symbol asked for by name, so that the directory knows it if there is one; one that was only
    /// found by search, so that it knows all of it.
    pub async fn resolve(&self, symbol: &Symbol) {
        if self.directory.listings(symbol).iter().all(|i| i.tick_size <= 0.0) {
            self.ask(&Question::Symbol(symbol.clone())).await;
        }
    }

    async fn ask(&self, question: &Question) -> Vec<Symbol> {
        let now = self.clock.now();
        let (mut found, mut asking) = (Vec::new(), Vec::new());
        for asked in self.lock().iter_mut() {
            if let Some((_, symbols)) = asked.answers.get(question).filter(|(at, _)| now - *at < GOOD_FOR) {
                found.extend(symbols.iter().cloned());
            } else if asked.may_be_asked(now) {
                asking.push(asked.finder.clone());
            } else {
                debug!(venue = %asked.finder.venue(), "asked often enough");
            }
        }
        let answers = join_all(asking.into_iter().map(async |finder| {
            let answer = match question {
                Question::Text(text) => finder.find(text).await,
                Question::Symbol(symbol) => finder.resolve(symbol).await,
            };
            (finder.venue(), answer)
        }));
        for (venue, answer) in answers.await {
            match answer {
                Ok(listed) => {
                    let symbols: Vec<Symbol> = listed.iter().map(|i| i.symbol.clone()).collect();
                    let mut listed: Vec<Arc<Instrument>> = listed.into_iter().map(Arc::new).collect();
                    if let Question::Text(_) = question {
                        // A search tells less than what may be known already.
                        listed.retain(|i| self.directory.get(&venue, &i.symbol).is_none());
                    }
                    self.directory.add(&venue, listed);
                    self.keep(&venue, question, now, &symbols);
                    found.extend(symbols);
                }
                // A name it does not know will not be known in a moment either.
                Err(RestError::BadRequest { .. }) => self.keep(&venue, question, now, &[]),
                Err(error) => debug!(%venue, %error, "a search without this venue"),
            }
        }
        found
    }

    fn keep(&self, venue: &VenueId, question: &Question, now: Ms, symbols: &[Symbol]) {
        let mut asked = self.lock();
        let Some(asked) = asked.iter_mut().find(|asked| asked.finder.venue() == *venue) else { return };
        if asked.answers.len() >= MOST_KEPT {
            asked.answers.retain(|_, (at, _)| now - *at < GOOD_FOR);
        }
        if asked.answers.len() >= MOST_KEPT {
            let oldest = asked.answers.iter().min_by_key(|(_, (at, _))| *at).map(|(q, _)| q.clone());
            oldest.and_then(|question| asked.answers.remove(&question));
        }
        asked.answers.insert(question.clone(), (now, symbols.to_vec()));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asked {
    fn may_be_asked(&mut self, now: Ms) -> bool {
        while self.times.front().is_some_and(|at| now - *at >= Ms::DAY) {
            self.times.pop_front();
        }
        let lately = self.times.iter().rev().take_while(|at| now - **at < Ms::MINUTE).count();
        let may = lately < A_MINUTE && self.times.len() < A_DAY;
        if may {
            self.times.push_back(now);
        }
        may
    }
}
