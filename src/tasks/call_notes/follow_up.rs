//! The follow-up Task, as Apex deserializes and inserts it.
//!
//! # Why
//! Its members bear the names of the sObject's fields, so that `JSON.deserialize(…, Task.class)` takes it as it stands.
//! What may be empty is left out and not null: a field that was never set is what an insert by hand would have, and no
//! trigger takes it for cleared on purpose. The ids come from the record and never from the model, which could
//! mistype one or be talked into another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::SalesforceId;
use crate::salesforce::{Record, Value};

/// A Task sObject that Apex can deserialize and insert.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FollowUpTask {
    /// What `JSON.deserialize` knows the sObject by.
    pub attributes: TaskAttributes,
    /// What is to be done, in one line.
    #[serde(rename = "Subject")]
    #[schema(min_length = 1, max_length = 255)]
    pub subject: String,
    /// The day it is due; left out where the notes name none.
    #[serde(rename = "ActivityDate", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, format = Date)]
    pub activity_date: Option<String>,
    /// How urgent it is.
    #[serde(rename = "Priority")]
    pub priority: TaskPriority,
    /// Where it stands: not begun.
    #[serde(rename = "Status")]
    pub status: TaskStatus,
    /// What whoever does it should know.
    #[serde(rename = "Description")]
    #[schema(max_length = 32000)]
    pub description: String,
    /// The Opportunity, Account or Case that the record is; left out for every other.
    #[serde(rename = "WhatId", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, min_length = 18, max_length = 18)]
    pub what_id: Option<SalesforceId>,
    /// The Contact or Lead that the record is, or the Contact that an Opportunity or a Case names; else left out.
    #[serde(rename = "WhoId", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, min_length = 18, max_length = 18)]
    pub who_id: Option<SalesforceId>,
}

/// What an sObject in JSON opens with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct TaskAttributes {
    /// The name of the sObject.
    #[serde(rename = "type")]
    pub kind: TaskKind,
}

/// The one sObject that a follow-up is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
pub enum TaskKind {
    /// A Task.
    #[default]
    Task,
}

/// How urgent a follow-up is, in Salesforce's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
pub enum TaskPriority {
    /// The notes say that it is urgent, or that the deal waits for it.
    High,
    /// Everything else.
    Normal,
    /// The notes say that it can wait.
    Low,
}

/// Where a follow-up stands, in Salesforce's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
pub enum TaskStatus {
    /// Not begun.
    #[default]
    #[serde(rename = "Not Started")]
    NotStarted,
}

/// What a Task is about, as far as the record proves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Relations {
    pub(super) what: Option<SalesforceId>,
    pub(super) who: Option<SalesforceId>,
}

const ACCOUNT: &str = "001";
const CONTACT: &str = "003";
const LEAD: &str = "00Q";
const OPPORTUNITY: &str = "006";
const CASE: &str = "500";

impl Relations {
    /// The ids that an insert accepts, by the kind of record that the key prefix tells.
    ///
    /// A Task of a Lead may have no `WhatId`, and none can be related to a Lead that was converted: what it was
    /// converted to takes its place.
    pub(super) fn of(record: &Record) -> Self {
        let Some(id) = record.id() else {
            return Self::default();
        };
        match id.key_prefix() {
            OPPORTUNITY | CASE => Self {
                what: Some(id),
                who: parent(record, "Contact", CONTACT),
            },
            ACCOUNT => Self {
                what: Some(id),
                who: None,
            },
            LEAD if matches!(record.get("IsConverted"), Some(Value::Flag(true))) => Self {
                what: parent(record, "ConvertedOpportunity", OPPORTUNITY)
                    .or_else(|| parent(record, "ConvertedAccount", ACCOUNT)),
                who: parent(record, "ConvertedContact", CONTACT),
            },
            CONTACT | LEAD => Self {
                what: None,
                who: Some(id),
            },
            _ => Self::default(),
        }
    }
}

