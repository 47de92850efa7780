//! What masking costs: 100 KB of what a CRM holds, under every rule and detector. `cargo bench --bench masking`
//!
//! Wanted: less than 5 ms on one core.

use std::fmt::Write as _;
use std::hint::black_box;

use belay::domain::{Detector, FieldPattern, OwnPattern, Privacy};
use belay::privacy::screen;
use belay::salesforce::{Record, Source};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::json;

/// What the binary allocates by, too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BYTES: usize = 100_000;

/// A policy that uses all there is.
fn policy() -> Privacy {
    let fields = |names: &[&str]| {
        let parsed = names.iter().map(|name| FieldPattern::parse(name));
        parsed.map(|field| field.expect("a rule")).collect()
    };
    Privacy {
        drop: fields(&["*.SSN__c", "Contact.Birthdate"]),
        mask: fields(&["Contact.Name"]),
        detect: Detector::ALL.into(),
        patterns: vec![OwnPattern::new("CUSTOMER_NO", "KD-[0-9]{8}").expect("a pattern")],
        ..Privacy::default()
    }
}

/// A case whose comments come to about 100 KB: prose with numbers, and in every tenth comment something to mask.
fn source() -> Source {
    let mut comments = Vec::new();
    let mut bytes = 0;
    for nth in 0.. {
        let mut text = format!(
            "Comment {nth}: order ORD-2026-{nth:06} left depot 14 at 08:31:55 on 2026-11-18, 12.5% late. The customer asks \
             for a corrected invoice over EUR 184,500.00 and a call back before release 14.2.1 is out."
        );
        if nth % 10 == 0 {
            let _ = write!(
                text,
                " Reach ines.keller{nth}@blau-optik.example or +41 44 555 01 {:02}, customer KD-{:08}.",
                nth % 100,
                nth
            );
        }
        bytes += text.len();
        comments.push(json!({"attributes": {"type": "CaseComment"}, "CommentBody": text}));
        if bytes >= BYTES {
            break;
        }
    }
    let record = json!({
        "attributes": {"type": "Case"},
        "Id": "5005f00000LmNoPAAV",
        "Contact": {"attributes": {"type": "Contact"}, "Name": "Ines Keller", "Birthdate": "1980-02-03"},
        "CaseComments": {"totalSize": comments.len(), "done": true, "records": comments},
    });
    Source {
        record: Some(Record::parse(record, "/record").expect("a record")),
        ..Source::default()
    }
}

fn masking(criterion: &mut Criterion) {
    let (source, policy) = (source(), policy());
    assert!(
        screen(&source, &[], &policy).vault.hits() > 0,
        "there is something to mask"
    );
    let mut group = criterion.benchmark_group("masking");
    group.throughput(Throughput::Bytes(BYTES as u64));
    group.bench_function("100 KB of case comments", |bench| {
        bench.iter(|| black_box(screen(black_box(&source), &[], &policy)));
    });
    let draft = screen(&source, &[], &policy);
    let answer = "Call [PHONE_1] or write to [EMAIL_1], customer [CUSTOMER_NO_1]. ".repeat(100);
    group.throughput(Throughput::Bytes(answer.len() as u64));
    group.bench_function("restoring 6 KB of an answer", |bench| {
        bench.iter(|| black_box(draft.vault.restore(black_box(&answer))));
    });
    group.finish();
}

criterion_group!(benches, masking);
criterion_main!(benches);
