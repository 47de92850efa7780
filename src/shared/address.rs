//! Where the store is: one server, one behind Sentinels, or a Cluster, all in one address.
//!
//! `redis://user:password@host:6379/0`, `redis-sentinel://user:password@host:26379,host:26379/master/0` and
//! `redis-cluster://user:password@host:6379,host:6379`; with `rediss` in place of `redis` over TLS.

use std::fmt;

use redis::{ConnectionAddr, IntoConnectionInfo as _, RedisConnectionInfo};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

/// Where the store is, and who we are there. It prints without its password.
#[derive(Clone)]
pub struct Address {
    /// The way in.
    pub way: Way,
    /// The nodes by host and port: the server, the Sentinels, or some of the Cluster.
    pub nodes: Vec<(String, u16)>,
    /// Whether the way is over TLS.
    pub tls: bool,
    /// The ACL user; the default one where none is named.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<SecretString>,
    /// The number of the database.
    pub database: i64,
}

/// How a server is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// It is the one.
    Server,
    /// Sentinels name it by this name.
    Sentinel(String),
    /// Each key has its own.
    Cluster,
}

/// Why a text is no address of a store. The sentence continues after the name of the value; it never repeats the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAddress {
    /// Another scheme, or no host.
    #[error(
        "must begin with redis://, redis-sentinel:// or redis-cluster://, or with rediss in place of redis for TLS, and name a host"
    )]
    Scheme,
    /// One of the nodes is none.
    #[error("names a node that is no host or host:port")]
    Node,
    /// Nobody knows which server the Sentinels should name.
    #[error("must name the Sentinels' master as its path, such as /mymaster")]
    Master,
    /// The path is no number of a database.
    #[error("may end in the number of a database, such as /0, and in nothing else")]
    Database,
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(text: &str) -> Result<Self, NoAddress> {
        let (scheme, rest) = text.trim().split_once("://").ok_or(NoAddress::Scheme)?;
        let (kind, tls) = match scheme.strip_prefix("rediss") {
            Some(kind) => (kind, true),
            None => (
                scheme.strip_prefix("redis").ok_or(NoAddress::Scheme)?,
                false,
            ),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (credentials, hosts) = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => (credentials, hosts),
            None => ("", authority),
        };
        let mut path: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let (way, port) = match kind {
            "" => (Way::Server, 6_379),
            "-cluster" => (Way::Cluster, 6_379),
            "-sentinel" if path.is_empty() => return Err(NoAddress::Master),
            "-sentinel" => (Way::Sentinel(path.remove(0).to_owned()), 26_379),
            _ => return Err(NoAddress::Scheme),
        };
        let nodes: Option<Vec<_>> = hosts.split(',').map(|host| node(host, port)).collect();
        let nodes = nodes.ok_or(NoAddress::Node)?;
        if way == Way::Server && nodes.len() > 1 {
            return Err(NoAddress::Node);
        }
        let database = match (path.as_slice(), &way) {
            ([], _) => 0,
            ([number], Way::Server | Way::Sentinel(_)) => {
                let number = number.parse().ok().filter(|number| *number >= 0);
                number.ok_or(NoAddress::Database)?
            }
            _ => return Err(NoAddress::Database),
        };
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        let said = |text: &str| (!text.is_empty()).then(|| decoded(text));
        Ok(Self {
            way,
            nodes,
            tls,
            user: said(user),
            password: said(password).map(SecretString::from),
            database,
        })
    }

    /// The nodes as the client library wants them.
    pub(super) fn library_nodes(&self) -> Vec<ConnectionAddr> {
        let nodes = self.nodes.iter().cloned();
        nodes
            .map(|(host, port)| {
                if self.tls {
                    ConnectionAddr::TcpTls {
                        host,
                        port,
                        insecure: false,
                        tls_params: None,
                    }
                } else {
                    ConnectionAddr::Tcp(host, port)
                }
            })
            .collect()
    }

    /// Who we are there, as the client library wants it.
    pub(super) fn library_login(&self) -> RedisConnectionInfo {
        let mut login = RedisConnectionInfo::default().set_db(self.database);
        if let Some(user) = &self.user {
            login = login.set_username(user);
        }
        if let Some(password) = &self.password {
            login = login.set_password(password.expose_secret());
        }
        login
    }

    /// The first node, with who we are there.
    pub(super) fn library_server(&self) -> redis::RedisResult<redis::ConnectionInfo> {
        let node = self.library_nodes().swap_remove(0);
        Ok(node
            .into_connection_info()?
            .set_redis_settings(self.library_login()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes: Vec<String> = self
            .nodes
            .iter()
            .map(|(host, port)| format!("{host}:{port}"))
            .collect();
        let nodes = nodes.join(", ");
        match &self.way {
            Way::Server => write!(f, "the server at {nodes}")?,
            Way::Sentinel(master) => write!(f, "{master}, as the Sentinels at {nodes} name it")?,
            Way::Cluster => write!(f, "the Cluster at {nodes}")?,
        }
        if self.tls {
            f.write_str(", over TLS")?;
        }
        if let Some(user) = &self.user {
            write!(f, ", as {user}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

impl Eq for Address {}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        let secret = |one: &Self| one.password.as_ref().map(|p| p.expose_secret().to_owned());
        self.way == other.way
            && self.nodes == other.nodes
            && self.tls == other.tls
            && self.user == other.user
            && self.database == other.database
            && secret(self) == secret(other)
    }
}

/// A host with its port, or with the usual one; an IPv6 address stands in brackets.
fn node(text: &str, usual: u16) -> Option<(String, u16)> {
    let url = Url::parse(&format!("redis://{text}")).ok()?;
    let host = url.host_str().filter(|host| !host.is_empty())?;
    let plain = url.username().is_empty() && url.path().is_empty() && url.query().is_none();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    plain.then(|| (host.to_owned(), url.port().unwrap_or(usual)))
}

fn decoded(text: &str) -> String {
    // A user and a password stand in an address as in any other: with what has a meaning there written as %XX.
    let pairs = format!("x={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(pairs.as_bytes())
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Address {
        Address::parse(text).expect("an address")
    }

    #[test]
    fn each_way_in_has_its_scheme() {
        let one = read("redis://127.0.0.1");
        assert_eq!(one.way, Way::Server);
        assert_eq!(one.nodes, [("127.0.0.1".to_owned(), 6_379)]);
        assert!(!one.tls && one.user.is_none() && one.password.is_none());
        let three = read("rediss-sentinel://belay:p%40ss@a:1,b,[::1]:3/mymaster/2");
        assert_eq!(three.way, Way::Sentinel("mymaster".to_owned()));
        let nodes = [("a", 1), ("b", 26_379), ("::1", 3)];
        assert_eq!(
            three.nodes,
            nodes.map(|(host, port)| (host.to_owned(), port))
        );
        assert!(three.tls);
        assert_eq!(three.user.as_deref(), Some("belay"));
        assert_eq!(three.password.expect("one").expose_secret(), "p@ss");
        assert_eq!(three.database, 2);
        let cluster = read("redis-cluster://:secret@a:1,b:2");
        assert_eq!((cluster.way, cluster.user), (Way::Cluster, None));
        assert_eq!(cluster.password.expect("one").expose_secret(), "secret");
    }

    #[test]
    fn what_is_no_address_is_told_apart() {
        for (text, why) in [
            ("", NoAddress::Scheme),
            ("localhost:6379", NoAddress::Scheme),
            ("http://localhost", NoAddress::Scheme),
            ("redis-other://localhost", NoAddress::Scheme),
            ("redis://", NoAddress::Node),
            ("redis://a,b", NoAddress::Node),
            ("redis://a:port", NoAddress::Node),
            ("redis-sentinel://a", NoAddress::Master),
            ("redis://a/one", NoAddress::Database),
            ("redis://a/-1", NoAddress::Database),
            ("redis-cluster://a/1", NoAddress::Database),
        ] {
            assert_eq!(Address::parse(text).expect_err("none"), why, "{text}");
        }
    }

    #[test]
    fn an_address_prints_without_its_password() {
        let one = read("rediss://belay:hunter2@cache.example:6380/1");
        let told = format!("{one} {one:?}");
        assert!(told.contains("the server at cache.example:6380, over TLS, as belay"));
        assert!(!told.contains("hunter2"));
    }
}
