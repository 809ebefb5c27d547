//! HTTPS: a certificate from two PEM files, read again on SIGHUP; handshakes aside of each other.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tracing::{error, info};

use super::{Line, Peers};
use crate::config::TlsFiles;

/// Longest time for a handshake.
const PATIENCE: Duration = Duration::from_secs(10);
/// Handshakes at a time; beyond them the system's queue holds callers.
const HANDSHAKES: usize = 256;
/// Handshakes of one peer at a time: what is above is closed at once, so that a few peers cannot hold all places.
const PER_PEER: usize = 16;
/// Longest time for the first byte of one: who has something to say says it at once.
const SILENCE: Duration = Duration::from_secs(3);
/// For whoever speaks plain HTTP to it.
const PLAIN: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\
    Content-Length: 59\r\n\r\nthis relay has tls_cert set and speaks https: use https://\n";

/// Why there is no HTTPS; one line, with the setting and the fix.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{setting}: cannot read {}: {detail}", file.display())]
    Unreadable { setting: &'static str, file: PathBuf, detail: io::Error },
    #[error("server.tls_cert: {} holds no certificate: name a PEM file, the relay's certificate first, then those that signed it", file.display())]
    NoCertificate { file: PathBuf },
    #[error("server.tls_key: {} holds no private key: name a PEM file with the unencrypted key of the certificate", file.display())]
    NoKey { file: PathBuf },
    #[error("server.tls_key: {} does not fit the certificate in {}: {detail}", key.display(), cert.display())]
    Mismatch { key: PathBuf, cert: PathBuf, detail: rustls::Error },
}

/// A certificate in use, and where it came from.
pub struct Tls {
    files: TlsFiles,
    now: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// [`TlsError`], to be shown as it is.
    pub fn open(files: &TlsFiles) -> Result<Tls, TlsError> {
        Ok(Tls { now: RwLock::new(Arc::new(read(files)?)), files: files.clone() })
    }

    fn acceptor(&self) -> TlsAcceptor {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone().into()
    }

    /// Reads the files again for connections to come; what cannot be used leaves everything as it is.
    fn reload(&self) {
        match read(&self.files) {
            Ok(config) => {
                *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                info!("the certificate was read again");
            }
            Err(error) => error!(%error, "the certificate in use is kept"),
        }
    }
}

fn read(TlsFiles { cert, key }: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(|found| found.collect::<Result<Vec<_>, _>>())
        .map_err(|error| refused(error, "server.tls_cert", cert))?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate { file: cert.clone() });
    }
    let found = PrivateKeyDer::from_pem_file(key).map_err(|error| refused(error, "server.tls_key", key))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mismatch = |detail| TlsError::Mismatch { key: key.clone(), cert: cert.clone(), detail };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(mismatch)?
        .with_no_client_auth()
        .with_single_cert(chain, found)
        .map_err(mismatch)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn refused(error: pem::Error, setting: &'static str, file: &Path) -> TlsError {
    let file = file.to_owned();
    match error {
        pem::Error::Io(detail) => TlsError::Unreadable { setting, file, detail },
        _ if setting == "server.tls_key" => TlsError::NoKey { file },
        _ => TlsError::NoCertificate { file },
    }
}

/// Connections whose handshake is done.
pub struct Handshakes {
    pub(super) address: SocketAddr,
    done: mpsc::Receiver<(Box<dyn Line>, SocketAddr)>,
    /// Ended when dropped.
    _tasks: JoinSet<()>,
}

impl Handshakes {
    pub(super) fn start(listener: TcpListener, tls: Tls) -> io::Result<Handshakes> {
        let address = listener.local_addr()?;
        let tls = Arc::new(tls);
        let (sender, done) = mpsc::channel(1);
        let mut tasks = JoinSet::new();
        #[cfg(unix)]
        tasks.spawn(reload_on_hangup(tls.clone())?);
        tasks.spawn(welcome(listener, tls, sender));
        Ok(Handshakes { address, done, _tasks: tasks })
    }

