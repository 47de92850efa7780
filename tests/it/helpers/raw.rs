//! Bytes on a socket, for what no decent client would send.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::org::KEY;
use super::wait::within;

/// A connection, byte by byte.
pub struct Raw<S = TcpStream>(pub S);

impl Raw {
    /// A fresh connection.
    pub async fn to(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.expect("it listens"))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    /// Sends `text`; an end of the connection is seen when reading.
    pub async fn send(&mut self, text: &str) {
        let _ = self.0.write_all(text.as_bytes()).await;
    }

    /// Everything that comes until the other side ends the connection.
    pub async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        // A connection that is reset has told what it had to tell.
        let _ = within("the end of a connection", self.0.read_to_end(&mut bytes)).await;
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Everything up to the first time that `text` stands in it.
    pub async fn until(&mut self, text: &str) -> String {
        let mut bytes = Vec::new();
        within(text, async {
            loop {
                let told = String::from_utf8_lossy(&bytes).into_owned();
                if told.contains(text) {
                    return told;
                }
                let read = self.0.read_buf(&mut bytes).await.expect("a connection");
                assert!(read > 0, "it ended before {text}: {told}");
            }
        })
        .await
    }
}

/// The head of a POST by Acme, with `more` headers, each ended by a line break.
pub fn head(path: &str, more: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: belay\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\n{more}\r\n"
    )
}
