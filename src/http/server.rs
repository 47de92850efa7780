//! The accept loop.
//!
//! # Why
//! hyper's own HTTP/1 connection, with what a door on the internet needs: a limit on the time and size of a request's
//! head, another on idle connections and on one who reads nothing, `TCP_NODELAY`, a bound on connections, and a stop that
//! lets calls under way finish; and, where the port speaks it, TLS under the same limits.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::{Layer, Service};
use tower_http::normalize_path::{NormalizePath, NormalizePathLayer};

use super::connection::{ClientCertificate, Peer};
use super::heads::{Busy, Heads};
use super::progress::Progress;
use super::settings::Settings;
use super::tls::{Acceptor, Guest};
use crate::lifecycle::Lifecycle;

/// Connections open at once; past that new ones wait in the listener's queue.
const CONNECTIONS: usize = 8_192;
/// The largest head of a request. Past that hyper answers 431.
const HEAD_BYTES: usize = 48 * 1_024;
/// How long to wait after an accept that failed, as when no file descriptor is left.
const AFTER_A_FAILED_ACCEPT: Duration = Duration::from_millis(50);

/// What one connection is served with.
struct Connection {
    http: http1::Builder,
    service: NormalizePath<Router>,
    tls: Option<Arc<Acceptor>>,
    header_time: Duration,
    write_time: Duration,
    watcher: Watcher,
}

/// Serves `router` on `listener`, by TLS where `tls` is given, until the process stops taking calls, then lets the calls
/// under way finish, at most for `drain`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<Arc<Acceptor>>,
    settings: &Settings,
    drain: Duration,
    lifecycle: Lifecycle,
) {
    // Outside of the routes, since it changes which route is found: `/whoami/` is `/whoami`, without a redirect.
    let service = NormalizePathLayer::trim_trailing_slash().layer(router);
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(settings.idle_time)
        .max_buf_size(HEAD_BYTES);
    loop {
        let permit = Arc::clone(&room).acquire_owned();
        let accepted = tokio::select! {
            accepted = async {
                // The semaphore is never closed.
                let permit = permit.await.ok();
                (listener.accept().await, permit)
            } => accepted,
            () = lifecycle.stopping() => break,
        };
        let (stream, permit) = match accepted {
            (Ok((stream, _)), permit) => (stream, permit),
            (Err(error), _) => {
                tracing::warn!("a connection could not be accepted: {error}");
                tokio::time::sleep(AFTER_A_FAILED_ACCEPT).await;
                continue;
            }
        };
        let connection = Connection {
            http: http.clone(),
            service: service.clone(),
            tls: tls.clone(),
            header_time: settings.header_time,
            write_time: settings.write_time,
            watcher: graceful.watcher(),
        };
        let lifecycle_of_it = lifecycle.clone();
        lifecycle.spawn("connection", async move {
            connection.serve(stream, &lifecycle_of_it).await;
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(drain, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("connections were still open when the drain ended");
    }
}

impl Connection {
    /// Serves until one of the two sides ends it. The handshake is made here and not where connections are accepted: one
    /// that takes its time keeps nobody else waiting.
    async fn serve(self, stream: TcpStream, lifecycle: &Lifecycle) {
        // An answer is written at once and whole; waiting to fill a packet only costs 40 ms.
        let _ = stream.set_nodelay(true);
        let peer = stream.peer_addr().ok().map(Peer);
        // Below TLS, which takes an answer in and then waits for its reader out of sight.
        let stream = Heads::of(Progress::of(stream, self.write_time), self.header_time);
        let busy = stream.busy();
        let Some(tls) = self.tls.clone() else {
            return self.answer(stream, busy, peer, None).await;
        };
        let handshake = tokio::time::timeout(self.header_time, tls.accept(stream));
        let shaken = tokio::select! {
            shaken = handshake => shaken,
            // No call has begun yet.
            () = lifecycle.stopping() => return,
        };
        match shaken {
            Ok(Ok((stream, guest))) => self.answer(stream, busy, peer, guest).await,
            Ok(Err(error)) => {
                let peer = peer.map(|Peer(address)| tracing::field::display(address));
                tracing::debug!(peer, "a handshake failed: {error}");
            }
            Err(_) => tracing::debug!("a handshake took too long"),
        }
    }

    /// Answers the requests that come over `stream`.
    async fn answer<S>(self, stream: S, busy: Busy, peer: Option<Peer>, guest: Option<Guest>)
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let service = self.service;
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            if let Some(peer) = peer {
                request.extensions_mut().insert(peer);
            }
            if let Some(guest) = &guest {
                let certificate = ClientCertificate(guest.showing());
                request.extensions_mut().insert(certificate);
            }
            busy.clone().while_answering(service.clone().call(request))
        });
        let connection = self.http.serve_connection(TokioIo::new(stream), service);
        // A connection that ends in an error has nobody left to be told.
        let _ = self.watcher.watch(connection).await;
    }
}
