//! HTTPS and WSS with a certificate of the relay's own: served, checked, renewed without a restart.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tempfile::TempDir;
use tests::client::Client;
use tests::relay::binary;

const SOON: Duration = Duration::from_secs(20);

/// Writes a new certificate for this machine and its key to a folder, and gives the former as DER.
fn renew(folder: &Path) -> Result<Vec<u8>> {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names)?;
    std::fs::write(folder.join("cert.pem"), made.cert.pem())?;
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem())?;
    Ok(made.cert.der().to_vec())
}

fn command(folder: &Path, args: &[&str], cert: &str, key: &str) -> Command {
    let mut command = Command::new(binary());
    command.args(args).env_clear().current_dir(folder).env("DATA_DIR", folder);
    command.env("TAPEDECK_TLS_CERT", folder.join(cert)).env("TAPEDECK_TLS_KEY", folder.join(key));
    command
}

/// A relay that serves https; killed when dropped.
struct Served(Child, String);

impl Served {
    fn start(folder: &Path) -> Result<Served> {
        let mut command =
            command(folder, &["serve", "--demo", "--listen", "127.0.0.1:0"], "cert.pem", "key.pem");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let printed = BufReader::new(child.stdout.take().context("stdout")?);
        let mut served = Served(child, String::new());
        for line in printed.lines() {
            if let Some((_, url)) = line?.split_once("listening on ") {
                url.clone_into(&mut served.1);
                return Ok(served);
            }
        }
        served.0.wait()?;
        anyhow::bail!("the relay ended before it listened")
    }

    fn signal(&self, name: &str) -> Result<()> {
        let sent = Command::new("kill").args([name, &self.0.id().to_string()]).status()?;
        ensure!(sent.success(), "kill {name}: {sent}");
        Ok(())
    }

    fn address(&self) -> &str {
        self.1.trim_start_matches("https://")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A client that takes this certificate and no other.
fn trusting(certificate: &[u8]) -> Result<reqwest::Client> {
    let certificate = reqwest::Certificate::from_der(certificate)?;
    Ok(reqwest::Client::builder().no_proxy().tls_certs_only([certificate]).timeout(SOON).build()?)
}

fn connector(certificate: &[u8]) -> Result<Arc<rustls::ClientConfig>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.to_vec().into())?;
    Ok(Arc::new(rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}

#[tokio::test]
async fn https_and_wss_are_served_and_the_certificate_is_renewed_on_sighup() -> Result<()> {
    drop(rustls::crypto::ring::default_provider().install_default());
    let folder = TempDir::new()?;
    let first = renew(folder.path())?;
    let mut relay = Served::start(folder.path())?;
    ensure!(relay.1.starts_with("https://127.0.0.1:"), "printed {}", relay.1);
    let client = trusting(&first)?;
    let health = client.get(format!("{}/health", relay.1)).send().await?;
    assert_eq!((health.status().as_u16(), health.version()), (200, reqwest::Version::HTTP_11));
    let symbols = client.get(format!("{}/api/symbols", relay.1)).header("origin", &relay.1).send().await?;
    assert!(symbols.text().await?.contains("BTCUSDT-PERP"));

    // The socket of the page, which names the page's own origin.
    let socket = format!("wss://{}/ws", relay.address());
    let mut watching = Client::connect_trusting(&socket, &relay.1, connector(&first)?).await?;
    let trades = json!({"action": "subscribe", "symbols": ["BTCUSDT-PERP"], "channels": ["trade"]});
    watching.send(&trades).await?;
    watching.wait_for("a trade", SOON, |f| f["type"] == "trade").await?;

    // Whoever speaks plain HTTP is told, and whoever does not speak at all keeps nobody waiting.
    let silent = tokio::net::TcpStream::connect(relay.address()).await?;
    let plain = trusting(&first)?.get(format!("http://{}/health", relay.address())).send().await?;
    assert_eq!(plain.status().as_u16(), 400);
    assert!(plain.text().await?.contains("use https://"));
    drop(silent);

    let port = relay.address().rsplit_once(':').context("a port")?.1;
    let listen = format!("127.0.0.1:{port}");
    let probe =
        command(folder.path(), &["healthcheck", "--listen", &listen], "cert.pem", "key.pem").output()?;
    assert!(probe.status.success(), "{}", String::from_utf8_lossy(&probe.stderr));

    // A new certificate serves who comes from now on; one that cannot be used changes nothing.
    let second = renew(folder.path())?;
    relay.signal("-HUP")?;
    let served = |certificate: Vec<u8>| {
        let url = format!("{}/health", relay.1);
        async move { Ok::<_, anyhow::Error>(trusting(&certificate)?.get(url).send().await.is_ok()) }
    };
    let until = tokio::time::Instant::now() + SOON;
    while !served(second.clone()).await? {
        ensure!(tokio::time::Instant::now() < until, "the new certificate is not served");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!served(first).await?, "the old one is served no more");
    std::fs::write(folder.path().join("key.pem"), "spilt coffee")?;
    relay.signal("-HUP")?;
    watching.take();
    watching.wait_for("a trade over the first line", SOON, |f| f["type"] == "trade").await?;
    assert!(served(second).await?);

    relay.signal("-TERM")?;
    assert_eq!(watching.wait_closed(SOON).await?, 1001);
    assert!(relay.0.wait()?.success());
    Ok(())
}

#[test]
fn files_that_cannot_be_used_stop_the_start_with_the_setting() -> Result<()> {
    let folder = TempDir::new()?;
    renew(folder.path())?;
    let path = |name: &str| folder.path().join(name);
    std::fs::rename(path("key.pem"), path("other.pem"))?;
    renew(folder.path())?;
    std::fs::write(path("empty.pem"), "")?;
    for (cert, key, says) in [
        ("absent.pem", "key.pem", "server.tls_cert: cannot read"),
        ("empty.pem", "key.pem", "server.tls_cert: "),
        ("cert.pem", "absent.pem", "server.tls_key: cannot read"),
        ("cert.pem", "cert.pem", "holds no private key"),
        ("cert.pem", "other.pem", "does not fit the certificate"),
    ] {
        for args in [&["check"][..], &["serve", "--demo", "--listen", "127.0.0.1:0"]] {
            let output = command(folder.path(), args, cert, key).output()?;
            let said = String::from_utf8(output.stderr)?;
            assert!(!output.status.success() && said.contains(says), "{cert} {key}: {said}");
            assert_eq!(said.trim_end().lines().count(), 1, "{said}");
        }
    }
    let output = command(folder.path(), &["check"], "cert.pem", "key.pem").output()?;
    assert!(output.status.success() && String::from_utf8(output.stdout)?.contains("https"));
    Ok(())
}
