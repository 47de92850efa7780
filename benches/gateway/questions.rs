//! What is asked: bytes that differ in one number from call to call, so that nothing is known already unless it should be.

use serde_json::json;

/// A request, ready to be sent but for its number.
#[derive(Clone)]
pub struct Question {
    bytes: Vec<u8>,
    /// Where the number stands.
    number_at: Option<usize>,
    /// How its scene is called.
    pub name: String,
    /// How many records it asks about.
    pub records: u64,
}

/// What stands where the number goes.
const NUMBER: &str = "000000000000";
/// The key that the config knows.
pub const KEY: &str = "belay_bench";

/// A text of about this many bytes, as a case has it: with an address to mask now and then.
fn text(bytes: usize) -> String {
    const WORDS: &str =
        "The crane at the east pier stops at noon and the harbour master waits for the report. ";
    let mut text = String::from("Reach greta.lund@tidalreach.example about this. ");
    while text.len() < bytes {
        text.push_str(WORDS);
    }
    text.truncate(bytes);
    text
}

impl Question {
    fn post(name: &str, path: &str, body: &str, differs: bool) -> Self {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: gateway.example\r\nx-api-key: {KEY}\r\nanthropic-version: 2023-06-01\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let bytes = [head.as_bytes(), body.as_bytes()].concat();
        let found = bytes
            .windows(NUMBER.len())
            .position(|part| part == NUMBER.as_bytes());
        Self {
            bytes,
            number_at: found.filter(|_| differs),
            name: name.to_owned(),
            records: 1,
        }
    }

    /// A Messages request of about `bytes`.
    pub fn message(bytes: usize, stream: bool) -> Self {
        let rest = text(bytes.saturating_sub(200));
        let mut body = json!({
            "model": "default", "max_tokens": 256,
            "messages": [{"role": "user", "content": format!("Case {NUMBER}. {rest}")}],
        });
        if stream {
            body["stream"] = json!(true);
        }
        let kind = if stream { "in events" } else { "whole" };
        let name = format!("/v1/messages, {} KiB, {kind}", bytes / 1024);
        Self::post(&name, "/v1/messages", &body.to_string(), true)
    }

    fn record(number: &str) -> serde_json::Value {
        json!({
            "attributes": {"type": "Opportunity"}, "Id": "0065f00000QwErTAAV",
            "Name": format!("Crane lease {number}"), "StageName": "Negotiation/Review", "Amount": 120_000,
            "CloseDate": "2026-12-18", "NextStep": "Insurer to confirm cover", "Description": text(2_000),
            "Account": {"attributes": {"type": "Account"}, "Name": "Tidal Reach Services"},
        })
    }

    /// A briefing on a record of about three kilobytes: always the same, or another each time.
    pub fn briefing(differs: bool) -> Self {
        let body = json!({"record": Self::record(NUMBER)}).to_string();
        let name = if differs {
            "/briefing"
        } else {
            "/briefing, from the cache"
        };
        Self::post(name, "/briefing", &body, differs)
    }

    /// Two hundred briefings in one call.
    pub fn bulk() -> Self {
        let items: Vec<_> = (0..200)
            .map(|nth| json!({"record": Self::record(&format!("{nth} of {NUMBER}"))}))
            .collect();
        let body = json!({"items": items}).to_string();
        let mut bulk = Self::post("/briefing/bulk of 200", "/briefing/bulk", &body, true);
        bulk.records = 200;
        bulk
    }

    /// Writes the request of this number over `into`.
    pub fn write(&self, nth: u64, into: &mut Vec<u8>) {
        into.clear();
        into.extend_from_slice(&self.bytes);
        let mut places: Vec<usize> = self.number_at.into_iter().collect();
        if self.records > 1 {
            places = self.every_number();
        }
        for at in places {
            let text = format!("{nth:012}");
            into[at..at + NUMBER.len()].copy_from_slice(text.as_bytes());
        }
    }

    fn every_number(&self) -> Vec<usize> {
        let mut places = Vec::new();
        let mut from = 0;
        while let Some(at) = self.bytes[from..]
            .windows(NUMBER.len())
            .position(|part| part == NUMBER.as_bytes())
        {
            places.push(from + at);
            from += at + NUMBER.len();
        }
        places
    }
}
