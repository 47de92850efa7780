//! Makes an answer fit into what the caller can take.
//!
//! # Why
//! An Apex heap holds six megabytes, a Continuation one. An answer that is cut and says so is worth more than a
//! `CalloutException`. The longest texts give way first, all down to one length, so that no item of a bulk is emptied
//! for another's sake.

use serde_json::Value;

/// The members that say where an answer came from; they are never cut.
const KEPT: [&str; 9] = [
    "id",
    "task",
    "record_id",
    "model",
    "provider",
    "prompt_version",
    "request_id",
    "type",
    "code",
];

/// The JSON of `value` in at most `most` bytes, its longest texts cut where need be, and `truncated` set where that was done.
///
/// What remains when every text is gone is given whole, however long it is.
pub fn within(mut value: Value, most: usize) -> String {
    let mut json = to_json(&value);
    // A cut text ends in an ellipsis, and its answer says so; both take a little room.
    let mut goal = most;
    for _ in 0..4 {
        let now = json.len();
        if now <= most {
            break;
        }
        let mut lengths = Vec::new();
        texts(&mut value, &mut |text, _| lengths.push(written(text)));
        let limit = common_length(lengths, now.saturating_sub(goal));
        cut_all(&mut value, limit);
        json = to_json(&value);
        goal = goal.saturating_sub(now.saturating_sub(goal).min(goal) / 50 + 16);
    }
    json
}

fn to_json(value: &Value) -> String {
    serde_json::to_string(value).expect("a value is always JSON")
}

/// The length that texts of these lengths must be cut to, so that `excess` bytes go.
fn common_length(mut lengths: Vec<usize>, excess: usize) -> usize {
    lengths.sort_unstable_by(|a, b| b.cmp(a));
    let mut gone = 0;
    for (nth, pair) in lengths.windows(2).enumerate() {
        let drop = (pair[0] - pair[1]) * (nth + 1);
        if gone + drop >= excess {
            return pair[0] - (excess - gone).div_ceil(nth + 1);
        }
        gone += drop;
    }
    match lengths.as_slice() {
        [] => 0,
        all => all[all.len() - 1].saturating_sub((excess - gone).div_ceil(all.len())),
    }
}

/// Cuts every text of more than `limit` bytes, and marks the answers they stand in.
fn cut_all(value: &mut Value, limit: usize) {
    if let Some(results) = value.get_mut("results").and_then(Value::as_array_mut) {
        for result in results {
            if let Some(answer) = result.get_mut("answer") {
                cut_answer(answer, limit);
            }
        }
    } else {
        cut_answer(value, limit);
    }
}

fn cut_answer(answer: &mut Value, limit: usize) {
    let mut any = false;
    texts(answer, &mut |text, name| {
        if written(text) > limit {
            let limit = limit.saturating_sub('…'.len_utf8());
            if name.ends_with("_html") {
                cut_html(text, limit);
            } else {
                cut(text, limit);
            }
            any = true;
        }
    });
    if any {
        answer["truncated"] = Value::Bool(true);
    }
}

/// Visits every text that may be cut.
fn texts(value: &mut Value, visit: &mut dyn FnMut(&mut String, &str)) {
    fn walk(value: &mut Value, name: &str, visit: &mut dyn FnMut(&mut String, &str)) {
        match value {
            Value::String(text) if !KEPT.contains(&name) => visit(text, name),
            Value::Array(entries) => entries.iter_mut().for_each(|one| walk(one, name, visit)),
            Value::Object(members) => members
                .iter_mut()
                .filter(|(name, _)| *name != "error")
                .for_each(|(name, one)| walk(one, name, visit)),
            _ => {}
        }
    }
    walk(value, "", visit);
}

/// Bytes that `text` takes between its quotes.
fn written(text: &str) -> usize {
    text.bytes()
        .map(|byte| match byte {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
            0..0x20 => 6,
            _ => 1,
        })
        .sum()
}

/// Keeps the head of `text` that is written in at most `limit` bytes.
fn cut(text: &mut String, limit: usize) {
    text.truncate(head(text, limit));
    text.push('…');
}

/// The same for HTML: as many whole paragraphs as fit, so that no tag is cut or left open.
fn cut_html(text: &mut String, limit: usize) {
    const CLOSE: &str = "</p>";
    let end = text[..head(text, limit)].rfind(CLOSE);
    text.truncate(end.map_or(0, |at| at + CLOSE.len()));
    text.push('…');
}

/// Where the head of `text` ends that is written in at most `limit` bytes.
fn head(text: &str, limit: usize) -> usize {
    let mut used = 0;
    text.char_indices()
        .find(|(at, char)| {
            used += written(&text[*at..*at + char.len_utf8()]);
            used > limit
        })
        .map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn fitted(value: Value, most: usize) -> Value {
        serde_json::from_str(&within(value, most)).expect("JSON")
    }

    fn bulk(lengths: &[usize]) -> Value {
        let results: Vec<Value> = lengths
            .iter()
            .map(|length| {
                json!({"status": 200, "answer": {
                    "id": "brf_1", "text": "ü\n".repeat(*length), "truncated": false,
                }})
            })
            .collect();
        json!({ "results": results })
    }

    #[test]
    fn the_longest_texts_give_way_and_the_short_stay_whole() {
        let cut = fitted(bulk(&[10, 4_000, 9_000]), 12_000);
        assert!(cut.to_string().len() <= 12_000);
        assert_eq!(cut["results"][0]["answer"]["truncated"], false);
        assert_eq!(cut["results"][1]["answer"]["truncated"], true);
        assert_eq!(cut["results"][2]["answer"]["truncated"], true);
        assert_eq!(cut["results"][2]["answer"]["id"], "brf_1");
    }

    #[test]
    fn what_fits_is_left_alone() {
        let whole = bulk(&[10, 20]);
        assert_eq!(within(whole.clone(), 10_000), whole.to_string());
    }

    #[test]
    fn html_is_cut_behind_a_paragraph() {
        let link = "<p><a href=\"https://acme.example/\">https://acme.example/</a></p>";
        for most in (200..900).step_by(7) {
            let answer = json!({ "body_html": link.repeat(20), "truncated": false });
            let cut = fitted(answer, most);
            let html = cut["body_html"].as_str().unwrap();
            let whole = html.strip_suffix('…').unwrap();
            assert_eq!(whole, link.repeat(whole.len() / link.len()), "{most}");
            assert_eq!(cut["truncated"], true);
        }
    }

    proptest! {
        #[test]
        fn a_cut_answer_is_never_larger_than_asked(
            lengths in prop::collection::vec(0_usize..3_000, 1..20),
            most in 3_000_usize..60_000,
        ) {
            let cut = within(bulk(&lengths), most);
            let bones = 100 * lengths.len();
            prop_assert!(cut.len() <= most.max(bones));
        }
    }
}
