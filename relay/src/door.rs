//! Where connections come in: plain HTTP, or HTTPS with a certificate of one's own.

mod peers;
mod tls;

use std::io;
use std::net::SocketAddr;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

pub use peers::{Peers, Place, network};
pub use tls::{Tls, TlsError};

/// An accepted connection, encrypted or not.
pub trait Line: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Line for T {}

/// A bound address that gives connections.
pub enum Door {
    Plain(TcpListener),
    Tls(tls::Handshakes),
}

impl Door {
    /// Opens a bound address, for https where `tls` is given.
    ///
    /// # Errors
    /// What the listener fails with.
    pub fn open(listener: TcpListener, tls: Option<Tls>) -> io::Result<Door> {
        Ok(match tls {
            None => Door::Plain(listener),
            Some(tls) => Door::Tls(tls::Handshakes::start(listener, tls)?),
        })
    }

    /// As a browser is given it: `http://127.0.0.1:8000`.
    ///
    /// # Errors
    /// What the listener fails with.
    pub fn url(&self) -> io::Result<String> {
        let scheme = match self {
            Door::Plain(_) => "http",
            Door::Tls(_) => "https",
        };
        Ok(format!("{scheme}://{}", self.local_addr()?))
    }
}

impl Listener for Door {
    type Io = Box<dyn Line>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Box<dyn Line>, SocketAddr) {
        match self {
            Door::Plain(listener) => {
                let (stream, peer) = Listener::accept(listener).await;
                // Frames are small and wait for nothing.
                let _ = stream.set_nodelay(true);
                (Box::new(stream), peer)
            }
            Door::Tls(handshakes) => handshakes.accept().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Door::Plain(listener) => listener.local_addr(),
            Door::Tls(handshakes) => Ok(handshakes.address),
        }
    }
}
