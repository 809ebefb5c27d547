//! The relay as its users run it: the binary, with its own folder, on a free port.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use reqwest::header::HeaderMap;
use serde_json::Value;
use tempfile::TempDir;

use crate::client::Client;
use crate::fake_binance::FakeBinance;

/// Longest wait for a start; a loaded machine is slow.
const START: Duration = Duration::from_secs(30);

/// How to start one.
pub struct Options {
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
}

impl Options {
    /// The simulated market.
    pub fn sim() -> Options {
        Options { args: vec!["serve".into(), "--demo".into()], env: Vec::new() }
    }

    /// The real adapter against a fake venue, following `symbols`.
    pub fn binance(fake: &FakeBinance, symbols: &str) -> Options {
        let a = fake.addresses;
        Options { args: vec!["serve".into()], env: Vec::new() }
            .env("PROVIDER", "binance")
            .env("SYMBOLS", symbols)
            .env("BINANCE_WS_URL", format!("ws://{}", a.usdm_ws))
            .env("BINANCE_REST_URL", format!("http://{}", a.usdm_rest))
            .env("BINANCE_SPOT_WS_URL", format!("ws://{}", a.spot_ws))
            .env("BINANCE_SPOT_REST_URL", format!("http://{}", a.spot_rest))
    }

    /// A recording, as fast as it goes.
    pub fn replay(file: &Path) -> Options {
        let file = file.to_string_lossy().into_owned();
        Options { args: vec!["replay".into(), file, "--speed".into(), "max".into()], env: Vec::new() }
    }

    /// Sets a variable; the last one counts.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Options {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Starts and waits until it serves.
    ///
    /// # Errors
    /// With what it printed, when it ends or does not serve in time.
    pub async fn start(self) -> Result<Relay> {
        Relay::start(self, TempDir::new()?).await
    }
}

/// The program, built first if anything changed.
///
/// # Panics
/// When it cannot be built.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace");
        let built = Command::new(cargo)
            // Built beside this package, its dependencies have the features they already have here.
            .args(["build", "--quiet", "--package", "tests", "--package", "tapedeck", "--bin", "tapedeck"])
            .current_dir(root)
            .status();
        assert!(built.is_ok_and(|status| status.success()), "the relay does not build");
        // Tests lie in target/<profile>/deps.
        let tests = std::env::current_exe().expect("a test program");
        let folder = tests.parent().and_then(Path::parent).expect("a target folder");
        let program = folder.join(format!("tapedeck{}", std::env::consts::EXE_SUFFIX));
        assert!(program.exists(), "{} was not built", program.display());
        program
    })
}

/// A running relay; killed when dropped.
pub struct Relay {
    child: Child,
    pub address: SocketAddr,
    folder: Option<TempDir>,
    log: Arc<Mutex<String>>,
    options: Options,
    http: reqwest::Client,
}

