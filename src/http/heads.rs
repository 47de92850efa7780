//! The time for a request's head, apart from the time for which a connection may be idle.
//!
//! # Why
//! A proxy keeps connections for a minute or more between two calls, and a POST that meets a connection which is just being
//! closed is lost: proxies do not send it again. So an idle connection is kept for longer than they keep theirs, while a
//! head, once its first byte is there, has to be whole within seconds; and so has the first one of a connection.
//! hyper knows one time for both.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// A stream whose reads end in an error where a head takes too long.
pub struct Heads<S> {
    stream: S,
    time: Duration,
    busy: Busy,
    /// Runs while a head is awaited.
    end: Option<Pin<Box<Sleep>>>,
}

/// Whether a request is under way on a connection: then what comes is no head.
#[derive(Clone, Default)]
pub struct Busy(Arc<State>);

#[derive(Default)]
struct State {
    under_way: AtomicBool,
    /// Whether one has begun since it was last looked at: then the head is there that was waited for.
    has_begun: AtomicBool,
}

/// A request that is under way until this is dropped.
struct UnderWay(Busy);

/// An answer's body, whose request is under way until it is sent.
struct Answering {
    body: Body,
    _under_way: UnderWay,
}

impl<S> Heads<S> {
    /// `stream`, whose first head has to come within `time`, and each further one within `time` of its first byte.
    pub fn of(stream: S, time: Duration) -> Self {
        Self {
            stream,
            time,
            busy: Busy::default(),
            end: Some(Box::pin(tokio::time::sleep(time))),
        }
    }

    /// What has to know of each request.
    pub fn busy(&self) -> Busy {
        self.busy.clone()
    }
}

impl Busy {
    /// A request is under way until its `answer` is sent, or dropped.
    pub async fn while_answering<E>(
        self,
        answer: impl Future<Output = Result<http::Response<Body>, E>>,
    ) -> Result<http::Response<Body>, E> {
        self.0.has_begun.store(true, Ordering::Relaxed);
        self.0.under_way.store(true, Ordering::Relaxed);
        let under_way = UnderWay(self);
        let answer = answer.await?;
        Ok(answer.map(|body| {
            Body::new(Answering {
                body,
                _under_way: under_way,
            })
        }))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let Self(Busy(state)) = self;
        state.under_way.store(false, Ordering::Relaxed);
    }
}

impl http_body::Body for Answering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Heads<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let Busy(state) = &self.busy;
        let under_way = state.under_way.load(Ordering::Relaxed);
        if state.has_begun.swap(false, Ordering::Relaxed) || under_way {
            self.end = None;
        }
        if under_way {
            return read;
        }
        if read.is_ready() {
            let came = buffer.filled().len() > before;
            if came && self.end.is_none() {
                let time = self.time;
                self.end = Some(Box::pin(tokio::time::sleep(time)));
            }
            return read;
        }
        match &mut self.end {
            Some(end) => {
                ready!(end.as_mut().poll(context));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            None => Poll::Pending,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heads<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::{Instant, sleep, timeout};

    use super::*;

    const TIME: Duration = Duration::from_secs(10);
    const HOUR: Duration = Duration::from_hours(1);

    /// When a read ends in an error, from now.
    async fn given_up(heads: &mut Heads<tokio::io::DuplexStream>) -> Duration {
        let begun = Instant::now();
        let error = heads.read_u8().await.expect_err("nothing comes");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_head_is_waited_for_from_the_beginning() {
        let (near, mut far) = tokio::io::duplex(10);
        let mut heads = Heads::of(near, TIME);
        far.write_all(b"G").await.expect("it takes it");
        heads.read_u8().await.expect("a byte");
        assert_eq!(given_up(&mut heads).await, TIME);
    }

    #[tokio::test(start_paused = true)]
    async fn between_two_requests_there_may_be_any_time_and_within_a_head_there_may_not() {
        let (near, mut far) = tokio::io::duplex(10);
        let mut heads = Heads::of(near, TIME);
        far.write_all(b"G").await.expect("it takes it");
        heads.read_u8().await.expect("a byte");
        let answer = async { Ok::<_, Infallible>(http::Response::new(Body::from("all"))) };
        let answer = heads.busy().while_answering(answer).await.expect("it is");
        // While it is sent, what comes is no head, however long that takes.
        far.write_all(b"x").await.expect("it takes it");
        heads.read_u8().await.expect("a byte");
        assert!(timeout(HOUR, heads.read_u8()).await.is_err());
        drop(answer);
        assert!(timeout(HOUR, heads.read_u8()).await.is_err());
        far.write_all(b"G").await.expect("it takes it");
        heads.read_u8().await.expect("a byte");
        sleep(TIME / 2).await;
        far.write_all(b"E").await.expect("it takes it");
        heads.read_u8().await.expect("a byte");
        assert_eq!(given_up(&mut heads).await, TIME / 2);
    }
}
