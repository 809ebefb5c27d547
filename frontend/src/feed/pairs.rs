//! JSON objects with free keys, as lists.

use crate::json::{Json, Read, Word};

/// The members of a JSON object in the order they were sent. Maps of the standard library cost the first visit two
/// kilobytes for each type they hold.
#[derive(Clone, PartialEq, Debug)]
pub struct Pairs<K, V>(pub Vec<(K, V)>);

impl<K, V> Default for Pairs<K, V> {
    fn default() -> Self {
        Pairs(Vec::new())
    }
}

impl<K: PartialEq, V> Pairs<K, V> {
    pub fn get(&self, key: &K) -> Option<&V> {
        self.0.iter().find(|(held, _)| held == key).map(|(_, value)| value)
    }

    /// Sets the value of a key.
    pub fn put(&mut self, key: K, value: V) {
        match self.0.iter_mut().find(|(held, _)| *held == key) {
            Some((_, held)) => *held = value,
            None => self.0.push((key, value)),
        }
    }
}

impl<K: Word, V: Read> Read for Pairs<K, V> {
    fn read(json: &mut Json<'_>) -> Option<Self> {
        let mut list = Vec::new();
        json.object(&mut |key, json| {
            list.push((K::word(key)?, V::read(json)?));
            Some(())
        })?;
        Some(Pairs(list))
    }
}
