//! What a config means, in words. Secrets are not among them.

use std::fmt::{Display, Write as _};
use std::time::Duration;

use jiff::Timestamp;

use super::addresses::written;
use super::mistakes::REDACTED;
use super::models::Prices;
use super::reader::grouped;
use super::settings::Settings;
use super::warnings;
use crate::domain::{FieldPattern, Limits, Money, Price, Privacy, Target};
use crate::identity::{Jti, Proof, Tenant, Trust};
use crate::providers::{Kind, bedrock, foundry, prices, vertex};
use crate::shared::OnOutage;
use crate::shared::seal::Keys;
use crate::telemetry::otlp::Protocol;
use crate::telemetry::{self, audit};
use crate::vaults;

/// Lines under headings, each with a label.
#[derive(Default)]
struct Page(Vec<String>);

impl Page {
    fn heading(&mut self, title: &str) {
        if !self.0.is_empty() {
            self.0.push(String::new());
        }
        self.0.push(title.to_owned());
    }

    fn line(&mut self, label: impl Display, text: impl Display) {
        let label = label.to_string();
        self.push(&format!("  {label:<18} {text}"));
    }

    fn under(&mut self, label: impl Display, text: impl Display) {
        let label = label.to_string();
        self.push(&format!("    {label:<16} {text}"));
    }

    fn push(&mut self, line: &str) {
        self.0.push(line.trim_end().to_owned());
    }

    fn text(self) -> String {
        self.0.join("\n") + "\n"
    }
}

/// What `settings` mean at `now`, in words that a person reads.
#[must_use]
pub fn describe(settings: &Settings, now: Timestamp) -> String {
    let mut page = Page::default();
    server(settings, &mut page);
    providers(settings, &mut page);
    tasks(settings, &mut page);
    for tenant in &settings.tenants {
        org(tenant, &settings.prices, &mut page);
    }
    let warnings = warnings::of(settings, now);
    if !warnings.is_empty() {
        page.heading("Worth a second look");
        for warning in warnings {
            page.push(&format!("  - {warning}"));
        }
    }
    page.text()
}

/// Which vaults are asked, and how often.
fn asked(vaults: &vaults::Settings) -> String {
    let hashicorp = vaults
        .hashicorp
        .as_ref()
        .map(|vault| format!("Vault at {}", written(&vault.address)));
    let aws = vaults
        .aws
        .as_ref()
        .map(|aws| format!("AWS Secrets Manager in {}", aws.region));
    let google = vaults
        .google
        .as_ref()
        .map(|_| "Google Secret Manager".to_owned());
    let named: Vec<String> = [hashicorp, aws, google].into_iter().flatten().collect();
    format!(
        "{}, asked again every {} s",
        named.join(", "),
        vaults.refresh.as_secs()
    )
}

/// Where traces and metrics go.
fn collected(settings: &Settings) -> String {
    let Some(otlp) = &settings.otlp else {
        return "go nowhere; `otlp` in [telemetry] names a collector".to_owned();
    };
    let protocol = match otlp.protocol {
        Protocol::Grpc => "gRPC",
        Protocol::Http => "HTTP",
    };
    let headers: Vec<&str> = otlp.headers.keys().map(String::as_str).collect();
    let headers = match &*headers {
        [] => String::new(),
        some => format!(", with {}", some.join(", ")),
    };
    format!(
        "{} % of those that begin here, to {} over {protocol}{headers}",
        otlp.sample_ratio * 100.0,
        written(&otlp.endpoint)
    )
}

