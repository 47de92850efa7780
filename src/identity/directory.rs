//! The credentials of every org, and the check of what a request presents.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use jsonwebtoken::jwk::JwkSet;

use super::access_token::Tokens;
use super::api_key::KeyHash;
use super::certificate::{Fingerprint, Shown, Standing};
use super::credential::{Credential, Proof, Tenant, version_of_certificate};
use super::jwt::{self, Head, Proved};
use super::memory::{Assertion, Memory, Use};
use super::refusal::Refusal;
use crate::domain::{Caller, CredentialKind, Org, OrgId};

/// Who is known: one reading of the config.
#[derive(Debug, Clone, Default)]
pub struct Roster {
    /// The orgs.
    pub tenants: Vec<Tenant>,
    /// What access tokens are signed with, where any are given.
    pub tokens: Option<Tokens>,
}

/// What a request presents as proof, in one of the spellings that a Named Credential can send.
#[derive(Debug, Clone, Copy)]
pub enum Presented<'a> {
    /// An API key alone: `X-API-Key` or `api-key`.
    Key(&'a str),
    /// `Authorization: Bearer`: an API key, an access token or a JWT of the org.
    Bearer(&'a str),
    /// `Authorization: Basic` with the credential's id as user and the key as password.
    IdAndKey {
        /// The credential's id.
        id: &'a str,
        /// The key.
        key: &'a str,
    },
    /// The certificate of the connection, or of the one that a trusted proxy ended.
    Certificate(&'a Shown),
}

/// Every org's credentials, replaced as a whole by a reload.
pub struct Directory {
    known: ArcSwap<Known>,
    pub(super) memory: Arc<dyn Memory>,
}

/// One reading of the config, by what requests present.
pub(super) struct Known {
    roster: Roster,
    keys: HashMap<KeyHash, Caller>,
    certificates: HashMap<Fingerprint, Caller>,
    /// Those that sign JWTs, by `kid` and kind; several orgs may call their certificate the same.
    signers: HashMap<(Arc<str>, CredentialKind), Vec<Holder>>,
    /// OAuth clients by their id, which no two orgs share.
    clients: HashMap<Arc<str>, Holder>,
    /// Those that access tokens are given for.
    holders: HashMap<(OrgId, Arc<str>), Holder>,
}

/// A credential and whose it is.
#[derive(Debug, Clone)]
pub(super) struct Holder {
    /// The org.
    org: Arc<Org>,
    /// The credential.
    pub credential: Arc<Credential>,
}

/// A proof that holds, and what must be remembered of it.
pub(super) struct Found {
    /// Who that is.
    pub caller: Caller,
    /// An assertion that counts once, and until when it must be remembered.
    pub once: Option<(Assertion, Timestamp)>,
    /// Which of the credential's secrets or certificates proved it, where access tokens are given for that.
    pub version: Option<String>,
}

impl Directory {
    /// Knows `roster`, and nobody else; what has to be remembered of proofs goes to `memory`.
    pub fn new(roster: Roster, memory: Arc<dyn Memory>) -> Self {
        Self {
            known: ArcSwap::from_pointee(Known::new(roster)),
            memory,
        }
    }

    /// Knows `roster` from now on, and nobody else. Calls under way keep what they began with.
    pub fn replace(&self, roster: Roster) {
        self.known.store(Arc::new(Known::new(roster)));
    }

    /// The orgs as they stand.
    pub fn orgs(&self) -> Vec<Arc<Org>> {
        let known = self.known.load();
        let tenants = known.roster.tenants.iter();
        tenants.map(|tenant| Arc::clone(&tenant.org)).collect()
    }

    /// The public halves of the keys that access tokens are signed with; `None` where none are given.
    pub fn public_keys(&self) -> Option<JwkSet> {
        let known = self.known.load();
        known.roster.tokens.as_ref().map(Tokens::public_keys)
    }

    /// The gateway's address as the issuer of access tokens; `None` where none are given.
    pub fn issuer(&self) -> Option<String> {
        let known = self.known.load();
        let tokens = known.roster.tokens.as_ref();
        tokens.map(|tokens| tokens.issuer().to_owned())
    }

    pub(super) fn known(&self) -> Arc<Known> {
        self.known.load_full()
    }

    /// Who presents `proofs` at `now`: all of them must prove the same.
    ///
    /// A certificate may stand beside another credential of its org, which then speaks for the call.
    ///
    /// # Errors
    /// Where there is no proof, none that holds, or two that disagree.
    pub async fn recognise(
        &self,
        proofs: &[Presented<'_>],
        now: Timestamp,
    ) -> Result<Caller, Refusal> {
        let found = self.known.load().recognise(proofs, now)?;
        self.remember(found.once).await?;
        Ok(found.caller)
    }

    /// Notes an assertion that counts once.
    pub(super) async fn remember(
        &self,
        once: Option<(Assertion, Timestamp)>,
    ) -> Result<(), Refusal> {
        let Some((assertion, until)) = once else {
            return Ok(());
        };
        match self.memory.uses(assertion, until).await {
            Use::First => Ok(()),
            Use::Again => Err(Refusal::Replayed),
            Use::NoRoom => Err(Refusal::Crowded),
            Use::TooLate => Err(Refusal::Expired),
        }
    }
}

impl Presented<'_> {
    /// The id of a key that it names, whether or not there is one.
    pub fn names(&self) -> Option<String> {
        match self {
            Self::IdAndKey { id, .. } => Some((*id).to_owned()),
            Self::Bearer(token) if jwt::looks_like_one(token) => Head::read(token).ok()?.kid,
            Self::Bearer(_) | Self::Key(_) | Self::Certificate(_) => None,
        }
    }

    fn is_a_certificate(&self) -> bool {
        matches!(self, Self::Certificate(_))
    }

    /// Whether two headers say the same, in two spellings perhaps.
    fn says_the_same_as(&self, other: &Self) -> bool {
        let text = |proof: &Self| match proof {
            Self::Key(text) | Self::Bearer(text) | Self::IdAndKey { key: text, .. } => {
                Some((*text).to_owned())
            }
            Self::Certificate(_) => None,
        };
        text(self) == text(other)
    }
}

impl Known {
    fn new(roster: Roster) -> Self {
        let mut known = Self {
            roster: Roster::default(),
            keys: HashMap::new(),
            certificates: HashMap::new(),
            signers: HashMap::new(),
            clients: HashMap::new(),
            holders: HashMap::new(),
        };
        for tenant in &roster.tenants {
            for credential in &tenant.credentials {
                known.add(&tenant.org, credential);
            }
        }
        known.roster = roster;
        known
    }

    fn add(&mut self, org: &Arc<Org>, credential: &Credential) {
        let holder = Holder {
            org: Arc::clone(org),
            credential: Arc::new(credential.clone()),
        };
        let id = Arc::clone(&credential.id);
        match &credential.proof {
            Proof::ApiKey(hash) => {
                self.keys.insert(*hash, holder.caller());
            }
            Proof::Certificate { fingerprint, .. } => {
                self.certificates.insert(*fingerprint, holder.caller());
            }
            Proof::Secret(_) | Proof::Assertion(_) => {
                self.clients.insert(Arc::clone(&id), holder.clone());
                self.holders.insert((org.id, id), holder);
            }
            Proof::Exchange(_) | Proof::Jwt(_) => {
                let key = (Arc::clone(&id), credential.kind());
                self.signers.entry(key).or_default().push(holder.clone());
                if credential.kind() == CredentialKind::JwtExchange {
                    self.holders.insert((org.id, id), holder);
                }
            }
        }
    }

    /// What access tokens are signed with.
    pub(super) fn tokens(&self) -> Option<&Tokens> {
        self.roster.tokens.as_ref()
    }

    /// The OAuth client of this id.
    pub(super) fn client(&self, id: &str) -> Option<&Holder> {
        self.clients.get(id)
    }

    fn recognise(&self, proofs: &[Presented<'_>], now: Timestamp) -> Result<Found, Refusal> {
        let (certificates, mut headers): (Vec<_>, Vec<_>) = proofs
            .iter()
            .partition::<Vec<&Presented<'_>>, _>(|proof| proof.is_a_certificate());
        let one_text = headers
            .windows(2)
            .all(|two| two[0].says_the_same_as(two[1]));
        // The same key in a second spelling is looked up once more, since Basic names an id beside it; the same bearer is not.
        headers.dedup_by(|one, other| {
            matches!((one, other), (Presented::Bearer(one), Presented::Bearer(other)) if one == other)
        });
        let mut speaker: Option<Found> = None;
        let mut refused = None;
        for header in headers {
            match (self.header(*header, now), &speaker) {
                (Ok(found), Some(before)) if !is_same(&found.caller, &before.caller) => {
                    return Err(Refusal::Disagree);
                }
                (Ok(found), _) => speaker = Some(found),
                // Nothing that follows can mend this, and a head holds dozens of tokens to be checked.
                (Err(_), _) if !one_text => return Err(Refusal::Disagree),
                (Err(refusal), _) => refused = refused.or(Some(refusal)),
            }
        }
        match refused {
            Some(refusal) if speaker.is_none() && one_text => return Err(refusal),
            Some(_) => return Err(Refusal::Disagree),
            None => {}
        }
        for proof in certificates {
            let Presented::Certificate(shown) = proof else {
                continue;
            };
            let owner = self.certificate(shown, now);
            speaker = Some(match (owner, speaker) {
                (Ok(owner), None) => Found::of(owner),
                (Ok(owner), Some(mut found)) if owner.org.id == found.caller.org.id => {
                    found.caller.certificate_id = Some(owner.credential_id);
                    found
                }
                (Err(refusal), None) => return Err(refusal),
                (_, Some(_)) => return Err(Refusal::Disagree),
            });
        }
        speaker.ok_or(Refusal::Missing)
    }

    fn header(&self, proof: Presented<'_>, now: Timestamp) -> Result<Found, Refusal> {
        let (key, id) = match proof {
            Presented::Key(key) | Presented::Bearer(key) => (key, None),
            Presented::IdAndKey { id, key } => (key, Some(id)),
            Presented::Certificate(_) => return Err(Refusal::Unknown),
        };
        if let Some(caller) = self.key(key) {
            let fits = id.is_none_or(|id| id == &*caller.credential_id);
            let caller = fits.then(|| caller.clone());
            return caller.map(Found::of).ok_or(Refusal::Unknown);
        }
        match proof {
            Presented::Bearer(token) if jwt::looks_like_one(token) => self.token(token, now),
            _ => Err(Refusal::Unknown),
        }
    }

    /// The look-up goes by the hash of what was presented, so its time tells nothing of a key that is not known; the
    /// hash found is compared once more in constant time.
    fn key(&self, key: &str) -> Option<&Caller> {
        let hash = KeyHash::of(key);
        let (found, caller) = self.keys.get_key_value(&hash)?;
        found.matches(&hash).then_some(caller)
    }

    fn certificate(&self, shown: &Shown, now: Timestamp) -> Result<Caller, Refusal> {
        let certificate = &shown.certificate;
        let caller = self.certificates.get(&certificate.fingerprint);
        let caller = caller.ok_or(Refusal::Unknown)?;
        // One that names an issuer has to come from the one that we know, where we know one.
        if !shown.is_issued && !certificate.self_signed {
            return Err(Refusal::Unfit(
                "its certificate is not of the configured authority",
            ));
        }
        match certificate.standing(now) {
            Standing::Good => Ok(caller.clone()),
            Standing::NotYet => Err(Refusal::Unfit("its certificate's time has not begun")),
            Standing::Expired => Err(Refusal::Unfit("its certificate has expired")),
        }
    }

    fn token(&self, token: &str, now: Timestamp) -> Result<Found, Refusal> {
        let head = Head::read(token)?;
        if !head.is_access_token {
            return self.signed(token, &head, CredentialKind::Jwt, now);
        }
        let tokens = self.tokens().ok_or(Refusal::Unknown)?;
        let bearer = tokens.verify(token, &head, now)?;
        let key = (bearer.org, Arc::from(bearer.credential_id));
        let holder = self.holders.get(&key).ok_or(Refusal::Unknown)?;
        if !holder.credential.versions().contains(&bearer.version) {
            return Err(Refusal::Unknown);
        }
        let mut caller = holder.caller();
        let mut scopes = bearer.scopes;
        scopes.retain(|scope| caller.may(*scope));
        caller.scopes = scopes.into();
        caller.user = bearer.user;
        caller.username = bearer.username;
        Ok(Found::of(caller))
    }

    /// Whoever has signed `token`, of the credentials of this kind.
    pub(super) fn signed(
        &self,
        token: &str,
        head: &Head,
        kind: CredentialKind,
        now: Timestamp,
    ) -> Result<Found, Refusal> {
        let name = Arc::from(head.kid.as_deref().unwrap_or_default());
        let named = self.signers.get(&(name, kind));
        let named = || named.into_iter().flatten();
        let claimed = jwt::claimed_issuer(token);
        let issues = |holder: &&Holder| {
            let trust = holder.credential.trust();
            trust.map(|trust| trust.issuer.as_str()) == claimed.as_deref()
        };
        if named().any(|holder| issues(&holder)) {
            return found(token, head, named().filter(issues), now);
        }
        // An issuer that is mistyped in Setup is told as such, where the signature is right.
        found(token, head, named().take(jwt::CERTIFICATES), now)
    }
}

/// Whoever of `holders` has signed `token`.
pub(super) fn found<'h>(
    token: &str,
    head: &Head,
    holders: impl Iterator<Item = &'h Holder>,
    now: Timestamp,
) -> Result<Found, Refusal> {
    let trusts = holders.filter_map(|holder| Some((holder.credential.trust()?, holder)));
    let (holder, proved) = jwt::verify(token, head, trusts, now)?;
    Ok(holder.found(proved))
}

impl Found {
    /// A proof of which nothing need be remembered.
    fn of(caller: Caller) -> Self {
        Self {
            caller,
            once: None,
            version: None,
        }
    }
}

impl Holder {
    /// Whoever proves the credential, as far as it alone tells.
    pub(super) fn caller(&self) -> Caller {
        self.credential.caller(&self.org)
    }

    fn found(&self, proved: Proved) -> Found {
        let mut caller = self.caller();
        caller.user = proved.user;
        caller.username = proved.username;
        let once = proved
            .once
            .map(|(jti, until)| (Assertion::of(self.org.id, &self.credential.id, &jti), until));
        let trust = self.credential.trust();
        let version = trust.map(|trust| version_of_certificate(&proved.certificate, trust));
        Found {
            caller,
            once,
            version,
        }
    }
}

/// Whether two proofs are of one credential and one user.
fn is_same(one: &Caller, other: &Caller) -> bool {
    one.org.id == other.org.id && one.credential_id == other.credential_id && one.user == other.user
}
