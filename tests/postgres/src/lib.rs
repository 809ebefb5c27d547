//! A real PostgreSQL server for tests: a fresh cluster in a temporary folder, on a loopback port of its own.
//!
//! A small shell holds the server as its child and reads a pipe from the test: told to, or when the test ends in
//! whatever way, it stops the server by its id and removes the folder. Nothing of the system's own servers is used
//! but their programs.

use std::ffi::OsString;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

const USER: &str = "tapedeck";
/// With signs that a URL must escape, so that every test proves that it is read back.
const PASSWORD: &str = "p@ss/w:rd";
const PASSWORD_IN_URL: &str = "p%40ss%2Fw%3Ard";
/// How long a start may take; a busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes the cluster: prints its folder. The collation is a language's, so that an order by bytes is asked for
/// and not met by chance; servers before 15 have the plain one.
const MAKE: &str = r#"
umask 077
dir=$(mktemp -d "${TMPDIR:-/tmp}/tapedeck-postgres.XXXXXX")
printf %s "$3" > "$dir/password"
init() { "$1/initdb" -D "$dir/data" -U "$2" -A scram-sha-256 --pwfile="$dir/password" -E UTF8 --no-sync $3 $4 $5; }
init "$1" "$2" --locale=C --locale-provider=icu --icu-locale=en-US >"$dir/log" 2>&1 ||
    { rm -rf "$dir/data"; init "$1" "$2" --locale=C >>"$dir/log" 2>&1; } ||
    { cat "$dir/log" >&2; rm -rf "$dir"; exit 1; }
printf %s "$dir"
"#;

/// Runs the server until a line says how to end it (a signal's name); at the pipe's end it also removes the folder.
const KEEP: &str = r#"
"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses=127.0.0.1 -c port="$3" -c fsync=off \
    -c max_connections=200 >"$2/log" 2>&1 &
pid=$!
if read -r how; then kill -"$how" "$pid"; wait "$pid"; else kill -QUIT "$pid"; wait "$pid"; rm -rf "$2"; fi
"#;

/// How a server ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// Ends sessions, then itself, in order.
    Fast,
    /// Ends at once and recovers at the next start, as after a power cut.
    Immediate,
    /// Killed (SIGKILL).
    Kill,
}

/// A running server; stopped and removed when dropped or when the process ends.
pub struct Server {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    keeper: Mutex<Option<Child>>,
    databases: AtomicU32,
}

/// The folder of `initdb` and `postgres`: `$POSTGRES_BIN`, Debian's place (the newest version), or the PATH.
pub fn programs() -> Option<PathBuf> {
    let whole = |dir: &PathBuf| dir.join("initdb").is_file() && dir.join("postgres").is_file();
    if let Some(chosen) = std::env::var_os("POSTGRES_BIN").map(PathBuf::from) {
        return Some(chosen).filter(whole);
    }
    let version = |dir: &PathBuf| dir.file_name()?.to_str()?.parse::<u32>().ok();
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<(u32, PathBuf)> =
        debian.filter_map(|entry| Some((version(&entry.path())?, entry.path().join("bin")))).collect();
    debian.sort();
    debian.into_iter().rev().map(|(_, dir)| dir).find(whole).or_else(|| {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(whole)
    })
}