fn server(settings: &Settings, page: &mut Page) {
    let server = &settings.server;
    page.heading("Server");
    page.line("listens on", server.bind);
    page.line(
        "operators",
        format!("{}, metrics and health", server.admin_bind),
    );
    page.line("TLS", tls(settings));
    let public = server.public_url.as_ref();
    page.line("known as", public.map_or("not said", written));
    page.line(
        "bodies",
        format!(
            "up to {} bytes, of the Claude API up to {}",
            number(server.body_bytes),
            number(server.messages_body_bytes)
        ),
    );
    let documents = if server.docs {
        "served at /docs"
    } else {
        "not served"
    };
    page.line("documents", documents);
    let proxies = &server.trusted_proxies;
    let proxies = if proxies.is_empty() {
        "none".to_owned()
    } else {
        proxies.to_string()
    };
    page.line("trusted proxies", proxies);
    let tokens = match &settings.tokens {
        None => "none are given".to_owned(),
        Some(tokens) => {
            let kids: Vec<_> = tokens.keys().iter().map(|key| &key.kid()[..8]).collect();
            let (first, others) = kids.split_first().expect("there is one at least");
            let verify = if others.is_empty() {
                String::new()
            } else {
                format!(", verified with {}… as well", others.join("…, "))
            };
            format!("signed with {first}…{verify}, for 15 minutes")
        }
    };
    page.line("access tokens", tokens);
    let stop = &settings.lifecycle;
    page.line(
        "a stop",
        format!(
            "takes calls for {} more, then lets those under way finish for {}",
            time(stop.drain_delay),
            time(stop.drain)
        ),
    );
    shared(settings.shared.as_ref(), page);
    page.line("usage", kept(settings));
    page.line(
        "cache",
        format!("{} bytes", grouped(settings.engine.cache_bytes)),
    );
    page.line(
        "idempotency",
        format!("{} bytes", grouped(settings.engine.idempotency_bytes)),
    );
    let logs = match settings.logs {
        telemetry::Settings::Json => "one JSON object a line",
        telemetry::Settings::Pretty => "lines for a person",
    };
    page.line("logs", logs);
    page.line("traces", collected(settings));
    if let Some(vaults) = &settings.vaults {
        page.line("vaults", asked(vaults));
    }
    let audit = match &settings.audit {
        audit::Target::Stdout => "standard output".to_owned(),
        audit::Target::File(path) => format!("appended to {}", path.display()),
        audit::Target::Nowhere => "none".to_owned(),
    };
    page.line("audit lines", audit);
}

/// What the public port speaks, and whose certificates it asks for.
fn tls(settings: &Settings) -> String {
    let Some(tls) = &settings.server.tls else {
        return "none here: something before the gateway has to end it".to_owned();
    };
    let chain = match tls.chain.len() {
        1 => "one certificate".to_owned(),
        count => format!("a chain of {count} certificates"),
    };
    let ends = tls.chain.iter().map(|one| one.not_after).min();
    let ends = ends.map(day).unwrap_or_default();
    let clients = match &tls.client_ca {
        Some(authority) => {
            let authorities = authority.certificates.iter();
            let names: Vec<_> = authorities.map(|one| one.subject.as_str()).collect();
            format!("client certificates of {}", names.join(" or "))
        }
        None if settings.asks_for_certificates() => {
            "client certificates by their fingerprint".to_owned()
        }
        None => "client certificates are not asked for".to_owned(),
    };
    format!("1.2 and 1.3, {chain} until {ends}; {clients}")
}

/// Where what was used is kept, and for how long.
fn kept(settings: &Settings) -> String {
    let days = settings.usage.keep_days;
    match &settings.usage.file {
        Some(path) => format!(
            "kept for {days} days in {}, with how budgets stand",
            path.display()
        ),
        None if settings.shared.is_some() => {
            format!("kept for {days} days in the store of the replicas")
        }
        None => "in memory: a restart forgets it, and what is spent of every budget".to_owned(),
    }
}

/// What replicas hold in common, and where.
fn shared(shared: Option<&crate::shared::Settings>, page: &mut Page) {
    let Some(shared) = shared else {
        page.line("replicas", "one: what is used is counted in this process");
        return;
    };
    page.line(
        "replicas",
        format!(
            "up to {} behind {}, asked for at most {}",
            shared.replicas,
            shared.address,
            time(shared.time)
        ),
    );
    let outage = match shared.on_outage {
        OnOutage::Local => format!(
            "each has 1/{} of every rate, and the money that was set apart for it",
            shared.replicas
        ),
        OnOutage::Refuse => "calls are turned away with 503".to_owned(),
    };
    page.under("while it is away", outage);
    let answers = match &shared.keys {
        Some(Keys { other: None, .. }) => {
            format!("kept there for all, sealed with a key {REDACTED}")
        }
        Some(Keys { other: Some(_), .. }) => {
            format!("kept there for all, sealed with a key {REDACTED}; another opens as well")
        }
        None => "not kept there: no `key`".to_owned(),
    };
    page.under("answers", answers);
}

fn providers(settings: &Settings, page: &mut Page) {
    page.heading("Providers");
    for provider in &settings.providers {
        let kind = match &provider.kind {
            Kind::Anthropic { base_url, .. } => {
                format!("anthropic at {}, key {REDACTED}", written(base_url))
            }
            Kind::Bedrock(bedrock) => of_bedrock(bedrock),
            Kind::Vertex(vertex) => of_vertex(vertex),
            Kind::Foundry(foundry) => of_foundry(foundry),
            Kind::Simulator { latency } if latency.is_zero() => {
                "simulator, answers are made up".to_owned()
            }
            Kind::Simulator { latency } => {
                format!("simulator, answers are made up in {}", time(*latency))
            }
        };
        let calls = grouped(provider.calls_in_flight.get().into());
        page.line(&provider.name, format!("{kind}; {calls} calls at once"));
    }
}

