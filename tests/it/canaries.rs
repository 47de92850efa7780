//! Planted values: what the policy covers shows nowhere but in the answer, whatever happens.

use std::panic;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use belay::app::World;
use belay::domain::{Clock, Entropy, SystemClock};
use belay::telemetry::audit::Target;
use belay::telemetry::logs;
use reqwest::Method;
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use crate::helpers::process::Belay;
use crate::helpers::{Config, Play, Reply, TestApp, Upstream, opportunity, until};

/// What Acme lets out.
const POLICY: &str = r#"
drop = ["*.SSN__c", "Contact.Birthdate", "Opportunity.Margin__c", "Account.Owner_Note__c", "Asset.*"]
mask = ["Contact.Name", "Opportunity.Ceiling__c", "User.Alias"]
patterns = [{ name = "CUSTOMER_NO", regex = "KD-[0-9]{8}" }]
"#;

/// Values that leave as placeholders and come back in the answer, each with the words it stands among.
const MASKED: [(&str, &str); 54] = [
    // E-mail addresses.
    ("plain.box@mail.example", "Write to {} today."),
    ("UPPER.BOX@MAIL.EXAMPLE", "({})"),
    ("tag+box@mail.example", "cc: {};"),
    ("deep.box@eu.sales.mail.example", "from <{}>"),
    ("under_box@mail-two.example", "\"Box\" <{}>,"),
    ("grüße@überland.example", "An {}."),
    ("last.box@mail.example", "{}"),
    ("html.box@mail.example", "<a href=\"mailto:{}\">write</a>"),
    ("attr.box@mail.example", "<td title='{}'>&nbsp;</td>"),
    ("pct.box%40mail.example", "https://mail.example/?to={}&x=1"),
    // Phone numbers, as their countries write them.
    ("(415) 555-0132", "Call {} (US)."),
    ("+1 415-555-0133", "US {}"),
    ("415.555.0134", "tel {}"),
    ("020 7946 0958", "phone: {} (UK)"),
    ("+44 20 7946 0959", "UK {}"),
    ("030 / 23125147", "Tel. {} (DE)"),
    ("+49 30 23125-148", "DE {}"),
    ("0049 30 23125149", "DE {}"),
    ("01 99 00 12 34", "tél. {} (FR)"),
    ("+33 1 99 00 12 35", "FR {}"),
    ("+39 06 5550 1234", "IT {}"),
    ("+34 912 345 678", "ES {}"),
    ("020-7946095", "tel: {} (NL)"),
    ("044 555 01 33", "Tel {} (CH)"),
    ("+43 1 5550199", "AT {}"),
    ("03-5550-0142", "電話 {} (JP)"),
    ("+91 98765 43210", "IN {}"),
    ("(11) 95550-0147", "fone {} (BR)"),
    ("(02) 5550 0199", "call {} (AU)"),
    // Payment cards.
    ("4111 1111 1111 1111", "card {}"),
    ("5500-0000-0000-0004", "card {}."),
    ("340000000000009", "amex {}"),
    ("6011000990139424", "card={}"),
    // Social security numbers.
    ("536-22-8141", "SSN {}"),
    ("512-34-6789", "his number {}"),
    ("537228142", "social security number {}"),
    // Bank accounts.
    ("DE89 3704 0044 0532 0130 00", "IBAN {}"),
    ("GB82WEST12345698765432", "IBAN: {}"),
    ("FR14 2004 1010 0505 0001 3M02 606", "RIB {}"),
    ("CH93 0076 2011 6238 5295 7", "Konto {}"),
    ("NL91ABNA0417164300", "rekening {}"),
    // IP addresses.
    ("203.0.113.77", "from {}"),
    ("198.51.100.23", "({}:443)"),
    ("2001:db8::7:1", "via {}"),
    // The org's own numbers.
    ("KD-20481632", "customer {}"),
    ("KD-20481633", "({})"),
    // By field; two of them deep inside.
    ("Ottoline Quarrywell", "field"),
    ("Benedek Farrowgate", "field"),
    ("7351962.5", "field"),
    ("oquarr", "field"),
    // Where nobody would look.
    ("key.box@mail.example", "a name of a member"),
    ("wish.box@mail.example", "the instructions"),
    ("note.box@mail.example", "the text"),
    ("far.box@mail.example", "the end of a long text"),
];

/// Values of dropped fields, at depth 1 to 4; they leave nowhere and come back nowhere.
const DROPPED: [&str; 8] = [
    "dropped-ssn-at-depth-1",
    "918273.645",
    "dropped-note-at-depth-2",
    "dropped-ssn-at-depth-3",
    "1971-03-09",
    "dropped-ssn-at-depth-4",
    "dropped-asset-by-its-object",
    "dropped-ssn-beside",
];

