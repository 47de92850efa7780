//! Who is calling, as the credential proved it.

use std::fmt;
use std::sync::Arc;

use super::org::Org;

/// Who is calling: an org, the credential that proved it, and the user where the credential proves one.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The org, with every policy that holds for this call.
    pub org: Arc<Org>,
    /// The configured id of the credential, such as `flow`. It is no secret.
    pub credential_id: Arc<str>,
    /// By which protocol the credential was proved.
    pub credential_kind: CredentialKind,
    /// The user, where the credential proves one. An API key proves an org and nobody in it.
    pub user: Option<UserId>,
    /// What the credential may be used for.
    pub scopes: Arc<[Scope]>,
}

/// The Salesforce id of a user, from a signed claim.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UserId(pub Arc<str>);

/// A protocol by which a credential is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialKind {
    /// A static key, known here by its SHA-256.
    ApiKey,
}

/// What a credential may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The task endpoints, their bulk forms and the cache.
    Tasks,
    /// The Claude API drop-in.
    Messages,
    /// Queued and batch work.
    Jobs,
    /// Reading tools over MCP.
    McpRead,
    /// Writing tools over MCP.
    McpWrite,
}

impl Caller {
    /// Whether the credential may be used for `scope`.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

impl CredentialKind {
    /// The kind's name in the config and in `/whoami`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
        }
    }
}

impl Scope {
    /// Every scope there is.
    pub const ALL: [Self; 5] = [
        Self::Tasks,
        Self::Messages,
        Self::Jobs,
        Self::McpRead,
        Self::McpWrite,
    ];

    /// The scope's name in the config, in tokens and in `/whoami`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tasks => "tasks",
            Self::Messages => "messages",
            Self::Jobs => "jobs",
            Self::McpRead => "mcp:read",
            Self::McpWrite => "mcp:write",
        }
    }

    /// The scope of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