fn of_bedrock(bedrock: &bedrock::Settings) -> String {
    let api = match bedrock.api {
        bedrock::Api::Invoke => "InvokeModel",
        bedrock::Api::Messages => "the Messages API",
    };
    let sign_in = match &bedrock.sign_in {
        bedrock::SignIn::Chain { profile: None } => {
            "signed with the credentials of the AWS default chain".to_owned()
        }
        bedrock::SignIn::Chain {
            profile: Some(profile),
        } => format!("signed with the credentials of the AWS profile {profile}"),
        bedrock::SignIn::Bearer(_) => format!("Bedrock API key {REDACTED}"),
    };
    let (base, region) = (bedrock.base(), &bedrock.region);
    format!("bedrock in {region} at {base}, by {api}, {sign_in}")
}

fn of_vertex(vertex: &vertex::Settings) -> String {
    let sign_in = match vertex.credentials {
        None => "Google's default credentials".to_owned(),
        Some(_) => format!("a file of credentials {REDACTED}"),
    };
    format!(
        "vertex in {} at {}, project {}, {sign_in}",
        vertex.region,
        vertex.base(),
        vertex.project
    )
}

fn of_foundry(foundry: &foundry::Settings) -> String {
    let sign_in = match &foundry.sign_in {
        foundry::SignIn::Key(_) => format!("key {REDACTED}"),
        foundry::SignIn::Entra(entra) => match &entra.identity {
            foundry::Identity::Secret {
                tenant_id,
                client_id,
                ..
            } => format!("Entra application {client_id} of {tenant_id}, secret {REDACTED}"),
            foundry::Identity::Federated {
                tenant_id,
                client_id,
                token,
            } => format!(
                "Entra application {client_id} of {tenant_id}, by the token in {}",
                token.display()
            ),
            foundry::Identity::Managed { client_id: None } => {
                "the machine's identity in Entra".to_owned()
            }
            foundry::Identity::Managed {
                client_id: Some(client_id),
            } => format!("the machine's identity {client_id} in Entra"),
        },
    };
    format!("foundry at {}, {sign_in}", foundry.base())
}

/// The tasks are the same in every org.
fn tasks(settings: &Settings, page: &mut Page) {
    let Some(tenant) = settings.tenants.first() else {
        return;
    };
    page.heading("Tasks");
    for (name, task) in &*tenant.org.tasks {
        let kept = if task.cache_ttl.is_zero() {
            "answers are not kept".to_owned()
        } else {
            format!("answers are kept for {}", time(task.cache_ttl))
        };
        page.line(
            name,
            format!(
                "model {}, up to {} tokens of answer, effort {}, {kept}",
                task.model,
                grouped(task.max_output_tokens.into()),
                task.effort.as_str()
            ),
        );
    }
}

fn org(tenant: &Tenant, file: &Prices, page: &mut Page) {
    let org = &tenant.org;
    page.heading(&format!("Org {}", org.name));
    page.line("id", org.id);
    let zone = org.timezone.iana_name().unwrap_or("UTC");
    page.line("days begin in", zone);
    page.line("all calls", limits(&org.limits));
    page.line("budget", budget(&org.limits));
    if org.per_user != Limits::default() {
        page.line("each user", limits(&org.per_user));
        page.line("budget of each", budget(&org.per_user));
    }
    page.line(
        "credentials",
        if tenant.credentials.is_empty() {
            "none"
        } else {
            ""
        },
    );
    for credential in &tenant.credentials {
        let scopes: Vec<_> = credential.scopes.iter().map(ToString::to_string).collect();
        page.under(
            &credential.id,
            format!(
                "{}, {}, for {}",
                credential.kind().as_str(),
                proof(&credential.proof),
                list(&scopes)
            ),
        );
    }
    if !org.messages_cache_ttl.is_zero() {
        let kept = time(org.messages_cache_ttl);
        page.line("Claude API", format!("answers are kept for {kept}"));
    }
    if org.batches {
        page.line(
            "batches",
            "open: charged in full until their results are seen",
        );
    }
    privacy(org.privacy.as_deref(), page);
    page.line("models", "US dollars per million tokens");
    for route in org.models.values() {
        for (index, target) in route.targets.iter().enumerate() {
            let label = if index == 0 {
                route.alias.as_str()
            } else {
                "  then"
            };
            page.under(
                label,
                format!(
                    "{}/{}: {}",
                    target.provider,
                    target.model,
                    price(target, file)
                ),
            );
        }
    }
}

