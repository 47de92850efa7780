//! What a credential of the config comes to in Salesforce: an External Credential, a Named Credential, a permission set.

use url::Url;

use super::name;
use crate::identity::access_token::written;
use crate::identity::{Credential, Jti, Proof, Tenant, Trust};

/// Everything that Setup asks for about one credential.
pub struct Connection<'a> {
    /// The credential.
    pub credential: &'a Credential,
    /// The unique name of its External Credential and its Named Credential.
    pub name: String,
    /// How a callout proves it.
    pub protocol: Protocol,
    /// Where tokens are fetched, where the protocol fetches them.
    pub token_url: Option<String>,
    /// Which scopes a token is asked for, by blanks; as for `token_url`.
    pub scope: Option<String>,
    /// What is signed, where the protocol signs something.
    pub signature: Option<Signature>,
    /// A header of its own.
    pub header: Option<Header>,
    /// What is entered on the principal, by label, and what that is.
    pub entered: Vec<(&'static str, String)>,
    /// The unique name of the certificate that the connection shows.
    pub client_certificate: Option<String>,
    /// What else there is to know.
    pub hints: Vec<String>,
}

/// How a callout proves its credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// A header of its own.
    Custom,
    /// Nothing but the connection.
    NoAuthentication,
    /// OAuth: an access token for a client's secret.
    ClientSecret,
    /// OAuth: an access token for a JWT of the client.
    ClientAssertion,
    /// OAuth: an access token for a JWT of the org.
    JwtBearer,
    /// A JWT of the org.
    Jwt,
}

/// What a JWT says and who signs it.
pub struct Signature {
    /// The unique name of the certificate in Salesforce.
    pub certificate: String,
    /// Whether that name is the token's `kid`, which must be the credential's id.
    pub is_kid: bool,
    /// Claims by name, each a text or a formula; `exp` stands apart.
    pub claims: Vec<(String, String)>,
}

/// A header with a formula.
pub struct Header {
    /// Its name.
    pub name: &'static str,
    /// The formula.
    pub value: String,
}

/// The gateway's address, as far as it is known.
pub struct Gateway(Option<String>);

/// What stands in place of an address that the config does not tell.
const NOT_KNOWN: &str = "(not known: set `public_url` in [server])";
/// The name of the parameter on a principal that holds an API key.
const KEY: &str = "Key";
/// A `jti` for each second of each user, since formulas know no random numbers.
const JTI: &str =
    r#"{!$User.Id & "-" & TEXT(FLOOR((NOW() - DATETIMEVALUE("1970-01-01 00:00:00")) * 86400))}"#;

impl Gateway {
    /// The gateway at `public_url`.
    pub fn at(public_url: Option<&Url>) -> Self {
        Self(public_url.map(|url| url.as_str().trim_end_matches('/').to_owned()))
    }

    /// Whether its address is known.
    pub fn is_known(&self) -> bool {
        self.0.is_some()
    }

    /// Its address without a trailing slash, or what to do about it.
    pub fn url(&self) -> String {
        self.below("")
    }

    /// The address of `path`, or what to do about it.
    fn below(&self, path: &str) -> String {
        let url = self.0.as_ref().map(|url| format!("{url}{path}"));
        url.unwrap_or_else(|| NOT_KNOWN.to_owned())
    }
}

impl Protocol {
    /// What Setup calls it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Custom => "Custom",
            Self::NoAuthentication => "No Authentication",
            Self::ClientSecret | Self::ClientAssertion | Self::JwtBearer => "OAuth 2.0",
            Self::Jwt => "JWT",
        }
    }

    /// What Setup calls its flow, where it has several.
    pub fn flow(self) -> Option<&'static str> {
        match self {
            Self::ClientSecret => Some("Client Credentials with Client Secret Flow"),
            Self::ClientAssertion => Some("Client Credentials with JWT Assertion Flow"),
            Self::JwtBearer => Some("JWT Bearer Flow"),
            Self::Custom | Self::NoAuthentication | Self::Jwt => None,
        }
    }

    /// What metadata calls it.
    pub fn in_metadata(self) -> &'static str {
        match self {
            Self::Custom | Self::NoAuthentication => "Custom",
            Self::ClientSecret | Self::ClientAssertion | Self::JwtBearer => "Oauth",
            Self::Jwt => "Jwt",
        }
    }

    /// What metadata calls its variant, where it has several.
    pub fn variant(self) -> Option<&'static str> {
        match self {
            Self::NoAuthentication => Some("NoAuthentication"),
            Self::ClientSecret => Some("ClientCredentialsClientSecretBasic"),
            Self::ClientAssertion => Some("ClientCredentialsJwtAssertion"),
            Self::JwtBearer => Some("JwtBearer"),
            Self::Custom | Self::Jwt => None,
        }
    }

    /// Whether Salesforce itself writes the header `Authorization`.
    pub fn authorizes(self) -> bool {
        match self {
            Self::Custom | Self::NoAuthentication => false,
            Self::ClientSecret | Self::ClientAssertion | Self::JwtBearer | Self::Jwt => true,
        }
    }
}

impl<'a> Connection<'a> {
    /// What every credential of `tenant` comes to.
    pub fn all(tenant: &'a Tenant, gateway: &Gateway) -> Vec<Self> {
        let ids = tenant.credentials.iter().map(|credential| &*credential.id);
        let names = name::of_connections(ids).into_iter();
        let credentials = tenant.credentials.iter().zip(names);
        credentials
            .map(|(credential, name)| Self::new(tenant, credential, &name, gateway))
            .collect()
    }

