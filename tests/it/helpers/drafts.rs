//! What a scripted model drafts: one good answer a task.

use serde_json::{Value, json};

/// A briefing of the fixture that says nothing which is not in it.
pub fn briefing() -> Value {
    json!({
        "headline": "The crane lease waits for the insurer",
        "deal_context": "The port authority wants to renew and asks for a longer notice period.",
        "risk_factors": [
            {"risk": "The insurer may decline", "severity": "high", "evidence": "NextStep: insurer to confirm cover"},
        ],
        "talking_points": ["Ask what the insurer needs"],
        "next_steps": ["Send the load certificates"],
    })
}

/// A briefing whose texts are as long as they may be.
pub fn long_briefing() -> Value {
    let mut draft = briefing();
    draft["deal_context"] = json!("cargo ".repeat(650));
    draft["talking_points"] = json!(vec!["crane ".repeat(160); 10]);
    draft["next_steps"] = json!(vec!["berth ".repeat(160); 10]);
    draft
}

/// A summary of the fixture that says nothing which is not in it.
pub fn case_summary() -> Value {
    json!({
        "situation": "Readings stop at midnight, and the harbour master waits.",
        "history": "The gateway was restarted, which helped for a day.",
        "next_step": "Replace the modem and tell the customer when.",
        "sentiment": "concerned",
        "open_questions": ["When will the technician come?"],
    })
}

/// An e-mail that says nothing of its own.
pub fn email_draft() -> Value {
    json!({
        "subject": "The lease",
        "body_text": "Good day,\n\nwhat is still open?\n\nKind regards",
        "tone": "friendly",
        "facts_used": [{"fact": "the stage", "origin": "StageName"}],
    })
}

/// Call notes of a call in which nothing was said.
pub fn call_notes() -> Value {
    json!({
        "meddic": {
            "metrics": null, "economic_buyer": null, "decision_criteria": null,
            "decision_process": null, "identified_pain": null, "champion": null,
        },
        "next_steps": [],
        "follow_up_task": {
            "subject": "Call back", "due_date": null, "priority": "Normal", "description": "Nothing was settled.",
        },
    })
}

/// What is known of an account of which nothing is known.
pub fn account_research() -> Value {
    json!({"overview": "The data says little.", "decision_makers": [], "org_chart": [], "field_values": []})
}

/// A deal in the middle.
pub fn deal_health() -> Value {
    json!({
        "drivers": [{"factor": "The stage", "effect": "positive", "evidence": "Stage and days_to_close"}],
        "narrative": "It stands in the middle.",
        "score": 55,
    })
}

/// A draft that fits the schema in `asked`.
pub fn fitting(asked: &Value) -> Value {
    let members = &asked["output_config"]["format"]["schema"]["properties"];
    let has = |name: &str| members.get(name).is_some();
    match () {
        () if has("situation") => case_summary(),
        () if has("body_text") => email_draft(),
        () if has("meddic") => call_notes(),
        () if has("org_chart") => account_research(),
        () if has("score") => deal_health(),
        () => briefing(),
    }
}