    pub(super) async fn accept(&mut self) -> (Box<dyn Line>, SocketAddr) {
        match self.done.recv().await {
            Some(connection) => connection,
            // Its sender lives as long as the task that accepts, which never ends by itself.
            None => std::future::pending().await,
        }
    }
}

#[cfg(unix)]
fn reload_on_hangup(tls: Arc<Tls>) -> io::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangups = signal(SignalKind::hangup())?;
    Ok(async move {
        while hangups.recv().await.is_some() {
            tls.reload();
        }
    })
}

/// Accepts for ever; nobody waits for the handshake of another.
async fn welcome(mut listener: TcpListener, tls: Arc<Tls>, done: mpsc::Sender<(Box<dyn Line>, SocketAddr)>) {
    let room = Arc::new(Semaphore::new(HANDSHAKES));
    let peers = Peers::new(PER_PEER);
    while let Ok(place) = room.clone().acquire_owned().await {
        let (stream, peer) = axum::serve::Listener::accept(&mut listener).await;
        let Some(share) = peers.admit(peer.ip()) else { continue };
        let (acceptor, done) = (tls.acceptor(), done.clone());
        tokio::spawn(async move {
            let _held = (place, share);
            let shaken = tokio::time::timeout(PATIENCE, shake(stream, acceptor)).await;
            if let Ok(Ok(Some(line))) = shaken {
                // Nobody takes it any more where the relay is shutting down.
                let _ = done.send((line, peer)).await;
            }
        });
    }
}

/// The encrypted connection; none where the peer spoke plain HTTP and was told.
async fn shake(mut stream: TcpStream, acceptor: TlsAcceptor) -> io::Result<Option<Box<dyn Line>>> {
    let _ = stream.set_nodelay(true);
    // A method's first letter; a handshake record begins with 22.
    if first_byte(&stream, SILENCE).await?.is_ascii_alphabetic() {
        stream.write_all(PLAIN).await?;
        // Closed over an unread request the answer would be lost.
        let mut unread = [0; 4_096];
        stream.readable().await?;
        let _ = stream.try_read(&mut unread);
        stream.shutdown().await?;
        return Ok(None);
    }
    Ok(Some(Box::new(acceptor.accept(stream).await?)))
}

/// What the peer's words begin with, not taken; an error where it says nothing for so long.
async fn first_byte(stream: &TcpStream, silence: Duration) -> io::Result<u8> {
    let mut first = [0];
    tokio::time::timeout(silence, stream.peek(&mut first)).await??;
    Ok(first[0])
}

#[cfg(test)]
mod tests {
    use rustls::server::{ClientHello, ResolvesServerCert};
    use rustls::sign::CertifiedKey;
    use tokio::io::AsyncReadExt;

    use super::*;

    /// Has no certificate: no handshake here comes that far.
    #[derive(Debug)]
    struct Nobody;

    impl ResolvesServerCert for Nobody {
        fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            None
        }
    }

    fn tls() -> Tls {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_no_client_auth().with_cert_resolver(Arc::new(Nobody));
        let files = TlsFiles { cert: PathBuf::new(), key: PathBuf::new() };
        Tls { files, now: RwLock::new(Arc::new(config)) }
    }

    #[tokio::test]
    async fn a_peer_that_holds_its_share_of_handshakes_is_closed_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (done, _taken) = mpsc::channel(1);
        let door = tokio::spawn(welcome(listener, Arc::new(tls()), done));
        let mut silent = Vec::new();
        for _ in 0..=PER_PEER {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        let mut last = silent.pop().unwrap();
        let (mut left, mut kept) = ([0], [0]);
        tokio::select! {
            read = last.read(&mut left) => assert_eq!(read.unwrap_or_default(), 0),
            _ = silent[0].read(&mut kept) => panic!("the first was closed before the last"),
        }
        door.abort();
    }

    #[tokio::test]
    async fn a_silent_peer_does_not_keep_its_place() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let error = first_byte(&stream, Duration::from_millis(20)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        peer.write_all(&[22]).await.unwrap();
        assert_eq!(first_byte(&stream, PATIENCE).await.unwrap(), 22);
    }
}