/// What proves a credential; of a hash the beginning is enough to know it by.
fn proof(proof: &Proof) -> String {
    let short = |hash: &dyn Display| format!("{}…", &hash.to_string()[..8]);
    match proof {
        Proof::ApiKey(hash) => format!("sha256 {}", short(hash)),
        Proof::Secret(hashes) => {
            let hashes: Vec<_> = hashes.iter().map(|hash| short(hash)).collect();
            format!("secret with the sha256 {}", hashes.join(" or "))
        }
        Proof::Assertion(trust) => format!("client_assertion, {}", signed(trust)),
        Proof::Exchange(trust) => format!("assertion of {}, {}", trust.issuer, signed(trust)),
        Proof::Jwt(trust) => format!("JWT of {}, {}", trust.issuer, signed(trust)),
        Proof::Certificate { fingerprint, .. } => {
            format!("client certificate {}", short(fingerprint))
        }
    }
}

/// Whose signature a JWT must bear, for whom, and what else it proves.
fn signed(trust: &Trust) -> String {
    let certificates: Vec<_> = trust
        .certificates
        .iter()
        .map(|one| {
            format!(
                "{}… until {}",
                &one.fingerprint.to_string()[..8],
                day(one.not_after)
            )
        })
        .collect();
    let mut text = format!(
        "signed by {}, for {}",
        certificates.join(" or "),
        trust.audiences.join(" or ")
    );
    let claims = [
        ("user", &trust.user_claim),
        ("username", &trust.username_claim),
    ];
    for (what, claim) in claims {
        if let Some(claim) = claim {
            let _ = write!(text, ", {what} by {claim}");
        }
    }
    if trust.jti == Jti::Once {
        text += ", each jti once";
    }
    text
}

fn day(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d").to_string()
}

/// What an org's policy lets out, as a reviewer would ask for it.
fn privacy(policy: Option<&Privacy>, page: &mut Page) {
    let Some(policy) = policy else {
        page.line(
            "privacy",
            "no rules: the model reads every value that callers send, as it is",
        );
        page.under("links", "taken out of every answer");
        return;
    };
    let rules = |rules: &[FieldPattern]| {
        let rules: Vec<String> = rules.iter().map(ToString::to_string).collect();
        list(&rules)
    };
    page.line("privacy", "by object and field, at every depth");
    let leave = match &policy.allow {
        Some(allow) => format!("only {}", rules(allow)),
        None => "every field that callers send, less the following".to_owned(),
    };
    page.under("leaves", leave);
    page.under("never leaves", rules(&policy.drop));
    page.under("leaves masked", rules(&policy.mask));
    let found: Vec<String> = policy
        .patterns
        .iter()
        .map(|pattern| format!("{} (/{}/)", pattern.name, pattern.regex))
        .chain(policy.detect.iter().map(|one| one.as_str().to_owned()))
        .collect();
    page.under("masked in texts", list(&found));
    let text = if policy.lets_text_out() {
        "text, instructions, voice and facts go along, masked as above"
    } else {
        "none leaves: text, instructions, voice and facts are left out, and call-notes, which lives on its text, is refused"
    };
    page.under("free text", text);
    let search = if policy.web_search {
        "account-research tells the search the company's name, place and website"
    } else {
        "none"
    };
    page.under("web search", search);
    if !policy.messages {
        page.under("Claude API", "not covered: its requests leave as they are");
    }
    let hosts: Vec<String> = policy.link_hosts.iter().map(ToString::to_string).collect();
    let links = if hosts.is_empty() {
        "taken out of every answer".to_owned()
    } else {
        format!("kept in answers to {} and below", list(&hosts))
    };
    page.under("links", links);
}

fn limits(limits: &Limits) -> String {
    let parts = [
        (limits.requests_per_minute, "requests a minute"),
        (limits.tokens_per_minute, "tokens a minute"),
        (limits.calls_in_flight, "calls at once"),
    ];
    let parts: Vec<_> = parts
        .into_iter()
        .filter_map(|(limit, of)| Some(format!("{} {of}", grouped(limit?.get().into()))))
        .collect();
    list(&parts)
}

fn budget(limits: &Limits) -> String {
    let parts = [
        (limits.budget_per_day, "a day"),
        (limits.budget_per_month, "a month"),
    ];
    let parts: Vec<_> = parts
        .into_iter()
        .filter_map(|(budget, per)| Some(format!("{} {per}", budget?)))
        .collect();
    list(&parts)
}

