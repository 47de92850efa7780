//! Every number that the gateway gives out.

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use opentelemetry::trace::TraceId;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, LabelSetEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::exemplar::HistogramWithExemplars;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use prometheus_client::registry::{Registry, Unit};

use crate::domain::{LimitName, Money, OrgName, ProviderName, Usage};

/// Every number that the gateway gives out; a field's doc comment is its help text.
pub struct Metrics {
    /// Calls that were answered, by org, task and outcome. What is no task is `other`, who proved nothing is `unknown`.
    requests: Family<RequestLabels, Counter>,
    /// Seconds from a call's first byte to its answer.
    request_seconds: HistogramWithExemplars<TraceLabel>,
    /// Seconds of that which the gateway itself took: all but the waiting for a provider.
    overhead_seconds: HistogramWithExemplars<TraceLabel>,
    /// Seconds that a provider took, by provider and outcome.
    upstream_seconds: Family<UpstreamLabels, HistogramWithExemplars<TraceLabel>>,
    /// Tokens that providers reported, by org and kind.
    tokens: Family<TokenLabels, Counter>,
    /// US dollars that those tokens cost, by org.
    cost_usd: Family<OrgLabel, Counter<f64, AtomicU64>>,
    /// Look-ups of the cache, by result.
    cache: Family<CacheLabel, Counter>,
    /// Calls that a limit turned away, by org and limit.
    limited: Family<LimitLabels, Counter>,
    /// Batches, by org and what became of them.
    batches: Family<BatchLabels, Counter>,
    /// Calls whose caller was not recognised, by reason.
    refused: Family<RefusedLabel, Counter>,
    /// 1 while the store behind the replicas is there; shown where there is one.
    shared_up: Gauge,
    /// Commands that the store did not answer as it should, or not in time.
    shared_failures: Counter,
    /// Seconds for which it was away.
    shared_dark_seconds: Counter<f64, AtomicU64>,
    /// Further attempts at the same target.
    retries: Counter,
    /// 1 while a model of the provider is not asked because it keeps failing.
    breaker_open: Family<ProviderLabel, Gauge>,
    /// Tokens that calls under way have reserved.
    pub reserved_tokens: Gauge,
    /// 1 while the config on disk was refused and an older one serves.
    pub config_reload_failed: Gauge,
    /// How often what was used could not be written down.
    pub usage_write_failures: Counter,
    /// How much of a budget is used, spent or reserved, from 0 to 1, by org and limit.
    budget_used_ratio: Family<LimitLabels, Gauge<f64, AtomicU64>>,
    /// When the first certificate of its use ends, in seconds since 1970; by org, where it is an org's.
    certificate_not_after_seconds: Family<CertificateLabels, Gauge>,
    registry: Mutex<Registry>,
}

/// How the cache answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CacheResult {
    /// From memory.
    Hit,
    /// Nothing was there.
    Miss,
    /// Another call was asking the same.
    Collapsed,
    /// The caller did not want it.
    Bypassed,
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CertificateUse {
    /// The gateway shows it.
    Server,
    /// It is the authority of the orgs' certificates.
    ClientCa,
    /// It proves an org.
    Credential,
}

/// How much of a budget is used.
#[derive(Debug, Clone)]
pub struct BudgetUsed {
    /// Whose.
    pub org: OrgName,
    /// Of the day or of the month.
    pub limit: LimitName,
    /// Spent or reserved, from 0 to 1.
    pub ratio: f64,
}

