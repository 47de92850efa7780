//! What is no mistake and still worth a second look.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::expiry;
use super::settings::Settings;
use crate::domain::{Alias, Limits, Org, Route, Scope};
use crate::http::tls;
use crate::identity::{Credential, Proof, Tenant};

/// Everything in `settings` that whoever runs the gateway may not have meant, as it is at `now`.
pub fn of(settings: &Settings, now: Timestamp) -> Vec<String> {
    let mut warnings = Vec::new();
    of_the_doors(settings, &mut warnings);
    if let Some(tls) = &settings.server.tls {
        of_tls(tls, settings, &mut warnings);
    }
    warnings.extend(expiry::warnings(settings, now));
    of_the_store(settings, &mut warnings);
    of_what_is_forgotten(settings, &mut warnings);
    of_the_collector(settings, &mut warnings);
    of_certificates_that_nobody_sees(settings, &mut warnings);
    for tenant in &settings.tenants {
        of_an_org(tenant, &mut warnings);
    }
    of_unused_names(settings, &mut warnings);
    warnings
}

fn of_the_doors(settings: &Settings, warnings: &mut Vec<String>) {
    let server = &settings.server;
    if !server.bind.ip().is_loopback() {
        if server.docs {
            warnings.push(format!(
                "/docs and the OpenAPI documents are open to everybody who reaches {}; `docs = false` in [server] closes them",
                server.bind
            ));
        }
        if server.public_url.is_none() {
            warnings.push(
                "`public_url` is not set in [server], so the OpenAPI documents cannot name the address that callers use"
                    .to_owned(),
            );
        }
    }
    if server.trusted_proxies.are_everybody() {
        warnings.push(
            "`trusted_proxies` holds every address there is, so anybody may write a `Client-Cert` and pass for an org; name the proxies alone"
                .to_owned(),
        );
    }
    if !server.admin_bind.ip().is_loopback() {
        warnings.push(format!(
            "metrics and health on {} ask nobody for a credential; see that only operators reach that port",
            server.admin_bind
        ));
    }
}

fn of_tls(tls: &tls::Settings, settings: &Settings, warnings: &mut Vec<String>) {
    if let [own] = &*tls.chain
        && !own.self_signed
    {
        warnings.push(format!(
            "server.tls.cert: holds the gateway's own certificate alone; Salesforce wants the whole chain, so put that of {} after it",
            own.issuer
        ));
    }
    for pair in tls.chain.windows(2) {
        if pair[0].issuer != pair[1].subject {
            warnings.push(format!(
                "server.tls.cert: after {} has to come the certificate of its issuer, {}, and not that of {}",
                pair[0].subject, pair[0].issuer, pair[1].subject
            ));
        }
    }
    let public_url = settings.server.public_url.as_ref();
    if public_url.is_some_and(|url| url.scheme() == "http") {
        warnings.push(
            "`public_url` begins with http:// although the gateway speaks TLS; callers reach it by https:// only"
                .to_owned(),
        );
    }
}

/// A client certificate is seen by whoever ends TLS: the gateway, or a proxy that it believes.
fn of_certificates_that_nobody_sees(settings: &Settings, warnings: &mut Vec<String>) {
    let server = &settings.server;
    if server.tls.is_some() || !server.trusted_proxies.is_empty() {
        return;
    }
    for tenant in &settings.tenants {
        for credential in &tenant.credentials {
            if matches!(credential.proof, Proof::Certificate { .. }) {
                warnings.push(format!(
                    "{}: the client certificate of `{}` can never be shown: set `tls` in [server], or `trusted_proxies` where a proxy ends TLS",
                    tenant.org.name, credential.id
                ));
            }
        }
    }
}

/// A collector whose key everybody on the way can read.
fn of_the_collector(settings: &Settings, warnings: &mut Vec<String>) {
    let Some(otlp) = &settings.otlp else {
        return;
    };
    let is_near = matches!(
        otlp.endpoint.host_str(),
        Some("127.0.0.1" | "[::1]" | "localhost")
    );
    if otlp.endpoint.scheme() == "http" && !otlp.headers.is_empty() && !is_near {
        warnings.push(
            "telemetry.otlp: begins with http://, so otlp_headers travel in clear; use https://"
                .to_owned(),
        );
    }
}