/// What a target costs, and who says so.
fn price(target: &Target, file: &Prices) -> String {
    let Some(price) = target.price else {
        return "price not known".to_owned();
    };
    let own = format!("{}/{}", target.provider, target.model);
    let source = if file.contains_key(&own) || file.contains_key(target.model.as_str()) {
        "by this config".to_owned()
    } else if target.simulated {
        return "free, made up".to_owned();
    } else {
        format!("list of {}", prices::AS_OF)
    };
    let Price {
        input,
        output,
        cache_write_5m,
        cache_write_1h,
        cache_read,
        web_search,
        batch_share: _,
    } = price;
    let usd = Money::micros;
    format!(
        "{} in, {} out, cache {} / {} written, {} read, {} a web search ({source})",
        usd(input),
        usd(output),
        usd(cache_write_5m),
        usd(cache_write_1h),
        usd(cache_read),
        usd(web_search)
    )
}

fn list(parts: &[String]) -> String {
    if parts.is_empty() {
        "none".to_owned()
    } else {
        parts.join(", ")
    }
}

fn time(time: Duration) -> String {
    let millis = time.subsec_millis();
    match time.as_secs() {
        0 if millis > 0 => format!("{millis} ms"),
        seconds if millis > 0 => format!("{seconds}.{millis:03} s"),
        seconds if seconds >= 120 && seconds % 60 == 0 => format!("{} min", grouped(seconds / 60)),
        seconds => format!("{} s", grouped(seconds)),
    }
}

fn number(count: usize) -> String {
    u64::try_from(count).map_or_else(|_| count.to_string(), grouped)
}

#[cfg(test)]
mod tests {
    use super::super::scripted::Scripted;
    use super::super::settings::read;
    use super::*;
    use crate::identity::scripted::ACME;

    #[test]
    fn the_example_is_told_in_words() {
        let settings = read(Scripted::EXAMPLE, &Scripted::example()).expect("a good config");
        insta::assert_snapshot!(describe(&settings, Timestamp::UNIX_EPOCH));
    }

    #[test]
    fn what_may_not_have_been_meant_comes_last() {
        let config = Scripted::EXAMPLE.replace("127.0.0.1:8080", "0.0.0.0:8080");
        let settings = read(&config, &Scripted::example()).expect("a good config");
        let page = describe(&settings, Timestamp::UNIX_EPOCH);
        let (_, last) = page.split_once("Worth a second look\n").expect("a warning");
        assert!(last.starts_with("  - /docs"), "{last}");
    }

    #[test]
    fn tls_is_told_by_its_versions_its_chain_its_end_and_whom_it_asks() {
        let told = |authority: &str| {
            let tls = format!(
                "docs = true\ntls = {{ cert = \"file:tls.crt\", key = \"file:tls.key\"{authority} }}"
            );
            let config = Scripted::EXAMPLE.replace("docs = true", &tls);
            let chain = ACME.certificate.repeat(2);
            let around = Scripted::example()
                .with_file("tls.crt", &chain)
                .with_file("tls.key", &ACME.key)
                .with_file("ca.crt", &ACME.certificate);
            super::tls(&read(&config, &around).expect("a good config"))
        };
        let until = day(ACME.read().not_after);
        let own =
            format!("1.2 and 1.3, a chain of 2 certificates until {until}; client certificates");
        assert_eq!(told(""), format!("{own} are not asked for"));
        let authority = told(", client_ca = \"file:ca.crt\"");
        assert_eq!(authority, format!("{own} of CN=acme-org"));
    }

    #[test]
    fn a_reviewer_reads_what_free_text_comes_to_under_each_policy() {
        let told = |allow_text: &str| {
            let config = Scripted::EXAMPLE
                .replace("allow = []", "allow = [\"Opportunity.*\"]")
                .replace("allow_text = true", allow_text);
            let settings = read(&config, &Scripted::example()).expect("a good config");
            describe(&settings, Timestamp::UNIX_EPOCH)
        };
        let closed = told("allow_text = false");
        assert!(closed.contains("none leaves: text, instructions, voice and facts are left out"));
        assert!(told("allow_text = true").contains("voice and facts go along, masked as above"));
    }

    #[test]
    fn times_read_like_times() {
        assert_eq!(time(Duration::from_millis(250)), "250 ms");
        assert_eq!(time(Duration::from_millis(1_500)), "1.500 s");
        assert_eq!(time(Duration::from_mins(15)), "15 min");
        assert_eq!(time(Duration::from_secs(90)), "90 s");
    }
}
