//! What was used: counted call by call, told by day, and not forgotten.

mod files;
mod kills;
mod reports;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::helpers::{Config, Play, Reply, Upstream};

/// What a call costs in millionths of a dollar: 1,500 tokens at two dollars and 200 at ten per million.
const EACH: u64 = 5_000;

/// An upstream whose every answer costs [`EACH`].
async fn upstream() -> Upstream {
    Upstream::doing(Play::Answer(Reply::good().using(1_500, 200))).await
}

/// `config` with what was used in the file at `path`, where it is noon, so that no day ends amid a test.
fn kept_at(config: Config, path: &std::path::Path) -> Config {
    config
        .both_orgs(&format!("timezone = \"{}\"", zone_of_noon()))
        .more(&format!("[usage]\nfile = \"{}\"\n", path.display()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the processes of these tests go by the machine's time"
)]
fn now() -> Timestamp {
    Timestamp::now()
}

/// A zone where it is about noon now.
fn zone_of_noon() -> String {
    let hour = now().to_zoned(TimeZone::UTC).hour();
    // In these names what lies east of Greenwich has a minus.
    match hour - 12 {
        0 => "Etc/GMT".to_owned(),
        west @ 1.. => format!("Etc/GMT+{west}"),
        east => format!("Etc/GMT{east}"),
    }
}

/// Today, there.
fn today() -> Date {
    now()
        .in_tz(&zone_of_noon())
        .expect("a zone that there is")
        .date()
}

/// Dollars of so many calls.
#[expect(clippy::cast_precision_loss, reason = "a few dollars in millionths")]
fn cost(calls: u64) -> f64 {
    (calls * EACH) as f64 / 1e6
}

/// A Messages request.
fn message() -> Value {
    json!({
        "model": "default", "max_tokens": 16,
        "messages": [{"role": "user", "content": "hello"}]
    })
}
