//! Requests for the document, one a task and a way of asking. Everything in them is invented.

use serde_json::{Value, json};

/// An Opportunity as Apex writes it, and as a Flow can say it.
pub fn opportunity() -> (Value, Value) {
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

/// A Case with a comment as Apex writes it, and as a Flow can say it.
pub fn case() -> (Value, Value) {
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
