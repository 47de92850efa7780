//! The programs that are measured, and what the system counts for them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use belay::identity::KeyHash;
use tempfile::TempDir;

use crate::questions::KEY;
use crate::upstream::FAULTY;

/// A program that ends with the run.
pub struct Part {
    child: Child,
    /// Where it is asked.
    pub address: SocketAddr,
    _folder: TempDir,
}

/// The core of whoever is measured, and that of callers and upstream; none where there is only one.
pub fn cores() -> Option<(usize, usize)> {
    (std::thread::available_parallelism().is_ok_and(|count| count.get() > 1)
        || std::env::var("BELAY_BENCH_PINNED").is_ok())
    .then_some((1, 0))
}

/// `program` on the core of whoever is measured, or of the others.
fn pinned(program: impl AsRef<Path>, is_measured: bool) -> Command {
    match cores() {
        Some((measured, others)) => {
            let mut command = Command::new("taskset");
            let core = if is_measured { measured } else { others };
            command
                .args(["-c", &core.to_string()])
                .arg(program.as_ref());
            command
        }
        None => Command::new(program.as_ref()),
    }
}

/// Ourselves in another role, with the port on its first line.
fn role(role: &str, is_measured: bool, environment: &[(&str, &Path)]) -> Part {
    let own = std::env::current_exe().expect("a program");
    let mut command = pinned(own, is_measured);
    command.env("BELAY_BENCH_ROLE", role);
    command.envs(environment.iter().copied());
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut line = String::new();
    let out = child.stdout.take().expect("it is piped");
    BufReader::new(out).read_line(&mut line).expect("a line");
    let port: u16 = line.trim().parse().expect("a port");
    Part {
        child,
        address: SocketAddr::from(([127, 0, 0, 1], port)),
        _folder: folder(),
    }
}

/// The upstream.
pub fn upstream() -> Part {
    role("upstream", false, &[])
}

/// One that fails three calls in ten.
pub fn faulty_upstream() -> Part {
    role("upstream", false, &[(FAULTY, Path::new("yes"))])
}

/// A bare axum handler that answers with what is in `bytes`.
pub fn bare(bytes: &Path) -> Part {
    role("bare", true, &[("BELAY_BENCH_BYTES", bytes)])
}

/// A port that is free now.
fn free_port() -> u16 {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    free.local_addr().expect("it is bound").port()
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// nginx before the upstream, with its connections kept and its log written.
pub fn nginx(upstream: SocketAddr) -> Result<Part, String> {
    let folder = folder();
    let at = folder.path().display();
    let port = free_port();
    let config = format!(
        "worker_processes 1;\ndaemon off;\nmaster_process off;\npid {at}/pid;\nerror_log {at}/error.log error;\n\
         worker_rlimit_nofile 8192;\nevents {{ worker_connections 4096; }}\n\
         http {{\naccess_log {at}/access.log;\nclient_body_temp_path {at}/b;\nproxy_temp_path {at}/p;\n\
         fastcgi_temp_path {at}/f;\nuwsgi_temp_path {at}/u;\nscgi_temp_path {at}/s;\n\
         keepalive_requests 1000000000;\nclient_max_body_size 10m;\nclient_body_buffer_size 256k;\n\
         upstream claude {{ server {upstream}; keepalive 512; keepalive_requests 1000000000; }}\n\
         server {{ listen 127.0.0.1:{port} backlog=4096;\nlocation / {{ proxy_pass http://claude;\n\
         proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_buffering off; tcp_nodelay on; }} }} }}\n"
    );
    let path = folder.path().join("nginx.conf");
    fs::write(&path, config).expect("it can be written");
    let child = pinned("nginx", true)
        .arg("-c")
        .arg(&path)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| {
            format!("nginx cannot be started ({error}); apt-get install nginx-light")
        })?;
    Ok(Part::once_open(child, port, folder))
}

/// A real Redis.
pub fn redis() -> Result<Part, String> {
    let (folder, port) = (folder(), free_port());
    let child = pinned("redis-server", false)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no", "--dir"])
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| {
            format!("redis-server cannot be started ({error}); apt-get install redis-server")
        })?;
    Ok(Part::once_open(child, port, folder))
}

/// The binary that is measured: that of this build, or another one that is named.
fn binary() -> PathBuf {
    let named = std::env::var_os("BELAY_BENCH_BINARY");
    let path = named.map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_belay")), PathBuf::from);
    assert!(path.is_file(), "{} is no binary", path.display());
    path
}