/// Budgets that a restart would make whole again.
fn of_what_is_forgotten(settings: &Settings, warnings: &mut Vec<String>) {
    if settings.shared.is_some() || settings.usage.file.is_some() {
        return;
    }
    let has_budget =
        |limits: &Limits| limits.budget_per_day.is_some() || limits.budget_per_month.is_some();
    let orgs = settings.tenants.iter().map(|tenant| &tenant.org);
    let with_budgets: Vec<&str> = orgs
        .filter(|org| has_budget(&org.limits) || has_budget(&org.per_user))
        .map(|org| org.name.as_str())
        .collect();
    if !with_budgets.is_empty() {
        warnings.push(format!(
            "a restart makes the budgets of {} whole again, since what is spent is in memory only; set `file` in [usage]",
            with_budgets.join(", ")
        ));
    }
}

/// Replicas and their store, where they do not fit together.
fn of_the_store(settings: &Settings, warnings: &mut Vec<String>) {
    let Some(shared) = &settings.shared else {
        return;
    };
    if shared.replicas.get() == 1 {
        warnings.push(
            "`replicas = 1` in [shared]: one process needs no store; leave [shared] out, or say how many there are at most"
                .to_owned(),
        );
    }
    let is_far = shared
        .address
        .nodes
        .iter()
        .any(|(host, _)| !matches!(host.as_str(), "127.0.0.1" | "::1" | "localhost"));
    if is_far && !shared.address.tls {
        warnings.push(
            "the store in [shared] is reached in clear; with rediss in place of redis it is reached over TLS"
                .to_owned(),
        );
    }
    if shared.keys.is_none() {
        warnings.push(
            "`key` is not set in [shared], so no answer and no outcome is kept in the store: each replica asks for itself what another has just asked, and a repeat with an Idempotency-Key that reaches another replica is paid again; `openssl rand -base64 32` makes one"
                .to_owned(),
        );
    }
    let small = settings.tenants.iter().filter(|tenant| {
        let limits = &tenant.org.limits;
        let least = [limits.requests_per_minute, limits.calls_in_flight];
        let least = least.into_iter().flatten().min();
        least.is_some_and(|least| least < shared.replicas)
    });
    for tenant in small {
        warnings.push(format!(
            "{}: a limit of it is smaller than the number of replicas, so while the store is away they let through more than that together",
            tenant.org.name
        ));
    }
    for tenant in &settings.tenants {
        let per_user = &tenant.org.per_user;
        if per_user.budget_per_day.is_some() || per_user.budget_per_month.is_some() {
            warnings.push(format!(
                "{}: its users have budgets, for which nothing is set apart: while the store is away their calls are turned away",
                tenant.org.name
            ));
        }
    }
}