/// An address that only a text in base64 holds.
const ENCODED: &str = "encoded.box@mail.example";

/// A request with every planted value in it.
fn request() -> Value {
    let told: Vec<String> = MASKED
        .iter()
        .filter(|(_, among)| among.contains("{}"))
        .map(|(value, among)| among.replace("{}", value))
        .collect();
    let (half, rest) = told.split_at(told.len() / 2);
    let attributes = |object: &str| json!({"type": object});
    let mut record = opportunity();
    record["Description"] = json!(half.join("\n"));
    record["SSN__c"] = json!(DROPPED[0]);
    record["Margin__c"] = json!(918_273.645);
    record["Ceiling__c"] = json!(7_351_962.5);
    record["key.box@mail.example"] = json!("a member of hand-made JSON");
    let encoded = base64::engine::general_purpose::STANDARD
        .encode(format!("Please write to {ENCODED} by Friday"));
    record["Token__c"] = json!(encoded);
    record["Account"]["Owner_Note__c"] = json!(DROPPED[2]);
    record["Account"]["Owner"] = json!({
        "attributes": attributes("User"), "Alias": "oquarr", "SSN__c": DROPPED[3],
        "Manager": {"attributes": attributes("User"), "SSN__c": DROPPED[5]},
    });
    record["OpportunityContactRoles"] = json!({"totalSize": 2, "done": true, "records": [
        {"attributes": attributes("OpportunityContactRole"), "Role": "Decision Maker", "Contact":
            {"attributes": attributes("Contact"), "Name": "Ottoline Quarrywell", "Birthdate": DROPPED[4]}},
        {"attributes": attributes("OpportunityContactRole"), "Role": "Evaluator", "Contact":
            {"attributes": attributes("Contact"), "Name": "Benedek Farrowgate"}},
    ]});
    record["Assets"] = json!({"totalSize": 1, "done": true, "records": [
        {"attributes": attributes("Asset"), "Name": DROPPED[6]},
    ]});
    let far = format!(
        "{} far.box@mail.example",
        "The crane was late again. ".repeat(1_200)
    );
    json!({
        "record": record,
        "related": {
            "comments": [
                {"attributes": attributes("CaseComment"), "CommentBody": rest.join("\n"), "SSN__c": DROPPED[7]},
                {"attributes": attributes("CaseComment"), "CommentBody": far},
            ],
        },
        "text": "Ottoline quarrywell rang; answer note.box@mail.example",
        "instructions": "stress what wish.box@mail.example asked",
    })
}

/// Everything that the policy covers, and what it is hidden in.
fn covered() -> Vec<String> {
    let encoded = base64::engine::general_purpose::STANDARD.encode("encoded.box@mail");
    MASKED
        .iter()
        .map(|(value, _)| *value)
        .chain(DROPPED)
        .chain([ENCODED, "quarrywell"])
        .map(str::to_owned)
        .chain([encoded])
        .collect()
}

fn assert_none_in(text: &str, of_what: &str) {
    let told = text.to_lowercase();
    let spaceless = told.replace(char::is_whitespace, "");
    for value in covered() {
        let value = value.to_lowercase();
        assert!(!told.contains(&value), "{value} stands in {of_what}");
        let tight = value.replace(char::is_whitespace, "");
        assert!(
            tight.len() < 10 || !spaceless.contains(&tight),
            "{value} stands in {of_what}, without its spaces"
        );
    }
}

#[test]
fn there_are_sixty_planted_values_and_more() {
    assert!(MASKED.len() + DROPPED.len() + 1 >= 60);
}

#[tokio::test]
async fn the_provider_sees_none_of_them_and_the_answer_holds_all_that_were_masked() {
    let upstream = Upstream::doing(Play::Answer(Reply::echoing())).await;
    let app = TestApp::new(&Config::to(&upstream).privacy(POLICY)).await;
    let answer = app.post("/briefing", &request()).send().await;
    let body = answer.expect_ok();

    let sent = upstream.seen().remove(0);
    assert_none_in(&sent.body, "what the provider received");
    for (name, value) in &sent.headers {
        assert_none_in(value, name);
    }
    let told = body.to_string();
    for (value, _) in MASKED {
        let written = json!(value).to_string();
        assert!(
            told.contains(written.trim_matches('"')),
            "{value} is not back"
        );
    }
    for value in DROPPED {
        assert!(!told.contains(value), "{value} is in the answer");
    }
    assert!(body["masked_fields"].as_u64().expect("a number") >= MASKED.len() as u64);
}

