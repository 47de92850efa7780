//! What the parts of the hot path cost, one by one: `cargo bench --bench parts`
//!
//! They are what a call goes through whether or not anything in it is found: its record is read and written for the model,
//! its JSON is scanned, its key is made, its limits are taken and given back, its body is translated, its events are decoded,
//! its answer is held against its record. What masking finds is measured by `masking`, the whole by `gateway`.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use belay::domain::json_text::{Node, quoted};
use belay::domain::{
    Caller, CredentialKind, Deadline, Limits as Caps, ModelId, Money, Org, OrgId, OrgName,
    SystemClock,
};
use belay::engine::cache::Key;
use belay::engine::flight::Patience;
use belay::engine::limits::{Lane, Limits, Need};
use belay::privacy::grounding::{Known, Said};
use belay::providers::bedrock::events::Translation;
use belay::providers::bedrock::translate;
use belay::providers::claude::Tap;
use belay::providers::{Dialect, Outgoing, Reach};
use belay::salesforce::{Material, Record, Source, canonical};
use belay::telemetry::Metrics;
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::civil::date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

/// What the binary allocates by, too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Prose of about `bytes`, in lines.
fn prose(bytes: usize) -> String {
    const LINE: &str =
        "The crane at the east pier stops at noon and the harbour master waits for the report.\n";
    LINE.repeat(bytes.div_ceil(LINE.len()))
}

fn record() -> Value {
    json!({
        "attributes": {"type": "Opportunity"}, "Id": "0065f00000QwErTAAV",
        "Name": "Crane lease", "StageName": "Negotiation/Review", "Amount": 120_000, "CloseDate": "2026-12-18",
        "NextStep": "Insurer to confirm cover", "Description": prose(2_000),
        "Account": {"attributes": {"type": "Account"}, "Name": "Tidal Reach Services"},
    })
}

fn source() -> Source {
    Source {
        record: Some(Record::parse(record(), "/record").expect("a record")),
        ..Source::default()
    }
}

fn request() -> String {
    let messages = json!([{"role": "user", "content": prose(4_000)}]);
    json!({"model": "default", "max_tokens": 256, "stream": true, "messages": messages}).to_string()
}

/// The events of an answer of a hundred pieces.
fn events() -> Vec<Value> {
    let usage = json!({"input_tokens": 812, "output_tokens": 1});
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "content": [], "usage": usage});
    let piece = json!({
        "type": "content_block_delta", "index": 0,
        "delta": {"type": "text_delta", "text": "waits for the insurer, "},
    });
    let mut events = vec![json!({"type": "message_start", "message": message})];
    events.extend(std::iter::repeat_n(piece, 100));
    let usage = json!({"output_tokens": 200});
    events.push(
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}),
    );
    events.push(json!({"type": "message_stop"}));
    events
}

fn as_sent(event: &Value) -> Bytes {
    let name = event["type"].as_str().expect("a type");
    Bytes::from(format!("event: {name}\ndata: {event}\n\n"))
}

fn as_frame(event: &Value) -> Bytes {
    let payload = json!({"bytes": STANDARD.encode(event.to_string())}).to_string();
    let header = |name: &'static str, value: &'static str| {
        Header::new(name, HeaderValue::String(value.into()))
    };
    let message = Message::new(payload)
        .add_header(header(":message-type", "event"))
        .add_header(header(":event-type", "chunk"));
    let mut frame = Vec::new();
    write_message_to(&message, &mut frame).expect("a frame");
    frame.into()
}

fn caller() -> Caller {
    let id = "00D5f000000XyZaEAK".parse().expect("an id");
    let org = Org {
        id: OrgId::new(id).expect("an org"),
        name: OrgName::parse("acme").expect("a name"),
        timezone: TimeZone::UTC,
        limits: Caps {
            requests_per_minute: NonZeroU32::new(4_000_000_000),
            tokens_per_minute: NonZeroU32::new(4_000_000_000),
            calls_in_flight: NonZeroU32::new(1_000),
            budget_per_day: Some(Money::micros(u64::MAX / 4)),
            budget_per_month: Some(Money::micros(u64::MAX / 4)),
        },
        per_user: Caps::default(),
        models: [].into(),
        tasks: Arc::default(),
        messages_cache_ttl: Duration::ZERO,
        privacy: None,
        batches: false,
    };
    Caller::of_org(
        Arc::new(org),
        "bench".into(),
        CredentialKind::ApiKey,
        Arc::new([]),
    )
}

