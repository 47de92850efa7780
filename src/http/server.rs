//! The accept loop.
//!
//! # Why
//! hyper's own HTTP/1 connection, with what a door on the internet needs: a limit on the time and size of a request's
//! head and on one who reads nothing, `TCP_NODELAY`, a bound on connections, and a stop that lets calls under way finish.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::{Layer, Service};
use tower_http::normalize_path::{NormalizePath, NormalizePathLayer};

use super::layers::Peer;
use super::progress::Progress;
use super::settings::Settings;
use crate::lifecycle::Lifecycle;

/// Connections open at once; past that new ones wait in the listener's queue.
const CONNECTIONS: usize = 8_192;
/// The largest head of a request. Past that hyper answers 431.
const HEAD_BYTES: usize = 48 * 1_024;
/// How long to wait after an accept that failed, as when no file descriptor is left.
const AFTER_A_FAILED_ACCEPT: Duration = Duration::from_millis(50);

/// Serves `router` on `listener` until the process stops taking calls, then lets the calls under way finish, at most
/// for `drain`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
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
        .header_read_timeout(settings.header_time)
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
        let connection = connect(&http, stream, settings.write_time, service.clone());
        let connection = graceful.watch(connection);
        lifecycle.spawn("connection", async move {
            // A connection that ends in an error has nobody left to be told.
            let _ = connection.await;
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

fn connect(
    http: &http1::Builder,
    stream: TcpStream,
    write_time: Duration,
    service: NormalizePath<Router>,
) -> http1::Connection<
    TokioIo<Progress<TcpStream>>,
    impl hyper::service::Service<
        Request<Incoming>,
        Response = axum::response::Response,
        Error = Infallible,
        Future: Send + 'static,
    > + use<>,
> {
    // An answer is written at once and whole; waiting to fill a packet only costs 40 ms.
    let _ = stream.set_nodelay(true);
    let peer = stream.peer_addr().ok().map(Peer);
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        service.clone().call(request)
    });
    let stream = TokioIo::new(Progress::of(stream, write_time));
    http.serve_connection(stream, service)
}
