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
    /// The user's name, where the credential proves that, too.
    pub username: Option<Arc<str>>,
    /// What the credential may be used for.
    pub scopes: Arc<[Scope]>,
    /// The configured id of the client certificate that proved the same org beside the credential.
    pub certificate_id: Option<Arc<str>>,
}

/// The Salesforce id of a user, from a signed claim.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UserId(pub Arc<str>);

/// A protocol by which a credential is proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CredentialKind {
    /// A static key, known here by its SHA-256.
    ApiKey,
    /// An access token that the token endpoint gave for a client's secret or assertion.
    OauthClient,
    /// An access token that the token endpoint gave for a JWT which the org signed.
    JwtExchange,
    /// A JWT that the org signed.
    Jwt,
    /// The certificate of the connection.
    Mtls,
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
    /// A caller whose credential proves `org` and no user in it.
    pub fn of_org(
        org: Arc<Org>,
        credential_id: Arc<str>,
        credential_kind: CredentialKind,
        scopes: Arc<[Scope]>,
    ) -> Self {
        Self {
            org,
            credential_id,
            credential_kind,
            user: None,
            username: None,
            scopes,
            certificate_id: None,
        }
    }

    /// Whether the credential may be used for `scope`.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

impl CredentialKind {
    /// Every kind there is.
    pub const ALL: [Self; 5] = [
        Self::ApiKey,
        Self::OauthClient,
        Self::JwtExchange,
        Self::Jwt,
        Self::Mtls,
    ];

    /// The kind's name in the config and in `/whoami`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::OauthClient => "oauth_client",
            Self::JwtExchange => "jwt_exchange",
            Self::Jwt => "jwt",
            Self::Mtls => "mtls",
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
