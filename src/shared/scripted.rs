//! A real Redis for tests, on a port of its own, that ends with the test.

use std::net::TcpListener;
use std::num::NonZeroU32;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use super::{Address, Link, OnOutage, Settings};
use crate::domain::SystemClock;
use crate::lifecycle::Lifecycle;
use crate::telemetry::Metrics;

/// A server, running.
pub struct Server {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Server {
    /// An empty server.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // A port that is free now; whoever takes it in between makes the server end, and another is tried.
        for _ in 0..20 {
            let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let port = free.local_addr().expect("it is bound").port();
            drop(free);
            let mut child = Command::new("redis-server")
                .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
                .args(["--save", "", "--appendonly", "no", "--dir"])
                .arg(folder.path())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("redis-server is installed");
            for _ in 0..500 {
                if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return Self {
                        child,
                        port,
                        _folder: folder,
                    };
                }
                if child.try_wait().expect("it is ours").is_some() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        panic!("no Redis came up");
    }

    /// A way there, once it stands.
    pub async fn link(&self, lifecycle: &Lifecycle) -> Arc<Link> {
        let address = Address::parse(&format!("redis://127.0.0.1:{}", self.port));
        let settings = Settings {
            address: address.expect("an address"),
            root: None,
            keys: None,
            time: Duration::from_secs(2),
            on_outage: OnOutage::Refuse,
            replicas: NonZeroU32::MIN,
        };
        let link = Arc::new(Link::new(&settings, Arc::new(Metrics::new())));
        let mut changes = link.changes();
        lifecycle.spawn_detached(Arc::clone(&link).keep(Arc::new(SystemClock)));
        let up = changes.wait_for(|is_up| *is_up);
        tokio::time::timeout(Duration::from_secs(10), up)
            .await
            .expect("it comes up")
            .expect("the link lives");
        link
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