    fn new(tenant: &Tenant, credential: &'a Credential, name: &str, gateway: &Gateway) -> Self {
        let id = &*credential.id;
        let blank = |protocol| Self {
            credential,
            name: name.to_owned(),
            protocol,
            token_url: None,
            scope: None,
            signature: None,
            header: None,
            entered: Vec::new(),
            client_certificate: None,
            hints: Vec::new(),
        };
        let oauth = |protocol| Self {
            token_url: Some(gateway.below("/oauth/token")),
            scope: Some(written(&credential.scopes)),
            ..blank(protocol)
        };
        match &credential.proof {
            Proof::ApiKey(_) => Self {
                header: Some(Header {
                    name: "X-API-Key",
                    value: format!("{{!$Credential.{name}.{KEY}}}"),
                }),
                entered: vec![(KEY, format!("the key of `{id}`, which `belay key new` printed"))],
                hints: vec![
                    format!(
                        "Basic Authentication works as well: Username {id}, Password the key, Generate Authorization Header on."
                    ),
                    "Another key: let both stand in the config, enter the new one on the principal, remove the old one."
                        .to_owned(),
                ],
                ..blank(Protocol::Custom)
            },
            Proof::Secret(_) => Self {
                entered: vec![
                    ("Client ID", id.to_owned()),
                    ("Client Secret", format!("the secret of `{id}`, which `belay key new` printed")),
                ],
                hints: vec![
                    "Choose this variant, ClientCredentialsClientSecretBasic, which sends the secret in a header. ClientCredentialsClientSecret (Pass client credentials in request body: on) works as well."
                        .to_owned(),
                ],
                ..oauth(Protocol::ClientSecret)
            },
            Proof::Assertion(trust) => Self {
                signature: Some(Signature {
                    certificate: name::unique(id),
                    is_kid: false,
                    claims: claims(trust, id),
                }),
                entered: vec![("Client ID", id.to_owned())],
                ..oauth(Protocol::ClientAssertion)
            },
            Proof::Exchange(trust) => Self {
                signature: Some(signature(trust, id, tenant)),
                hints: hints(trust, id, Protocol::JwtBearer),
                ..oauth(Protocol::JwtBearer)
            },
            Proof::Jwt(trust) => Self {
                signature: Some(signature(trust, id, tenant)),
                hints: hints(trust, id, Protocol::Jwt),
                ..blank(Protocol::Jwt)
            },
            Proof::Certificate { .. } => Self {
                client_certificate: Some(name::unique(id)),
                hints: vec![
                    "The gateway sees the certificate only where it ends TLS itself, or where the proxy that does hands it on."
                        .to_owned(),
                ],
                ..blank(Protocol::NoAuthentication)
            },
        }
    }

    /// The one whom the callout speaks for: the org, or each user. It is the name of the principal.
    pub fn principal(&self) -> &'static str {
        if self.credential.proves_a_user() {
            "User"
        } else {
            "Org"
        }
    }

    /// The unique name of the permission set that lets users call.
    pub fn permission_set(&self) -> String {
        format!("{}_Callouts", self.name)
    }
}

fn signature(trust: &Trust, id: &str, tenant: &Tenant) -> Signature {
    Signature {
        certificate: id.to_owned(),
        is_kid: true,
        claims: claims(trust, tenant.org.id.as_str()),
    }
}

/// What a JWT says, of `subject` where its `sub` is no user.
fn claims(trust: &Trust, subject: &str) -> Vec<(String, String)> {
    let formulas = [
        (&trust.user_claim, "{!$User.Id}"),
        (&trust.username_claim, "{!$User.Username}"),
    ];
    let of_users = formulas
        .into_iter()
        .filter_map(|(claim, formula)| Some((claim.as_deref()?, formula)));
    let sub = of_users
        .clone()
        .find_map(|(claim, formula)| (claim == "sub").then_some(formula))
        .unwrap_or(subject);
    let audience = trust.audiences.first().map_or("", String::as_str);
    let mut claims = vec![
        ("iss".to_owned(), trust.issuer.clone()),
        ("sub".to_owned(), sub.to_owned()),
        ("aud".to_owned(), audience.to_owned()),
    ];
    let once = (trust.jti == Jti::Once).then_some(("jti", JTI));
    for (name, value) in of_users.chain(once) {
        if claims.iter().all(|(known, _)| known != name) {
            claims.push((name.to_owned(), value.to_owned()));
        }
    }
    claims
}

fn hints(trust: &Trust, id: &str, protocol: Protocol) -> Vec<String> {
    let mut hints = Vec::new();
    if !name::is_unique_name(id) {
        hints.push(format!(
            "No certificate can have the unique name `{id}`: it takes letters, digits and single underscores behind a letter. Give the credential such an id."
        ));
    }
    if trust.jti == Jti::Once {
        hints.push(match protocol {
            Protocol::Jwt => "Salesforce sends no jti of its own, and a formula counts seconds: of two callouts of a user within one, the second is 401. Leave `jti = \"once\"` out unless something else signs.".to_owned(),
            _ => "Salesforce sends no jti of its own, so a formula makes one for each second.".to_owned(),
        });
    }
    hints
}
