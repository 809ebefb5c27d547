//! Parts of a socket surface: what a session is told to do, and subscriptions that stay silent.

use std::collections::HashMap;
use std::hash::Hash;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::SinkExt;
use futures_util::stream::SplitSink;

/// What a socket's task is told to do.
#[derive(Clone, Debug)]
pub enum Out {
    Text(String),
    Binary(Vec<u8>),
    Close(u16, &'static str),
    /// Ends the TCP connection without a word.
    Drop,
}

/// Does what a session was told; answers whether the session goes on.
pub async fn obey(sink: &mut SplitSink<WebSocket, Message>, order: Option<Out>) -> bool {
    match order {
        Some(Out::Text(text)) => sink.send(Message::Text(text.into())).await.is_ok(),
        Some(Out::Binary(bytes)) => sink.send(Message::Binary(bytes.into())).await.is_ok(),
        Some(Out::Close(code, reason)) => close(sink, code, reason).await,
        Some(Out::Drop) | None => false,
    }
}

/// Closes with a code; answers that the session is over.
pub async fn close(sink: &mut SplitSink<WebSocket, Message>, code: u16, reason: &'static str) -> bool {
    let frame = CloseFrame { code, reason: reason.into() };
    // The other side may be gone already.
    drop(sink.send(Message::Close(Some(frame))).await);
    false
}

/// How long a subscription stays accepted and silent.
#[derive(Clone, Copy, Debug)]
pub enum Mute {
    Always,
    /// Speaks again once it has been subscribed so many times.
    Subscribes(u32),
}

/// The subscriptions that are accepted and silent.
pub struct Mutes<K>(HashMap<K, Mute>);

impl<K> Default for Mutes<K> {
    fn default() -> Self {
        Mutes(HashMap::new())
    }
}

impl<K: Eq + Hash> Mutes<K> {
    pub fn mute(&mut self, key: K, mute: Mute) {
        self.0.insert(key, mute);
    }

    pub fn unmute(&mut self, key: &K) {
        self.0.remove(key);
    }

    pub fn silent(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }

    /// Notes that someone subscribed.
    pub fn subscribed(&mut self, key: &K) {
        let speaks = match self.0.get_mut(key) {
            Some(Mute::Subscribes(left)) => {
                *left = left.saturating_sub(1);
                *left == 0
            }
            Some(Mute::Always) | None => false,
        };
        if speaks {
            self.0.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_muted_subscription_speaks_after_so_many_subscribes() {
        let mut mutes = Mutes::default();
        mutes.mute("a", Mute::Subscribes(2));
        mutes.mute("b", Mute::Always);
        for silent in [true, false] {
            mutes.subscribed(&"a");
            mutes.subscribed(&"b");
            assert_eq!((mutes.silent(&"a"), mutes.silent(&"b")), (silent, true));
        }
        mutes.unmute(&"b");
        assert!(!mutes.silent(&"b"));
    }
}