fn of_an_org(tenant: &Tenant, warnings: &mut Vec<String>) {
    let org = &tenant.org;
    let may_cost = !org.models.values().all(|route| route.simulated());
    let has_budget = org.limits.budget_per_day.is_some() || org.limits.budget_per_month.is_some();
    if may_cost && !has_budget {
        warnings.push(format!(
            "{}: has no budget, so nothing bounds what it spends",
            org.name
        ));
    }
    if may_cost && org.privacy.is_none() {
        warnings.push(format!(
            "{}: has no [orgs.privacy], so every value that callers send reaches the model as it is",
            org.name
        ));
    }
    if let Some(policy) = &org.privacy {
        if policy.detect.is_empty() && policy.patterns.is_empty() {
            warnings.push(format!(
                "{}: `detect = []` in [orgs.privacy] looks for nothing in texts; leave it out to look for all",
                org.name
            ));
        }
        for host in &policy.link_hosts {
            if !host.to_string().contains(['.', ':']) {
                warnings.push(format!(
                    "{}: the link host `{host}` lets links lead to every host below it",
                    org.name
                ));
            }
        }
    }
    if let Some(policy) = &org.privacy
        && policy.allow.is_some()
        && policy.allow_text
    {
        warnings.push(format!(
            "{}: allows certain fields only, and free text besides; `allow_text = false` in [orgs.privacy] leaves that out",
            org.name
        ));
    }
    if let Some(policy) = &org.privacy
        && !policy.messages
    {
        warnings.push(format!(
            "{}: `messages = false` in [orgs.privacy] lets requests to the Claude API leave as their callers write them",
            org.name
        ));
    }
    let proves_a_user = tenant.credentials.iter().any(Credential::proves_a_user);
    if org.per_user != Limits::default() && !proves_a_user {
        warnings.push(format!(
            "{}: limits of each user never apply, since none of its credentials proves a user; one of the kinds jwt and jwt_exchange with `user_claim` does",
            org.name
        ));
    }
    if tenant.credentials.is_empty() {
        warnings.push(format!(
            "{}: has no credential, so it cannot call",
            org.name
        ));
    }
    for credential in &tenant.credentials {
        if !credential.scopes.contains(&Scope::Tasks) {
            warnings.push(format!(
                "{}: the credential `{}` has no scope `tasks`, so no task can be called with it",
                org.name, credential.id
            ));
        }
    }
    let mut closed: BTreeMap<&Alias, Vec<String>> = BTreeMap::new();
    for (task, settings) in &*org.tasks {
        if !org.models.contains_key(&settings.model) {
            let tasks = closed.entry(&settings.model).or_default();
            tasks.push(format!("`{task}`"));
        }
    }
    for (alias, tasks) in closed {
        let (tasks, verb) = (
            tasks.join(", "),
            if tasks.len() == 1 { "takes" } else { "take" },
        );
        warnings.push(format!(
            "{}: may not use `{alias}`, which {tasks} {verb} where the caller names no model",
            org.name
        ));
    }
    for route in org.models.values() {
        of_a_route(org, route, warnings);
    }
}

fn of_a_route(org: &Org, route: &Route, warnings: &mut Vec<String>) {
    if route.targets.iter().any(|target| target.simulated) {
        warnings.push(if route.simulated() {
            format!("{}: every answer of `{}` is made up by the simulator", org.name, route.alias)
        } else {
            format!(
                "{}: `{}` leads to real models and to the simulator, so some of its answers may be made up",
                org.name, route.alias
            )
        });
    }
    for target in route.targets.iter().filter(|target| target.price.is_none()) {
        warnings.push(format!(
            "{}: `{}` leads to {}/{}, whose price nobody knows, so its calls are counted as free",
            org.name, route.alias, target.provider, target.model
        ));
    }
}

