//! What is known of the connection that a request came by.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::identity::{Refusal, Shown};

/// The address at the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// A certificate, or why what came in its place is none.
pub type Showing = Result<Arc<Shown>, Refusal>;

/// The certificate of a request, among its extensions.
#[derive(Debug, Clone)]
pub struct ClientCertificate(pub Showing);