/// The id behind the lookup `name`, from `ContactId` or from the `Contact` beside it, where it is of the kind.
fn parent(record: &Record, name: &str, key_prefix: &str) -> Option<SalesforceId> {
    let named = record.text(&format!("{name}Id")).map(str::parse);
    let named = named.and_then(Result::ok);
    let id = named.or_else(|| match record.get(name)? {
        Value::Parent(parent) => parent.id(),
        _ => None,
    });
    id.filter(|id: &SalesforceId| id.key_prefix() == key_prefix)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn relations(record: Json) -> [Option<String>; 2] {
        let relations = Relations::of(&Record::parse(record, "/record").unwrap());
        [relations.what, relations.who].map(|id| id.map(|id| id.to_string()))
    }

    #[test]
    fn the_kind_of_record_decides_which_id_an_insert_accepts() {
        const OPPORTUNITY: &str = "0065f00000QwErTAAV";
        const ACCOUNT: &str = "0015f00000NnMmLAAV";
        const CONTACT: &str = "0035f00000OoPpQAAV";
        const CASE: &str = "5005f00000VvBbNAAV";
        const LEAD: &str = "00Q5f00000LlEeDEAV";
        for (record, what, who) in [
            (json!({ "Id": OPPORTUNITY }), Some(OPPORTUNITY), None),
            (
                json!({ "Id": OPPORTUNITY, "ContactId": CONTACT, "AccountId": ACCOUNT }),
                Some(OPPORTUNITY),
                Some(CONTACT),
            ),
            (
                json!({ "Id": &CASE[..15], "ContactId": &CONTACT[..15] }),
                Some(CASE),
                Some(CONTACT),
            ),
            (
                json!({ "Id": CASE, "Contact": {
                    "attributes": { "type": "Contact", "url": format!("/services/data/v66.0/sobjects/Contact/{CONTACT}") },
                    "Name": "Odile Fournier",
                }}),
                Some(CASE),
                Some(CONTACT),
            ),
            // A lookup that holds something else is no contact.
            (
                json!({ "Id": CASE, "ContactId": ACCOUNT }),
                Some(CASE),
                None,
            ),
            (
                json!({ "Id": CASE, "ContactId": "[ID_1]" }),
                Some(CASE),
                None,
            ),
            (
                json!({ "Id": ACCOUNT, "ContactId": CONTACT }),
                Some(ACCOUNT),
                None,
            ),
            (
                json!({ "Id": CONTACT, "AccountId": ACCOUNT }),
                None,
                Some(CONTACT),
            ),
            (
                json!({ "Id": LEAD, "IsConverted": false, "OpportunityId": OPPORTUNITY }),
                None,
                Some(LEAD),
            ),
            (
                json!({ "Id": LEAD, "IsConverted": true, "ConvertedContactId": CONTACT,
                    "ConvertedAccountId": ACCOUNT, "ConvertedOpportunityId": null }),
                Some(ACCOUNT),
                Some(CONTACT),
            ),
            (json!({ "Id": LEAD, "IsConverted": true }), None, None),
            // A Contract, and a custom object.
            (
                json!({ "Id": "8005f00000VvBbN", "ContactId": CONTACT }),
                None,
                None,
            ),
            (json!({ "Id": "a015f00000VvBbN" }), None, None),
            (json!({ "Name": "no id", "ContactId": CONTACT }), None, None),
        ] {
            let told = format!("{record}");
            assert_eq!(
                relations(record),
                [what, who].map(|id| id.map(str::to_owned)),
                "{told}"
            );
        }
    }

    #[test]
    fn a_task_bears_the_names_of_its_fields_and_leaves_out_what_is_empty() {
        let mut task = FollowUpTask {
            attributes: TaskAttributes::default(),
            subject: "Send the offer".to_owned(),
            activity_date: None,
            priority: TaskPriority::Normal,
            status: TaskStatus::default(),
            description: "With the reference.".to_owned(),
            what_id: None,
            who_id: None,
        };
        let bare = json!({
            "attributes": { "type": "Task" }, "Subject": "Send the offer", "Priority": "Normal",
            "Status": "Not Started", "Description": "With the reference.",
        });
        assert_eq!(serde_json::to_value(&task).unwrap(), bare);

        task.activity_date = Some("2026-11-17".to_owned());
        task.what_id = "0065f00000QwErT".parse().ok();
        let whole = serde_json::to_value(&task).unwrap();
        assert_eq!(whole["ActivityDate"], "2026-11-17");
        assert_eq!(whole["WhatId"], "0065f00000QwErTAAV");
    }
}