/// When a certificate ends.
#[derive(Debug, Clone)]
pub struct CertificateEnd {
    /// Whose it is, where it is an org's.
    pub org: Option<OrgName>,
    /// What for.
    pub purpose: CertificateUse,
    /// When.
    pub not_after: Timestamp,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BatchFate {
    /// A provider took it.
    Created,
    /// Its results were seen, and it was charged what they tell.
    Settled,
    /// It was charged in full, since nobody saw its results in time or they do not tell.
    ChargedInFull,
    /// Its results were seen, and this process holds nothing for it: it was settled before, or by another.
    Unheld,
}

type Label = (&'static str, String);

/// A label set as a list of names and values.
macro_rules! labels {
    ($(#[$doc:meta])* $set:ident { $($name:ident),+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        struct $set { $($name: String),+ }

        impl EncodeLabelSet for $set {
            fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), std::fmt::Error> {
                let labels: &[Label] = &[$((stringify!($name).trim_start_matches("r#"), self.$name.clone())),+];
                labels.encode(encoder)
            }
        }
    };
}

labels!(
    /// The trace that a value is an example of.
    TraceLabel { trace_id }
);
labels!(RequestLabels { org, task, outcome });
labels!(UpstreamLabels { provider, outcome });
labels!(TokenLabels { org, kind });
labels!(OrgLabel { org });
labels!(CacheLabel { result });
labels!(LimitLabels { org, limit });
labels!(CertificateLabels { org, r#use });
labels!(ProviderLabel { provider });
labels!(BatchLabels { org, fate });
labels!(RefusedLabel { reason });

/// From a cache hit to the longest that Apex waits.
const REQUEST_BUCKETS: [f64; 15] = [
    0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 120.0,
];
/// The gateway's own time, from 50 µs.
const OVERHEAD_BUCKETS: [f64; 12] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 1.0,
];
/// A provider's time, to the longest life of a call.
const UPSTREAM_BUCKETS: [f64; 12] = [
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 600.0,
];

impl From<TraceId> for TraceLabel {
    fn from(id: TraceId) -> Self {
        Self {
            trace_id: id.to_string(),
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at zero, and registered under their names.
    pub fn new() -> Self {
        let metrics = Self {
            requests: Family::default(),
            request_seconds: HistogramWithExemplars::new(REQUEST_BUCKETS.into_iter()),
            overhead_seconds: HistogramWithExemplars::new(OVERHEAD_BUCKETS.into_iter()),
            upstream_seconds: Family::new_with_constructor(|| {
                HistogramWithExemplars::new(UPSTREAM_BUCKETS.into_iter())
            }),
            tokens: Family::default(),
            cost_usd: Family::default(),
            cache: Family::default(),
            limited: Family::default(),
            batches: Family::default(),
            refused: Family::default(),
            shared_up: Gauge::default(),
            shared_failures: Counter::default(),
            shared_dark_seconds: Counter::default(),
            retries: Counter::default(),
            breaker_open: Family::default(),
            reserved_tokens: Gauge::default(),
            config_reload_failed: Gauge::default(),
            usage_write_failures: Counter::default(),
            budget_used_ratio: Family::default(),
            certificate_not_after_seconds: Family::default(),
            registry: Mutex::new(Registry::with_prefix("belay")),
        };
        metrics.register();
        metrics
    }

    fn register(&self) {
        let mut registry = self.lock();
        let r = &mut *registry;
        r.register("requests", "Calls answered", self.requests.clone());
        r.register_with_unit(
            "request",
            "Seconds from a call's first byte to its answer",
            Unit::Seconds,
            self.request_seconds.clone(),
        );
        r.register_with_unit(
            "overhead",
            "Seconds of a call that the gateway itself took",
            Unit::Seconds,
            self.overhead_seconds.clone(),
        );
        r.register_with_unit(
            "upstream",
            "Seconds that a provider took",
            Unit::Seconds,
            self.upstream_seconds.clone(),
        );
        r.register(
            "tokens",
            "Tokens that providers reported",
            self.tokens.clone(),
        );
        r.register(
            "cost_usd",
            "US dollars that the tokens cost",
            self.cost_usd.clone(),
        );
        r.register("cache", "Look-ups of the cache", self.cache.clone());
        r.register(
            "limited",
            "Calls that a limit turned away",
            self.limited.clone(),
        );
        r.register(
            "refused",
            "Calls whose caller was not recognised",
            self.refused.clone(),
        );
        r.register(
            "batches",
            "Batches by what became of them",
            self.batches.clone(),
        );
        r.register(
            "retries",
            "Further attempts at the same target",
            self.retries.clone(),
        );
        r.register(
            "breaker_open",
            "1 while a model of the provider is not asked because it keeps failing",
            self.breaker_open.clone(),
        );
        r.register(
            "reserved_tokens",
            "Tokens that calls under way have reserved",
            self.reserved_tokens.clone(),
        );
        r.register(
            "config_reload_failed",
            "1 while the config on disk was refused and an older one serves",
            self.config_reload_failed.clone(),
        );
        r.register(
            "usage_write_failures",
            "How often what was used could not be written down; it is tried again",
            self.usage_write_failures.clone(),
        );
        r.register(
            "budget_used_ratio",
            "How much of a budget is spent or reserved, from 0 to 1",
            self.budget_used_ratio.clone(),
        );
        r.register_with_unit(
            "certificate_not_after",
            "When the first certificate of its use ends, in seconds since 1970",
            Unit::Seconds,
            self.certificate_not_after_seconds.clone(),
        );
    }

    /// All numbers, in the text format of `OpenMetrics`.
    ///
    /// # Panics
    /// Never: writing to a string cannot fail.
    pub fn page(&self) -> String {
        let registry = self.lock();
        let mut page = String::new();
        encode(&mut page, &registry).expect("writing to a string cannot fail");
        page
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the budgets stand; those that are not among them are shown no more.
    pub fn budgets(&self, budgets: &[BudgetUsed]) {
        // No page is written meanwhile.
        let _registry = self.lock();
        self.budget_used_ratio.clear();
        for one in budgets {
            let labels = LimitLabels {
                org: one.org.to_string(),
                limit: one.limit.to_string(),
            };
            let ratio = self.budget_used_ratio.get_or_create(&labels);
            ratio.set(one.ratio);
        }
    }

    /// When the certificates end; those that are not among them are shown no more.
    pub fn certificates(&self, ends: &[CertificateEnd]) {
        let _registry = self.lock();
        self.certificate_not_after_seconds.clear();
        for one in ends {
            let purpose = match one.purpose {
                CertificateUse::Server => "server",
                CertificateUse::ClientCa => "client_ca",
                CertificateUse::Credential => "credential",
            };
            let labels = CertificateLabels {
                org: one
                    .org
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
                r#use: purpose.to_owned(),
            };
            let shown = self.certificate_not_after_seconds.get_or_create(&labels);
            let end = one.not_after.as_second();
            // A new one begins at 0, which no certificate ends at.
            if shown.get() == 0 || end < shown.get() {
                shown.set(end);
            }
        }
    }

    /// The same in Prometheus' own text format: counters are declared by their whole name, and there are neither units nor
    /// examples.
    pub fn plain_page(&self) -> String {
        plain(&self.page())
    }

    /// A call of `trace` was answered, which took so long in all and upstream. `outcome` is `ok` or the code of a problem.
    pub fn answered(
        &self,
        org: Option<&OrgName>,
        task: &'static str,
        outcome: &str,
        (total, upstream): (Duration, Duration),
        trace: Option<TraceId>,
    ) {
        let labels = RequestLabels {
            org: org.map_or("unknown", OrgName::as_str).to_owned(),
            task: task.to_owned(),
            outcome: outcome.to_owned(),
        };
        self.requests.get_or_create(&labels).inc();
        let trace = trace.map(TraceLabel::from);
        let overhead = total.saturating_sub(upstream).as_secs_f64();
        self.overhead_seconds.observe(overhead, trace.clone(), None);
        self.request_seconds
            .observe(total.as_secs_f64(), trace, None);
    }

    /// There is a store behind the replicas, so its numbers are shown.
    pub fn has_store(&self) {
        let mut registry = self.lock();
        registry.register(
            "shared_up",
            "1 while the store behind the replicas is there",
            self.shared_up.clone(),
        );
        registry.register(
            "shared_failures",
            "Commands that the store did not answer as it should",
            self.shared_failures.clone(),
        );
        registry.register_with_unit(
            "shared_dark",
            "Seconds for which the store was away",
            Unit::Seconds,
            self.shared_dark_seconds.clone(),
        );
    }

    /// The store behind the replicas did not answer as it should.
    pub fn store_failed(&self) {
        self.shared_failures.inc();
    }

    /// The store behind the replicas came, after this time, or went.
    pub fn store_is(&self, up: bool, dark: Duration) {
        self.shared_up.set(i64::from(up));
        self.shared_dark_seconds.inc_by(dark.as_secs_f64());
    }

    /// Nobody was recognised, for this reason.
    pub fn refused(&self, reason: &'static str) {
        let labels = RefusedLabel {
            reason: reason.to_owned(),
        };
        self.refused.get_or_create(&labels).inc();
    }

    /// A provider answered or failed. `outcome` is `ok` or the word for the fault.
    pub fn upstream(
        &self,
        provider: &ProviderName,
        outcome: &str,
        took: Duration,
        trace: Option<TraceId>,
    ) {
        let labels = UpstreamLabels {
            provider: provider.to_string(),
            outcome: outcome.to_owned(),
        };
        self.upstream_seconds.get_or_create(&labels).observe(
            took.as_secs_f64(),
            trace.map(TraceLabel::from),
            None,
        );
    }

    /// A provider told what a call used.
    pub fn used(&self, org: &OrgName, usage: &Usage, cost: Money) {
        let kinds = [
            ("input", usage.input_tokens),
            ("output", usage.output_tokens),
            ("cache_write_5m", usage.cache_write_5m_tokens),
            ("cache_write_1h", usage.cache_write_1h_tokens),
            ("cache_read", usage.cache_read_tokens),
        ];
        for (kind, tokens) in kinds {
            if tokens > 0 {
                let labels = TokenLabels {
                    org: org.to_string(),
                    kind: kind.to_owned(),
                };
                self.tokens.get_or_create(&labels).inc_by(tokens);
            }
        }
        let org = OrgLabel {
            org: org.to_string(),
        };
        self.cost_usd.get_or_create(&org).inc_by(cost.as_usd());
    }

    /// The cache was asked.
    pub fn cache(&self, result: CacheResult) {
        let result = match result {
            CacheResult::Hit => "hit",
            CacheResult::Miss => "miss",
            CacheResult::Collapsed => "collapsed",
            CacheResult::Bypassed => "bypassed",
        };
        let labels = CacheLabel {
            result: result.to_owned(),
        };
        self.cache.get_or_create(&labels).inc();
    }

    /// A limit turned a call away.
    pub fn limited(&self, org: &OrgName, limit: &str) {
        let labels = LimitLabels {
            org: org.to_string(),
            limit: limit.to_owned(),
        };
        self.limited.get_or_create(&labels).inc();
    }

    /// Something became of a batch.
    pub fn batch(&self, org: &OrgName, fate: BatchFate) {
        let fate = match fate {
            BatchFate::Created => "created",
            BatchFate::Settled => "settled",
            BatchFate::ChargedInFull => "charged_in_full",
            BatchFate::Unheld => "unheld",
        };
        let labels = BatchLabels {
            org: org.to_string(),
            fate: fate.to_owned(),
        };
        self.batches.get_or_create(&labels).inc();
    }

    /// The same target is asked again.
    pub fn retried(&self) {
        self.retries.inc();
    }

    /// A breaker of `provider` opened, or all of them are closed.
    pub fn breaker(&self, provider: &ProviderName, open: bool) {
        let labels = ProviderLabel {
            provider: provider.to_string(),
        };
        self.breaker_open
            .get_or_create(&labels)
            .set(i64::from(open));
    }
}

fn plain(page: &str) -> String {
    let mut plain = String::with_capacity(page.len());
    let mut lines = page.lines().peekable();
    let mut push = |line: &str| {
        plain.push_str(line);
        plain.push('\n');
    };
    while let Some(line) = lines.next() {
        let is_counter = |name: &str, next: Option<&&str>| {
            next.is_some_and(|next| *next == format!("# TYPE {name} counter"))
        };
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, text) = help.split_once(' ').unwrap_or((help, ""));
            let end = if is_counter(name, lines.peek()) {
                "_total"
            } else {
                ""
            };
            push(&format!("# HELP {name}{end} {text}"));
        } else if let Some(name) = line
            .strip_prefix("# TYPE ")
            .and_then(|rest| rest.strip_suffix(" counter"))
        {
            push(&format!("# TYPE {name}_total counter"));
        } else if !line.starts_with("# UNIT ") && line != "# EOF" {
            push(line.split_once(" # {").map_or(line, |(sample, _)| sample));
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_bears_its_documented_name() {
        let metrics = Metrics::new();
        let org = OrgName::parse("acme").expect("a name");
        let provider = ProviderName::parse("claude").expect("a name");
        let second = Duration::from_secs(1);
        let trace = TraceId::from_bytes([7; 16]);
        metrics.answered(Some(&org), "briefing", "ok", (second, second), Some(trace));
        metrics.upstream(&provider, "ok", second, None);
        let usage = Usage {
            input_tokens: 5,
            ..Usage::default()
        };
        metrics.used(&org, &usage, Money::micros(10));
        metrics.cache(CacheResult::Hit);
        metrics.limited(&org, "calls_in_flight");
        metrics.batch(&org, BatchFate::ChargedInFull);
        metrics.retried();
        metrics.breaker(&provider, true);
        let day = BudgetUsed {
            org: org.clone(),
            limit: LimitName::BudgetPerDay,
            ratio: 0.5,
        };
        metrics.budgets(&[day]);
        let ends = |not_after| CertificateEnd {
            org: None,
            purpose: CertificateUse::ClientCa,
            not_after: Timestamp::from_second(not_after).expect("a time"),
        };
        metrics.certificates(&[ends(2_000_000_001), ends(2_000_000_000)]);
        let plain = metrics.plain_page();
        for line in [
            "# TYPE belay_requests_total counter",
            "# HELP belay_requests_total Calls answered.",
            "# TYPE belay_request_seconds histogram",
            r#"belay_requests_total{org="acme",task="briefing",outcome="ok"} 1"#,
            r#"belay_request_seconds_bucket{le="1.0"} 1"#,
        ] {
            assert!(plain.lines().any(|told| told == line), "{line} in\n{plain}");
        }
        for odd in ["# UNIT", "# EOF", "trace_id"] {
            assert!(!plain.contains(odd), "{odd} in\n{plain}");
        }
        let page = metrics.page();
        let example = r#"belay_request_seconds_bucket{le="1.0"} 1 # {trace_id="07070707070707070707070707070707"} 1.0"#;
        assert!(page.contains(example), "{page}");
        for line in [
            r#"belay_budget_used_ratio{org="acme",limit="budget_usd_per_day"} 0.5"#,
            r#"belay_certificate_not_after_seconds{org="",use="client_ca"} 2000000000"#,
            r#"belay_requests_total{org="acme",task="briefing",outcome="ok"} 1"#,
            "belay_request_seconds_count 1",
            "belay_overhead_seconds_count 1",
            r#"belay_upstream_seconds_count{provider="claude",outcome="ok"} 1"#,
            r#"belay_tokens_total{org="acme",kind="input"} 5"#,
            r#"belay_cost_usd_total{org="acme"} 0.00001"#,
            r#"belay_cache_total{result="hit"} 1"#,
            r#"belay_limited_total{org="acme",limit="calls_in_flight"} 1"#,
            r#"belay_batches_total{org="acme",fate="charged_in_full"} 1"#,
            "belay_retries_total 1",
            r#"belay_breaker_open{provider="claude"} 1"#,
            "belay_reserved_tokens 0",
            "belay_config_reload_failed 0",
            "belay_usage_write_failures_total 0",
        ] {
            assert!(page.contains(line), "no {line} in\n{page}");
        }
    }
}
