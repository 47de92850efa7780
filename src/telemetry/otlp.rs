//! The way to a collector of traces and metrics, over OTLP.
//!
//! What else can be set of it is set by the variables that OpenTelemetry itself reads: `OTEL_SERVICE_NAME`,
//! `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_BSP_…`, `OTEL_METRIC_EXPORT_INTERVAL`.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use anyhow::Context as _;
use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{Key, KeyValue};
use opentelemetry_otlp::tonic_types::metadata::MetadataMap;
use opentelemetry_otlp::tonic_types::transport::ClientTlsConfig;
use opentelemetry_otlp::{
    MetricExporter, SpanExporter, WithExportConfig as _, WithHttpConfig as _, WithTonicConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::names;

/// Where traces and metrics go. In the file: `telemetry.otlp` and the keys beside it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The collector.
    pub endpoint: Url,
    /// How it is spoken with.
    pub protocol: Protocol,
    /// Headers that every export bears, such as the collector's key.
    pub headers: BTreeMap<String, SecretString>,
    /// The share of traces that is kept, from 0 to 1, of those that begin here. What comes with a `traceparent` is kept
    /// where that says so. Default: 1.
    pub sample_ratio: f64,
}

/// How a collector is spoken with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// gRPC, usually at port 4317.
    Grpc,
    /// Protobuf over HTTP, usually at port 4318.
    Http,
}

/// The longest that one export may take.
const PATIENCE: Duration = Duration::from_secs(10);

impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        let headers = |one: &Self| -> Vec<(String, String)> {
            let headers = one.headers.iter();
            headers
                .map(|(name, value)| (name.clone(), value.expose_secret().to_owned()))
                .collect()
        };
        (&self.endpoint, self.protocol) == (&other.endpoint, other.protocol)
            && self.sample_ratio.total_cmp(&other.sample_ratio).is_eq()
            && headers(self) == headers(other)
    }
}

impl Settings {
    /// What makes traces and what makes metrics, both on their way from `replica` to the collector.
    ///
    /// # Errors
    /// Where a header cannot be sent, or the machine holds no root certificates.
    pub(super) fn providers(
        &self,
        replica: &str,
    ) -> anyhow::Result<(SdkTracerProvider, SdkMeterProvider)> {
        let (spans, metrics) = match self.protocol {
            Protocol::Grpc => self.over_grpc()?,
            Protocol::Http => self.over_http()?,
        };
        let resource = resource(replica);
        let kept = Sampler::TraceIdRatioBased(self.sample_ratio);
        let traces = SdkTracerProvider::builder()
            .with_sampler(Sampler::ParentBased(Box::new(kept)))
            .with_resource(resource.clone())
            .with_batch_exporter(spans);
        let meters = SdkMeterProvider::builder()
            .with_resource(resource)
            .with_periodic_exporter(metrics);
        Ok((traces.build(), meters.build()))
    }

    fn over_grpc(&self) -> anyhow::Result<(SpanExporter, MetricExporter)> {
        // Only what is sent over TLS needs roots.
        let tls = || ClientTlsConfig::new().with_enabled_roots();
        let secure = self.endpoint.scheme() == "https";
        let metadata = MetadataMap::from_headers(self.headers()?);
        let spans = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(self.endpoint.as_str())
            .with_timeout(PATIENCE)
            .with_metadata(metadata.clone());
        let metrics = MetricExporter::builder()
            .with_tonic()
            .with_endpoint(self.endpoint.as_str())
            .with_timeout(PATIENCE)
            .with_metadata(metadata);
        if secure {
            let spans = spans.with_tls_config(tls()).build()?;
            return Ok((spans, metrics.with_tls_config(tls()).build()?));
        }
        Ok((spans.build()?, metrics.build()?))
    }

    fn over_http(&self) -> anyhow::Result<(SpanExporter, MetricExporter)> {
        let at = |path: &str| format!("{}{path}", self.endpoint.as_str().trim_end_matches('/'));
        let headers = self.headers()?;
        let headers: HashMap<String, String> = headers
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect();
        let spans = SpanExporter::builder()
            .with_http()
            .with_endpoint(at("/v1/traces"))
            .with_timeout(PATIENCE)
            .with_headers(headers.clone());
        let metrics = MetricExporter::builder()
            .with_http()
            .with_endpoint(at("/v1/metrics"))
            .with_timeout(PATIENCE)
            .with_headers(headers);
        Ok((spans.build()?, metrics.build()?))
    }

    fn headers(&self) -> anyhow::Result<HeaderMap> {
        let headers = self.headers.iter().map(|(name, value)| {
            let refused = || format!("the header {name} of telemetry.otlp_headers cannot be sent");
            let mut value = HeaderValue::from_str(value.expose_secret()).with_context(refused)?;
            value.set_sensitive(true);
            let name: HeaderName = name.parse().with_context(refused)?;
            Ok((name, value))
        });
        headers.collect()
    }
}

/// What sends all this: by the variables of OpenTelemetry where they say so, else `belay`.
fn resource(replica: &str) -> Resource {
    let found = Resource::builder().build();
    let name = found.get(&Key::from_static_str(names::SERVICE_NAME));
    let is_named = name.is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    let mut resource = Resource::builder().with_attributes([
        KeyValue::new(names::SERVICE_VERSION, env!("CARGO_PKG_VERSION")),
        KeyValue::new(names::SERVICE_INSTANCE_ID, replica.to_owned()),
    ]);
    if !is_named {
        resource = resource.with_service_name("belay");
    }
    resource.build()
}
