//! Who counts as one peer, and how many places each may hold.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// What stands for a peer: an IPv4 address, of IPv6 the /64 that any single host is given whole.
pub fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
        ip @ IpAddr::V4(_) => ip,
    }
}

/// Counts the places that peers hold.
#[derive(Clone)]
pub struct Peers {
    most: usize,
    held: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A place, given back when dropped.
pub struct Place {
    peers: Peers,
    peer: IpAddr,
}

impl Peers {
    /// `most` places for each peer.
    pub fn new(most: usize) -> Peers {
        Peers { most, held: Arc::default() }
    }

    /// A place for a peer, unless it holds as many as it may.
    pub fn admit(&self, ip: IpAddr) -> Option<Place> {
        let peer = network(ip);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.get(&peer).copied().unwrap_or_default();
        if count >= self.most {
            return None;
        }
        held.insert(peer, count + 1);
        Some(Place { peers: self.clone(), peer })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.peers.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_an_address_or_a_network_of_ipv6() {
        for (ip, peer) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ] {
            assert_eq!(network(ip.parse().unwrap()).to_string(), peer, "{ip}");
        }
    }

    #[test]
    fn places_are_counted_per_peer_and_given_back() {
        let peers = Peers::new(1);
        let [one, same, other] =
            ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"].map(|ip| ip.parse().unwrap());
        let first = peers.admit(one);
        assert!(first.is_some() && peers.admit(same).is_none() && peers.admit(other).is_some());
        drop(first);
        assert!(peers.admit(same).is_some());
        assert!(peers.held.lock().unwrap().is_empty(), "nothing is kept of those who left");
    }
}
