//! What the fake venues have in common.
//!
//! Reading order: [`clock`] (venue time, which a test may hold), [`market`] (what trades: a pure function of seed
//! and time), [`ladder`] (what rests), [`rest`] and [`socket`] (parts of the two surfaces), [`limits`] and
//! [`sent`] (counting).
//! What a venue says, numbers, allows and gets wrong is its own affair.

pub mod clock;
pub mod ladder;
pub mod limits;
pub mod market;
pub mod rest;
pub mod sent;
pub mod socket;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Serves on a free loopback port, as one of `tasks`.
///
/// # Errors
/// When no port can be had.
pub async fn serve(tasks: &mut JoinSet<()>, router: Router) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tasks.spawn(async move {
        if let Err(e) = axum::serve(listener, router).await {
            eprintln!("fake venue: {e}");
        }
    });
    Ok(address)
}

/// Calls `step` fifty times a second, as one of `tasks`.
pub fn drive(tasks: &mut JoinSet<()>, mut step: impl FnMut() + Send + 'static) {
    tasks.spawn(async move {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        loop {
            tick.tick().await;
            step();
        }
    });
}
