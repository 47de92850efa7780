//! Requests and answers for the document, one a task and a way of asking. Everything in them is invented.

use serde_json::{Value, json};

use crate::domain::TaskName;

/// Two requests to `task`: with a record as Apex writes it, and with facts as a Flow can say them.
pub fn of(task: TaskName) -> (Value, Value) {
    let (mut record, mut facts) = match task {
        TaskName::CaseSummary => case(),
        TaskName::AccountResearch => account(),
        TaskName::DealHealth => opportunity_with_history(),
        TaskName::Briefing | TaskName::EmailDraft | TaskName::CallNotes => opportunity(),
    };
    for request in [&mut record, &mut facts] {
        match task {
            TaskName::EmailDraft => {
                request["purpose"] = json!("renewal");
                request["voice"] = json!(
                    "Hi Ada, quick one: the numbers are in. Shall we talk Thursday? Best, Sam"
                );
            }
            TaskName::CallNotes => {
                request["text"] = json!(
                    "Budget is approved, board signs 15 Dec.\nAda wants the DPA reviewed before that.\nMe: send the revised offer by 2026-11-17"
                );
                request["call_date"] = json!("2026-11-12");
            }
            TaskName::AccountResearch => {
                request["fields"] = json!([
                    {"field": "Industry", "kind": "picklist", "picklist_values": ["Logistics", "Shipping"]},
                    {"field": "NumberOfEmployees", "kind": "number"}
                ]);
            }
            TaskName::Briefing | TaskName::CaseSummary | TaskName::DealHealth => {}
        }
    }
    (record, facts)
}

/// What `task` answers to the first of them.
///
/// # Panics
/// Never: the answers are written in the file beside this one.
pub fn answer(task: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("answers.json")).expect("JSON");
    all[task].clone()
}

/// How a call is refused for now.
pub fn refusal() -> Value {
    json!({
        "type": "/problems/rate-limited",
        "title": "Rate limited",
        "status": 429,
        "detail": "requests_per_minute is used up",
        "code": "rate-limited",
        "retryable": true,
        "retry_after_ms": 1_200,
        "request_id": "01KBF6Q3N8T2V5W7X9Y1Z3A5C7",
        "errors": []
    })
}

/// An Account as Apex writes it, and as a Flow can say it.
fn account() -> (Value, Value) {
    let record = json!({
        "record": {
            "attributes": {"type": "Account", "url": "/services/data/v66.0/sobjects/Account/0015f00000AsDfGAAV"},
            "Id": "0015f00000AsDfGAAV",
            "Name": "Acme Freight",
            "Website": "https://acme.example",
            "Description": "Regional carrier with 240 trucks."
        },
        "language": "en"
    });
    let facts = json!({
        "facts": [
            {"label": "Account", "value": "Acme Freight"},
            {"label": "About", "value": "Regional carrier with 240 trucks."}
        ],
        "language": "en"
    });
    (record, facts)
}

/// An Opportunity as Apex writes it, and as a Flow can say it.
fn opportunity() -> (Value, Value) {
    let record = json!({
        "record": {
            "attributes": {"type": "Opportunity", "url": "/services/data/v66.0/sobjects/Opportunity/0065f00000QwErTAAV"},
            "Id": "0065f00000QwErTAAV",
            "Name": "Acme renewal",
            "Amount": 120_000,
            "StageName": "Negotiation/Review",
            "CloseDate": "2026-12-18"
        },
        "instructions": "focus on renewal risk",
        "language": "en"
    });
    let facts = json!({
        "facts": [
            {"label": "Opportunity", "value": "Acme renewal"},
            {"label": "Amount", "value": "120,000 USD"},
            {"label": "Stage", "value": "Negotiation/Review"},
            {"label": "Close Date", "value": "2026-12-18"}
        ],
        "instructions": "focus on renewal risk",
        "language": "en"
    });
    (record, facts)
}

/// An Opportunity with how it moved, as Apex writes it, and as a Flow can say it.
fn opportunity_with_history() -> (Value, Value) {
    let (mut record, mut facts) = opportunity();
    record["instructions"] = json!("say whether this quarter can count on it");
    record["record"]["LastStageChangeDate"] = json!("2026-10-02T09:14:51.000+0000");
    record["record"]["OpportunityHistories"] = json!({"totalSize": 2, "done": true, "records": [
        {
            "attributes": {"type": "OpportunityHistory", "url": "/services/data/v66.0/sobjects/OpportunityHistory/0085f00000AcMeAAAV"},
            "StageName": "Negotiation/Review", "Amount": 120_000, "CloseDate": "2026-12-18",
            "CreatedDate": "2026-10-02T09:14:51.000+0000"
        },
        {
            "attributes": {"type": "OpportunityHistory", "url": "/services/data/v66.0/sobjects/OpportunityHistory/0085f00000AcMeBAAV"},
            "StageName": "Proposal/Price Quote", "Amount": 135_000, "CloseDate": "2026-10-30",
            "CreatedDate": "2026-07-21T14:02:10.000+0000"
        }
    ]});
    facts["instructions"] = json!("say whether this quarter can count on it");
    if let Some(facts) = facts["facts"].as_array_mut() {
        facts.push(json!({"label": "Last Stage Change Date", "value": "2026-10-02"}));
        facts.push(json!({"label": "Close Date Slips", "value": "1"}));
    }
    (record, facts)
}

/// A Case with a comment as Apex writes it, and as a Flow can say it.
fn case() -> (Value, Value) {
    let record = json!({
        "record": {
            "attributes": {"type": "Case", "url": "/services/data/v66.0/sobjects/Case/5005f00000LmNoPAAV"},
            "Id": "5005f00000LmNoPAAV",
            "CaseNumber": "00001026",
            "Subject": "Invoice shows the wrong address",
            "Status": "Working",
            "Priority": "Medium",
            "CaseComments": {"totalSize": 1, "done": true, "records": [{
                "attributes": {"type": "CaseComment", "url": "/services/data/v66.0/sobjects/CaseComment/00a5f00000TgBnHAAV"},
                "CommentBody": "Customer asks for a corrected invoice.",
                "CreatedDate": "2026-11-18T08:31:55.000+0000"
            }]}
        }
    });
    let facts = json!({
        "facts": [
            {"label": "Case Number", "value": "00001026"},
            {"label": "Subject", "value": "Invoice shows the wrong address"},
            {"label": "Status", "value": "Working"},
            {"label": "Comment of 18 November 2026", "value": "Customer asks for a corrected invoice."}
        ]
    });
    (record, facts)
}