impl Relay {
    /// Starts one on a folder.
    ///
    /// # Errors
    /// As [`Options::start`].
    pub async fn start(options: Options, folder: TempDir) -> Result<Relay> {
        // The client wants a crypto provider even for plain HTTP; a second installation is refused and harmless.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut command = Command::new(binary());
        command.args(&options.args).args(["--listen", "127.0.0.1:0"]).env_clear();
        command.env("DATA_DIR", folder.path()).env("RUST_LOG", "info");
        // Away from the developer's own settings files.
        command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.envs(options.env.iter().map(|(name, value)| (name, value)));
        let mut child = command.spawn().context("start the relay")?;
        let log = Arc::new(Mutex::new(String::new()));
        gather(child.stdout.take().context("stdout")?, Arc::clone(&log));
        gather(child.stderr.take().context("stderr")?, Arc::clone(&log));
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(15)).build()?;
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut relay = Relay { child, address, folder: Some(folder), log, options, http };
        let until = Instant::now() + START;
        loop {
            if let Some(address) = relay.printed_address() {
                relay.address = address;
                if relay.get("/health").await.is_ok_and(|(status, _)| status == 200) {
                    return Ok(relay);
                }
            }
            if let Some(status) = relay.child.try_wait()? {
                bail!("the relay ended with {status}:\n{}", relay.log());
            }
            ensure!(Instant::now() < until, "the relay does not serve within {START:?}:\n{}", relay.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn printed_address(&self) -> Option<SocketAddr> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = log.split_once("listening on http://")?.1;
        rest.split_once('\n')?.0.trim().parse().ok()
    }

    /// Everything it printed so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its `DATA_DIR`.
    ///
    /// # Panics
    /// Never while it runs.
    pub fn folder(&self) -> &Path {
        self.folder.as_ref().expect("a folder").path()
    }

    /// Resident memory in bytes; `None` where the system does not tell.
    pub fn memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1_024)
    }

    /// `GET path`: status and body, as JSON or else as a JSON text.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get(&self, path: &str) -> Result<(u16, Value)> {
        let (status, _, body) = self.get_with(path, &[]).await?;
        Ok((status, body))
    }

    /// `GET path` with further headers: status, headers and body.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Result<(u16, HeaderMap, Value)> {
        let mut request = self.http.get(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.with_context(|| path.to_owned())?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await?;
        Ok((status, headers, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    /// `POST path` with a JSON body: status and body, as JSON or else as a JSON text.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post(&self, path: &str, body: &Value) -> Result<(u16, Value)> {
        let request = self.http.post(format!("http://{}{path}", self.address));
        let answer = request.header("content-type", "application/json").body(body.to_string()).send().await?;
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    /// `GET path`, which must be answered 200 with a list.
    ///
    /// # Errors
    /// With the answer, when it is anything else.
    pub async fn rows(&self, path: &str) -> Result<Vec<Value>> {
        match self.get(path).await? {
            (200, Value::Array(rows)) => Ok(rows),
            (status, body) => bail!("{path}: {status} {body}"),
        }
    }

    /// `/api/status`.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn status(&self) -> Result<Value> {
        Ok(self.get("/api/status").await?.1)
    }

    /// Asks for the status until `done`, and gives it.
    ///
    /// # Errors
    /// With the last status, when the time is over.
    pub async fn wait_status(
        &self,
        what: &str,
        within: Duration,
        done: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let until = Instant::now() + within;
        loop {
            let status = self.status().await?;
            if done(&status) {
                return Ok(status);
            }
            ensure!(
                Instant::now() < until,
                "{what}: not within {within:?}: {status:#}\n{}",
                tail(&self.log())
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Asks for rows until `done`, and gives them.
    ///
    /// # Errors
    /// With the last answer, when the time is over.
    pub async fn wait_rows(
        &self,
        path: &str,
        within: Duration,
        done: impl Fn(&[Value]) -> bool,
    ) -> Result<Vec<Value>> {
        let until = Instant::now() + within;
        loop {
            let rows = self.rows(path).await;
            if let Ok(rows) = &rows
                && done(rows)
            {
                return Ok(rows.clone());
            }
            if Instant::now() >= until {
                let last = rows.map(|rows| (rows.len(), rows.last().cloned()));
                bail!("{path}: not within {within:?}: last {last:?}\n{}", tail(&self.log()));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// A socket to `/ws`.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn socket(&self) -> Result<Client> {
        Client::connect(&self.socket_url()).await
    }

    pub fn socket_url(&self) -> String {
        format!("ws://{}/ws", self.address)
    }

    /// Asks it to end, as a service manager does.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn terminate(&self) -> Result<()> {
        let status = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        ensure!(status.success(), "kill -TERM: {status}");
        Ok(())
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it still runs after `within`.
    pub async fn wait_end(&mut self, within: Duration) -> Result<ExitStatus> {
        let until = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(Instant::now() < until, "still running after {within:?}:\n{}", tail(&self.log()));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Kills it without warning and starts another on the same folder.
    ///
    /// # Errors
    /// As [`Options::start`].
    pub async fn kill_and_restart(self) -> Result<Relay> {
        let (options, folder, _) = self.kill()?;
        Relay::start(options, folder).await
    }

    /// Kills it without warning: how it was started, its folder, and what it printed.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub fn kill(mut self) -> Result<(Options, TempDir, String)> {
        self.child.kill()?;
        self.child.wait()?;
        let folder = self.folder.take().context("the folder")?;
        let options = Options { args: self.options.args.clone(), env: self.options.env.clone() };
        Ok((options, folder, self.log()))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The newest lines of a log, without those on our own requests.
fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().filter(|line| !line.contains("http::status")).collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

fn gather(stream: impl Read + Send + 'static, log: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return };
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.push_str(&line);
            log.push('\n');
        }
    });
}