fn of_unused_names(settings: &Settings, warnings: &mut Vec<String>) {
    let targets: Vec<_> = settings
        .tenants
        .iter()
        .flat_map(|tenant| tenant.org.models.values())
        .flat_map(|route| &route.targets)
        .collect();
    let prices = settings.prices.keys().map(|name| ("prices", name.as_str()));
    let capabilities = settings.capabilities.names();
    for (table, name) in prices.chain(capabilities.map(|name| ("capabilities", name))) {
        let used = targets.iter().any(|target| {
            target.model.as_str() == name
                || format!("{}/{}", target.provider, target.model) == *name
        });
        if !used {
            warnings.push(format!(
                "{table}.{name:?}: no org has a target of this name"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::super::scripted::Scripted;
    use super::super::settings::read;
    use super::*;
    use crate::identity::scripted::{ACME, ELLIPTIC, Made, issued};

    fn warnings(changes: &[(&str, &str)]) -> Vec<String> {
        warnings_among(changes, &Scripted::example())
    }

    fn warnings_among(changes: &[(&str, &str)], around: &Scripted) -> Vec<String> {
        let config = changes
            .iter()
            .fold(Scripted::EXAMPLE.to_owned(), |config, (that, this)| {
                assert!(config.contains(that), "{that}");
                config.replace(that, this)
            });
        let settings = read(&config, around).expect("a good config");
        // A moment at which certificates that are made now are good for long.
        let now = ACME.read().not_after - SignedDuration::from_hours(24 * 365);
        let mut warnings = of(&settings, now);
        warnings.retain(|line| !line.contains("does not count before"));
        warnings
    }

    /// The PEM of a certificate with another one after it.
    fn chain(own: &Made, issuer: &Made) -> String {
        format!("{}{}", own.certificate, issuer.certificate)
    }

    #[test]
    fn a_client_certificate_that_nobody_could_show_is_pointed_out() {
        let credential = (
            "[orgs.limits]\n",
            "[[orgs.credentials]]\nkind = \"mtls\"\nid = \"cert\"\ncertificate = \"file:org.crt\"\nscopes = [\"tasks\"]\n[orgs.limits]\n",
        );
        let around = Scripted::example()
            .with_file("org.crt", &ELLIPTIC.certificate)
            .with_file("tls.crt", &ACME.certificate)
            .with_file("tls.key", &ACME.key);
        let told = warnings_among(&[credential], &around);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("of `cert` can never be shown"), "{told:?}");
        let tls = "docs = true\ntls = { cert = \"file:tls.crt\", key = \"file:tls.key\" }";
        for seen in [
            ("docs = true", tls),
            ("trusted_proxies = []", "trusted_proxies = [\"10.0.0.0/8\"]"),
        ] {
            let told = warnings_among(&[credential, seen], &around);
            assert_eq!(told, Vec::<String>::new());
        }
    }

    #[test]
    fn a_chain_that_salesforce_would_refuse_is_pointed_out() {
        let (issuer, own) = issued();
        let told = |cert: &str, key: &str| {
            let tls = "docs = true\ntls = { cert = \"file:tls.crt\", key = \"file:tls.key\" }";
            let around = Scripted::example();
            let around = around.with_file("tls.crt", cert).with_file("tls.key", key);
            warnings_among(&[("docs = true", tls)], &around)
        };
        let alone = told(&own.certificate, &own.key);
        assert_eq!(alone.len(), 1, "{alone:?}");
        assert!(
            alone[0].contains("put that of CN=issuer after it"),
            "{alone:?}"
        );
        assert!(told(&chain(own, issuer), &own.key).is_empty());
        assert!(told(&ACME.certificate, &ACME.key).is_empty());
        let wrong = told(&chain(own, &ACME), &own.key);
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(
            wrong[0].contains("issuer, CN=issuer, and not that of CN=acme-org"),
            "{wrong:?}"
        );
    }

    #[test]
    fn proxies_that_are_everybody_are_pointed_out() {
        for network in ["0.0.0.0/0", "::/0"] {
            let list = format!("trusted_proxies = [\"{network}\"]");
            let told = warnings(&[("trusted_proxies = []", &list)]);
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].contains("every address"), "{told:?}");
        }
    }

    #[test]
    fn replicas_that_cannot_seal_what_they_share_are_pointed_out() {
        let around = Scripted::example()
            .with("REDIS_URL", "redis://127.0.0.1")
            .with("SHARED_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
        let told = |more: &str| {
            let store =
                format!("[shared]\nredis = \"env:REDIS_URL\"\nreplicas = 3\n{more}\n[cache]");
            let no_file = ("file = \"usage.db\" ", "");
            let told = warnings_among(&[("[cache]", &store), no_file], &around);
            let about = told.into_iter().filter(|line| line.contains("`key`"));
            about.collect::<Vec<_>>()
        };
        let without = told("");
        assert_eq!(without.len(), 1, "{without:?}");
        assert!(
            without[0].contains("openssl rand -base64 32"),
            "{without:?}"
        );
        assert_eq!(told("key = \"env:SHARED_KEY\""), Vec::<String>::new());
    }

    #[test]
    fn budgets_that_a_restart_makes_whole_again_are_pointed_out() {
        let told = warnings(&[("file = \"usage.db\" ", "")]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].contains("acme-prod") && told[0].contains("`file` in [usage]"),
            "{told:?}"
        );
        let unbudgeted = [
            ("file = \"usage.db\" ", ""),
            ("budget_usd_per_day = 50.0", ""),
            ("budget_usd_per_month = 1_000", ""),
        ];
        let told = warnings(&unbudgeted);
        assert!(
            !told.iter().any(|line| line.contains("[usage]")),
            "{told:?}"
        );
    }

    #[test]
    fn the_example_needs_no_second_look() {
        assert_eq!(warnings(&[]), Vec::<String>::new());
    }

    #[test]
    fn a_door_to_the_world_is_pointed_out() {
        let told = warnings(&[
            ("127.0.0.1:8080", "0.0.0.0:8080"),
            ("127.0.0.1:9090", "[::]:9090"),
        ]);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(
            told[0].contains("/docs") && told[1].contains("[::]:9090"),
            "{told:?}"
        );
        let told = warnings(&[
            ("127.0.0.1:8080", "0.0.0.0:8080"),
            ("docs = true", "docs = false"),
            ("public_url = \"https://belay.acme.example\"", ""),
        ]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("public_url"), "{told:?}");
    }

    #[test]
    fn an_org_that_nothing_bounds_or_nobody_can_use_is_pointed_out() {
        let told = warnings(&[
            (
                "budget_usd_per_day = 50.0\nbudget_usd_per_month = 1_000",
                "",
            ),
            ("[\"tasks\", ", "["),
            ("[\"default\", \"fast\"]", "[\"fast\"]"),
            (
                "[orgs.limits.per_user]",
                "[orgs.limits.per_user]\ncalls_in_flight = 1\n",
            ),
            ("claude-haiku-5-5", "claude-next-9"),
        ]);
        let about = |word: &str| told.iter().filter(|line| line.contains(word)).count();
        assert_eq!(about("no budget"), 1, "{told:?}");
        assert_eq!(about("`flow` has no scope `tasks`"), 1, "{told:?}");
        assert_eq!(about("may not use `default`"), 1, "{told:?}");
        assert_eq!(
            about("`briefing`, `case-summary`, `email-draft`"),
            1,
            "{told:?}"
        );
        assert_eq!(about("never apply"), 1, "{told:?}");
        assert_eq!(about("counted as free"), 1, "{told:?}");
        assert_eq!(about("claude-sonnet-5-5\": no org has"), 1, "{told:?}");
    }

    #[test]
    fn limits_of_each_user_are_pointed_out_only_where_no_credential_proves_one() {
        let told = |claim: &str| {
            let config = Scripted::EXAMPLE.replace(
                "[orgs.limits]",
                &format!(
                    "[[orgs.credentials]]\nkind = \"jwt\"\nid = \"acme_2026\"\nissuer = \"acme\"\ncertificate = \"file:org.crt\"\n{claim}scopes = [\"tasks\"]\n[orgs.limits]"
                ),
            );
            let config = config.replace(
                "[orgs.limits.per_user]",
                "[orgs.limits.per_user]\ncalls_in_flight = 1\n",
            );
            let around = Scripted::example().with_file("org.crt", &ACME.certificate);
            let settings = read(&config, &around).expect("a good config");
            let told = of(&settings, ACME.read().not_before);
            let about = told.iter().filter(|line| line.contains("never apply"));
            about.cloned().collect::<Vec<_>>()
        };
        assert_eq!(told("user_claim = \"sub\"\n"), Vec::<String>::new());
        let without = told("username_claim = \"name\"\n");
        assert_eq!(without.len(), 1, "{without:?}");
        assert!(
            without[0].contains("jwt and jwt_exchange with `user_claim`"),
            "{without:?}"
        );
    }

    #[test]
    fn rules_that_do_not_hold_for_messages_are_pointed_out() {
        let told = warnings(&[("messages = true", "messages = false")]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].contains("lets requests to the Claude API"),
            "{told:?}"
        );
    }

    #[test]
    fn made_up_answers_are_pointed_out() {
        let told = warnings(&[("[\"default\", \"fast\"]", "[]")]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("every answer of `rehearsal`"), "{told:?}");
        let told = warnings(&[(
            "{ provider = \"claude\", model = \"claude-opus-5-5\" }",
            "{ provider = \"rehearsal\", model = \"claude-opus-5-5\" }",
        )]);
        assert!(told[0].contains("may be made up"), "{told:?}");
    }
}