#[tokio::test]
async fn a_preview_shows_what_the_provider_would_see_and_nothing_reaches_it() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream).privacy(POLICY)).await;
    let mut asked = request();
    asked["preview"] = json!(true);
    let shown = app.post("/briefing", &asked).send().await.expect_ok();
    assert_none_in(&shown.to_string(), "the preview");
    assert_eq!(upstream.count(), 0);

    app.post("/briefing", &request()).send().await.expect_ok();
    assert_eq!(upstream.seen()[0].json(), shown["body"]);
}

#[tokio::test]
async fn another_org_has_a_policy_of_its_own() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream).privacy(POLICY)).await;
    let call = app
        .anonymous(Method::POST, "/briefing")
        .bearer(crate::helpers::org::OTHER_KEY);
    call.json(&request()).send().await.expect_ok();
    assert!(upstream.seen()[0].body.contains("plain.box@mail.example"));
}

#[tokio::test]
async fn no_log_line_metric_or_audit_line_holds_one_at_any_level_on_success_and_on_error() {
    let upstream = Upstream::doing(Play::Answer(Reply::echoing())).await;
    for level in ["trace", "debug", "info", "warn", "error"] {
        let config = Config::to(&upstream)
            .privacy(POLICY)
            .server("drain_delay_s", 0);
        let mut belay = Belay::serve_at(&config, level).await;
        upstream.next([
            Play::Answer(Reply::echoing()),
            Play::Status(400, &[], "no"),
            Play::Status(500, &[], "no"),
            Play::Cut,
            Play::Answer(Reply::schema_breaking()),
            Play::Answer(Reply::echoing().stopped_by("refusal")),
        ]);
        for nth in 0..6 {
            let mut asked = request();
            asked["record"]["Name"] = json!(format!("call {nth}"));
            let call = belay.call(Method::POST, "/briefing").json(&asked);
            call.send().await;
        }
        let mut wrong = request();
        wrong["record"]["Id"] = json!("plain.box@mail.example");
        let call = belay.call(Method::POST, "/briefing").json(&wrong);
        call.send().await.expect_problem(400, "invalid-request");
        let metrics = belay.admin("/metrics").await.text();
        assert_none_in(&metrics, "the metrics");

        belay.signal("TERM").await;
        assert!(belay.ended().await.success());
        until("the audit lines", async || {
            belay.printed().lines().count() >= 6
        })
        .await;
        assert_none_in(&belay.printed(), "the audit");
        for line in belay.log() {
            assert_none_in(&line, "the log");
        }
    }
}

/// Randomness that ends in a defect, whose message quotes a value.
struct Defect;

impl Entropy for Defect {
    fn unit(&self) -> f64 {
        0.0
    }

    fn bits(&self) -> u128 {
        panic!("on purpose, about {}", MASKED[0].0)
    }
}

/// Takes every line of a log.
#[derive(Clone, Default)]
struct Taken(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Taken {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Taken {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_panic_amid_a_call_tells_none_of_them_either() {
    let folder = tempfile::tempdir().expect("a folder");
    let audit = folder.path().join("audit.jsonl");
    let upstream = Upstream::doing(Play::Answer(Reply::echoing())).await;
    let mut settings = Config::to(&upstream).privacy(POLICY).settings();
    settings.audit = Target::File(audit.clone());
    let world = World {
        clock: Arc::new(SystemClock) as Arc<dyn Clock>,
        entropy: Arc::new(Defect),
    };
    let taken = Taken::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(taken.clone())
        .finish();
    // The test's runtime has one thread, so all that the app says is said here.
    let guard = tracing::subscriber::set_default(subscriber);
    let app = TestApp::in_world(settings, world).await;
    let usual = panic::take_hook();
    logs::tell_panics_by_their_place();
    let call = app
        .post("/briefing", &request())
        .header("x-request-id", "the-unlucky-one");
    let answer = call.send().await;
    panic::set_hook(usual);
    answer.expect_problem(500, "internal");
    assert_none_in(&answer.text(), "the answer");
    app.stop();
    app.ended().await;
    drop(guard);

    let log = String::from_utf8(taken.0.lock().expect("no panic").clone()).expect("UTF-8");
    assert!(log.contains("a defect: the code panicked"), "{log}");
    assert_none_in(&log, "the log");
    let lines = std::fs::read_to_string(audit).expect("it was written");
    assert_none_in(&lines, "the audit");
    let entry: Value = serde_json::from_str(lines.trim()).expect("one line");
    assert_eq!(entry["outcome"], "internal");
    assert_eq!(entry["request_id"], "the-unlucky-one");
}
