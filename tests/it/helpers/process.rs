//! The binary that ships, as a process of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use super::app::{client, spawn};
use super::call::{Answer, Call};
use super::org::{Config, KEY, UPSTREAM_KEY};
use super::wait::{until, within};

/// `belay serve`, running.
pub struct Belay {
    public: SocketAddr,
    admin: SocketAddr,
    child: Child,
    folder: TempDir,
    log: Lines,
    out: Lines,
    client: reqwest::Client,
}

/// Lines that a process has written so far.
type Lines = Arc<Mutex<Vec<String>>>;

/// The binary, with nothing of the surroundings of the test but where programs are.
pub fn belay() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_belay"));
    command
        .env_clear()
        .env("UPSTREAM_KEY", UPSTREAM_KEY)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Runs the binary with `arguments` to its end.
pub async fn run(arguments: &[&str]) -> Output {
    let output = belay().args(arguments).output();
    within("the end of a command", output)
        .await
        .expect("it runs")
}

/// A folder with `belay.toml` in it.
pub fn folder_with(text: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("belay.toml");
    std::fs::write(&path, text).expect("it can be written");
    (folder, path)
}

impl Belay {
    /// Serves by `config`.
    pub async fn serve(config: &Config) -> Self {
        Self::serve_at(config, "trace").await
    }

    /// Serves by `config` and logs at `level`, but always says where it listens.
    pub async fn serve_at(config: &Config, level: &str) -> Self {
        let (folder, path) = folder_with(&config.text());
        config.write_files(folder.path());
        let mut command = belay();
        command.args(["serve", "--config"]).arg(path);
        command.env("BELAY_LOG", format!("{level},belay::commands::serve=info"));
        Self::start(command, folder).await
    }

    /// Serves by `config`, with these variables around it.
    pub async fn serve_among(config: &Config, variables: &[(&str, &str)]) -> Self {
        let (folder, path) = folder_with(&config.text());
        config.write_files(folder.path());
        let mut command = belay();
        command.args(["serve", "--config"]).arg(path);
        command
            .env("BELAY_LOG", "info")
            .envs(variables.iter().copied());
        // No metadata of a machine is asked for, whichever machine runs the test.
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        Self::start(command, folder).await
    }

    /// Serves without a config, on free ports.
    pub async fn serve_without_config() -> Self {
        let mut command = belay();
        command
            .arg("serve")
            .env("BELAY__SERVER__BIND", "127.0.0.1:0")
            .env("BELAY__SERVER__ADMIN_BIND", "127.0.0.1:0");
        Self::start(command, TempDir::new().expect("a folder")).await
    }

    async fn start(mut command: Command, folder: TempDir) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let log = lines_of(child.stderr.take().expect("it is piped"));
        let out = lines_of(child.stdout.take().expect("it is piped"));
        let mut listening = None;
        until("the line that says where it listens", async || {
            listening = find(&log, "listening");
            assert!(
                listening.is_some() || child.try_wait().expect("it is ours").is_none(),
                "it ended: {:?}",
                log.lock().expect("no panic")
            );
            listening.is_some()
        })
        .await;
        let line = listening.expect("it was waited for");
        let address = |name: &str| {
            let text = line[name].as_str().expect("an address");
            text.parse().expect("an address")
        };
        Self {
            public: address("addr"),
            admin: address("admin_addr"),
            child,
            folder,
            log,
            out,
            client: client(),
        }
    }

    /// A call by Acme.
    pub fn call(&self, method: reqwest::Method, path: &str) -> Call {
        let url = format!("http://{}{path}", self.public);
        Call(self.client.request(method, url)).bearer(KEY)
    }

    /// A call without a credential.
    pub fn anonymous(&self, method: reqwest::Method, path: &str) -> Call {
        Call(
            self.client
                .request(method, format!("http://{}{path}", self.public)),
        )
    }

    /// A briefing on `record`, by Acme.
    pub fn brief(&self, record: &Value) -> Call {
        let body = serde_json::json!({"record": record});
        self.call(reqwest::Method::POST, "/briefing").json(&body)
    }

    /// Where its callers find it.
    pub fn public(&self) -> SocketAddr {
        self.public
    }

    /// A call without a credential in its headers, by `client` over TLS.
    pub fn over_tls(&self, client: &reqwest::Client, method: reqwest::Method, path: &str) -> Call {
        Call(client.request(method, format!("https://{}{path}", self.public)))
    }

    /// A page of the admin port.
    pub async fn admin(&self, path: &str) -> Answer {
        let url = self.admin_url(path);
        Call(self.client.get(url)).send().await
    }

    /// The address of a page of the admin port.
    pub fn admin_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.admin)
    }

    /// Whether nobody listens at the public port any more.
    pub async fn is_closed(&self) -> bool {
        tokio::net::TcpStream::connect(self.public).await.is_err()
    }

    /// Sends a signal, such as `TERM`.
    pub async fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs");
        let sent = Command::new("sh")
            .arg("-c")
            .arg(format!("kill -{name} {id}"))
            .status();
        assert!(within("kill", sent).await.expect("it runs").success());
    }

    /// Waits for the end.
    pub async fn ended(&mut self) -> ExitStatus {
        let end = within("the end of the process", self.child.wait()).await;
        end.expect("it is ours")
    }

    /// Writes another config over the one that it serves by.
    pub fn rewrite(&self, text: &str) {
        std::fs::write(self.config(), text).expect("it can be written");
    }

    /// Writes a file beside the config, or another over it.
    pub fn write(&self, name: &str, content: &str) {
        std::fs::write(self.folder.path().join(name), content).expect("it can be written");
    }

    /// Writes another config over the one that it serves by, and the files beside it.
    pub fn rewrite_all(&self, config: &Config) {
        config.write_files(self.folder.path());
        self.rewrite(&config.text());
    }

    /// Every line of the log so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().expect("no panic").clone()
    }

    /// Everything that it has printed so far.
    pub fn printed(&self) -> String {
        self.out.lock().expect("no panic").join("\n")
    }

    /// What stands in a file beside its config.
    pub fn file(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::read_to_string(path).expect("it is there")
    }

    fn config(&self) -> PathBuf {
        Path::join(self.folder.path(), "belay.toml")
    }
}

fn lines_of(stream: impl AsyncRead + Send + Unpin + 'static) -> Lines {
    let lines = Lines::default();
    let into = Arc::clone(&lines);
    spawn(async move {
        let mut stream = BufReader::new(stream).lines();
        while let Ok(Some(line)) = stream.next_line().await {
            into.lock().expect("no panic").push(line);
        }
    });
    lines
}

/// The first line of a JSON log with this message.
fn find(log: &Lines, message: &str) -> Option<Value> {
    let log = log.lock().expect("no panic");
    log.iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|line| line["message"] == message)
}