/// The gateway with every policy on, before `upstream`; behind `redis` where there is one.
pub fn belay(upstream: SocketAddr, redis: Option<SocketAddr>) -> Part {
    let (folder, port) = (folder(), free_port());
    let at = folder.path().display();
    let hash = KeyHash::of(KEY);
    let (kept, shared) = match redis {
        Some(_) => (
            "",
            "[shared]\nredis = \"env:REDIS_URL\"\nreplicas = 3\nkey = \"env:SHARED_KEY\"\n",
        ),
        None => ("file = \"usage.db\"\n", ""),
    };
    let config = format!(
        r#"
[server]
bind = "127.0.0.1:{port}"
admin_bind = "127.0.0.1:0"
[[orgs]]
id = "00D5f000000XyZaEAK"
name = "acme"
messages_cache_ttl_s = 60
[[orgs.credentials]]
kind = "api_key"
id = "bench"
sha256 = "{hash}"
scopes = ["tasks", "messages"]
[orgs.limits]
requests_per_minute = 100_000_000
tokens_per_minute = 4_000_000_000
calls_in_flight = 10_000
budget_usd_per_day = 9_000_000
budget_usd_per_month = 9_000_000
[orgs.privacy]
drop = ["*.SSN__c"]
mask = ["Contact.Name"]
[[providers]]
name = "claude"
kind = "anthropic"
api_key = "env:UPSTREAM_KEY"
base_url = "http://{upstream}"
calls_in_flight = 10_000
[models.default]
targets = [{{ provider = "claude", model = "claude-sonnet-5-5" }}]
[cache]
bytes = 33_554_432
[audit]
target = "file:audit.log"
[usage]
{kept}{shared}"#
    );
    let path = folder.path().join("belay.toml");
    fs::write(&path, config).expect("it can be written");
    let log = fs::File::create(format!("{at}/log")).expect("it can be made");
    let mut command = pinned(binary(), true);
    command
        .args(["serve", "--config"])
        .arg(&path)
        .env("UPSTREAM_KEY", "sk-ant-bench")
        // As in the image.
        .env("MIMALLOC_ALLOW_THP", "0")
        .env("SHARED_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    if let Some(redis) = redis {
        command.env("REDIS_URL", format!("redis://{redis}"));
    }
    let child = command.spawn().expect("it runs");
    Part::once_open(child, port, folder)
}

/// Work for a core that has nothing else to do, while it lives: in a virtual machine, waking a core that sleeps takes
/// longer than a call, and by how much is the host's affair.
pub struct Awake(Vec<Child>);

impl Awake {
    /// Keeps these cores awake.
    pub fn on(those: &[usize]) -> Self {
        let spin = |core: &usize| {
            Command::new("chrt")
                .args(["-i", "0", "taskset", "-c", &core.to_string()])
                .args(["sh", "-c", "while :; do :; done"])
                .stdin(Stdio::null())
                .spawn()
                .ok()
        };
        Self(those.iter().filter_map(spin).collect())
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Part {
    fn once_open(child: Child, port: u16, folder: TempDir) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let begun = Self {
            child,
            address,
            _folder: folder,
        };
        let until = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(address).is_err() {
            assert!(Instant::now() < until, "nobody listens at {address}");
            std::thread::sleep(Duration::from_millis(20));
        }
        begun
    }

    fn proc(&self, name: &str) -> PathBuf {
        Path::new("/proc")
            .join(self.child.id().to_string())
            .join(name)
    }

    /// Ends it as an operator would, and waits until it has.
    pub fn end(mut self) -> Result<(), String> {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status();
        told.map_err(|error| format!("kill cannot be started: {error}"))?;
        let ended = self.child.wait().map_err(|error| error.to_string())?;
        if ended.success() {
            Ok(())
        } else {
            Err(format!("it ended with {ended}"))
        }
    }

    /// Time on a core so far, of all its threads, in seconds.
    pub fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(self.proc("stat")).expect("it runs");
        // What stands after the name, which may hold anything: the times are the twelfth and the thirteenth of it.
        let rest = stat.rsplit(')').next().expect("a name");
        let ticks = rest.split_whitespace().skip(11).take(2);
        let ticks: f64 = ticks.map(|text| text.parse::<f64>().expect("ticks")).sum();
        // A tick is a hundredth of a second wherever Linux counts for programs.
        ticks / 100.0
    }

    /// Waits until it has done what it does at the start: it listens before that is over.
    pub fn settled(&self) {
        let until = Instant::now() + Duration::from_secs(20);
        let mut before = self.cpu();
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let now = self.cpu();
            // Nothing to speak of in all of a second.
            if now - before < 0.02 || Instant::now() > until {
                return;
            }
            before = now;
        }
    }

    /// Memory that is resident, in MiB.
    pub fn memory(&self) -> f64 {
        let status = fs::read_to_string(self.proc("status")).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| {
            line.trim()
                .trim_end_matches(" kB")
                .trim()
                .parse::<f64>()
                .ok()
        });
        kib.expect("a number") / 1024.0
    }

    /// Files that are open.
    pub fn files(&self) -> usize {
        fs::read_dir(self.proc("fd")).expect("it runs").count()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