impl Server {
    /// The server all tests of this process share, started by the first; each takes a [`Self::database`] of its own.
    /// `None` where PostgreSQL is not installed, which fails the test under `CI=true`.
    ///
    /// # Panics
    /// When an installed one does not start, or none is installed under `CI=true`.
    pub fn shared() -> Option<&'static Server> {
        static SHARED: OnceLock<Option<Server>> = OnceLock::new();
        SHARED.get_or_init(Server::own).as_ref()
    }

    /// A server of the test's own, for tests that stop it. `None` as for [`Self::shared`].
    ///
    /// # Panics
    /// As [`Self::shared`].
    pub fn own() -> Option<Server> {
        if programs().is_none() && std::env::var_os("CI").is_none_or(|ci| ci != "true") {
            eprintln!("skipped: PostgreSQL is not installed (Debian: apt-get install postgresql)");
            return None;
        }
        match Server::start() {
            Ok(server) => Some(server),
            Err(error) => panic!("a PostgreSQL for the test: {error:#}"),
        }
    }

    /// A fresh cluster, up and taking connections.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or what its programs said.
    pub fn start() -> Result<Server> {
        let programs =
            programs().context("not installed: apt-get install postgresql, or set POSTGRES_BIN")?;
        let made =
            as_server_user("sh").arg("-c").arg(MAKE).arg("sh").arg(&programs).args([USER, PASSWORD]).output();
        let made = made.context("sh")?;
        ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let folder = PathBuf::from(String::from_utf8(made.stdout).context("the folder's name")?);
        let mut server =
            Server { programs, folder, port: 0, keeper: Mutex::default(), databases: AtomicU32::new(0) };
        // A free port may be taken by another test before the server has it; then another is tried.
        for _ in 0..10 {
            server.port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            if server.run()? {
                return Ok(server);
            }
        }
        bail!("no free port")
    }

    /// The address of a new, empty database.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// The address of a database, with the password.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}:{PASSWORD_IN_URL}@127.0.0.1:{}/{database}", self.port)
    }

    /// The password, as errors must not show it.
    pub fn password(&self) -> &'static str {
        PASSWORD
    }

    /// The loopback port it listens on, the same after a restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs SQL in a database by `psql`; answers the rows' text, fields parted by `|`.
    ///
    /// # Panics
    /// With what `psql` said when it fails.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql]);
        let done = psql.env("PGPASSWORD", PASSWORD).arg(self.url(database)).output().expect("psql runs");
        assert!(done.status.success(), "psql: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// Ends the server; its data stays until the value is dropped.
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(&self, how: Stop) {
        let Some(mut keeper) = self.keeper().take() else { return };
        let signal = match how {
            Stop::Fast => "INT",
            Stop::Immediate => "QUIT",
            Stop::Kill => "KILL",
        };
        let mut pipe = keeper.stdin.take().expect("the keeper's pipe");
        writeln!(pipe, "{signal}").expect("the keeper listens");
        keeper.wait().expect("the keeper ends");
    }

    /// Starts it again where it was, on the same port.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start_again(&self) {
        let until = Instant::now() + PATIENCE;
        // After a kill the port or memory of the old one may be in use for a moment.
        while !self.run().expect("the server starts") {
            assert!(Instant::now() < until, "the server does not come up again:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Starts the server's process and waits until it takes connections; false where it refused to start.
    fn run(&self) -> Result<bool> {
        // What an earlier run said would be taken for this one's.
        let _ = std::fs::remove_file(self.folder.join("log"));
        let mut keeper = as_server_user("sh");
        keeper.arg("-c").arg(KEEP).arg("sh").arg(&self.programs).arg(&self.folder).arg(self.port.to_string());
        let keeper = keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        *self.keeper() = Some(keeper);
        let until = Instant::now() + PATIENCE;
        let ready = |text: String| text.lines().nth(7).is_some_and(|line| line.trim() == "ready");
        loop {
            // What the server itself writes once it takes connections.
            let state = std::fs::read_to_string(self.folder.join("data/postmaster.pid"));
            let log = self.log();
            if log.contains("FATAL:") && !log.contains("ready to accept") {
                self.stop(Stop::Fast);
                return Ok(false);
            }
            if log.contains("ready to accept connections") && state.is_ok_and(ready) {
                return Ok(true);
            }
            ensure!(Instant::now() < until, "the server does not come up:\n{log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn keeper(&self) -> MutexGuard<'_, Option<Child>> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.keeper().is_none() {
            // Stopped already: its keeper is gone, so the folder is ours to remove.
            let _ = as_server_user("rm").arg("-rf").arg(&self.folder).status();
        } else if let Some(mut keeper) = self.keeper().take() {
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
    }
}

/// A command of the user servers run as: PostgreSQL refuses to be root.
fn as_server_user(program: &str) -> Command {
    let root = std::fs::metadata("/proc/self").is_ok_and(|me| owner(&me) == Some(0));
    let mut command = Command::new(if root { "runuser" } else { program });
    if root {
        command.args([OsString::from("-u"), "postgres".into(), "--".into(), program.into()]);
    }
    // The working folder need not be that user's to enter.
    command.current_dir(Path::new("/"));
    command
}

#[cfg(unix)]
fn owner(me: &std::fs::Metadata) -> Option<u32> {
    Some(std::os::unix::fs::MetadataExt::uid(me))
}

#[cfg(not(unix))]
fn owner(_: &std::fs::Metadata) -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_outlives_every_kind_of_end_and_the_folder_goes_with_the_server() {
        let Some(server) = Server::own() else { return };
        server.database();
        server.sql("test_0", "CREATE TABLE t (n int)");
        for (n, how) in [Stop::Fast, Stop::Immediate, Stop::Kill].into_iter().enumerate() {
            server.sql("test_0", &format!("INSERT INTO t VALUES ({n})"));
            server.stop(how);
            server.start_again();
        }
        assert_eq!(server.sql("test_0", "SELECT sum(n), count(*) FROM t"), "3|3");
        let folder = server.folder.clone();
        assert!(folder.is_dir());
        drop(server);
        assert!(!folder.exists(), "{}", folder.display());
    }
}