fn records(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a record of 2 KB");
    let (json, source, org) = (record(), source(), caller().org.id);
    group.bench_function("is read", |bench| {
        bench.iter_with_setup(
            || json.clone(),
            |json| Record::parse(black_box(json), "/record").expect("a record"),
        );
    });
    group.bench_function("is written for the model", |bench| {
        bench.iter(|| Material::of(black_box(&source), 160_000));
    });
    group.bench_function("becomes a key", |bench| {
        bench.iter(|| {
            let mut key = Key::of(org);
            canonical(black_box(&source), &mut |piece| key.add(piece));
            key.finish()
        });
    });
    let text = prose(2_000);
    let known = || {
        Known::new(
            [text.as_str(), "Ines Keller", "120000"],
            "You write a briefing.",
            date(2026, 11, 27),
        )
    };
    let answer =
        "The crane lease over $120,000 waits for the insurer; Ines Keller signs on 18 December.";
    group.bench_function("is what an answer is held against", |bench| {
        bench.iter(|| known().ungrounded(black_box(&[Said::Text(answer)])));
    });
    group.finish();
}

fn requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a request of 4 KB");
    let (json, text) = (request(), prose(4_000));
    let outgoing = Outgoing {
        body: Bytes::from(json.clone()),
        model: ModelId::parse("us.anthropic.claude-sonnet-4-6").expect("a model"),
        max_tokens: 256,
        reach: Reach::default(),
        rehearsed: None,
        dialect: Dialect::default(),
    };
    group.throughput(Throughput::Bytes(json.len() as u64));
    group.bench_function("is scanned", |bench| {
        bench.iter(|| Node::read(black_box(&json)).expect("JSON"));
    });
    group.bench_function("has its text written anew", |bench| {
        bench.iter(|| quoted(black_box(&text)));
    });
    group.bench_function("is translated for Bedrock", |bench| {
        bench.iter(|| translate::body(black_box(&outgoing), "bedrock-2023-05-31").expect("a body"));
    });
    group.finish();
}

fn answers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("an answer in 103 events");
    let events = events();
    let sent: Vec<Bytes> = events.iter().map(as_sent).collect();
    let frames: Vec<Bytes> = events.iter().map(as_frame).collect();
    group.throughput(Throughput::Elements(events.len() as u64));
    group.bench_function("is read as server-sent events", |bench| {
        bench.iter(|| {
            let mut tap = Tap::default();
            for chunk in &sent {
                black_box(tap.read(chunk.clone()).expect("events"));
            }
            assert!(tap.is_finished());
        });
    });
    group.bench_function("is translated from an event stream", |bench| {
        bench.iter(|| {
            let mut translation = Translation::default();
            for frame in &frames {
                let (events, fault) = translation.take(frame);
                assert!(fault.is_none() && !events.is_empty());
            }
        });
    });
    group.finish();
}

fn limits(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let limits = Limits::new(Arc::new(SystemClock), Arc::new(Metrics::new()));
    let caller = caller();
    let patience = Patience::until(Deadline::after(
        tokio::time::Instant::now(),
        Duration::from_hours(1),
    ));
    criterion.bench_function("every limit of an org is taken and given back", |bench| {
        bench.iter(|| {
            runtime.block_on(async {
                limits.admit_request(&caller).await.expect("room");
                let need = Need {
                    slot: true,
                    tokens: 2_000,
                    cost: Some(Money::micros(9_000)),
                };
                let reserved = limits.reserve(&caller, Lane::Single, need, &patience);
                let (slot, hold) = reserved.await.expect("room");
                hold.settle(1_200, Money::micros(6_000));
                drop(slot);
            });
        });
    });
}

criterion_group!(parts, records, requests, answers, limits);
criterion_main!(parts);
