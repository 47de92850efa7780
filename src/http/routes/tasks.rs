//! `POST /{task}` and `POST /{task}/bulk`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::preview::{self, TaskPreview};
use super::wire::{self, TaskAnswer, TaskRequest};
use crate::domain::{Caller, TaskName};
use crate::engine::limits::Lane;
use crate::http::call::Call;
use crate::http::extract::{ForTasks, JsonBody, Patient, Wishes};
use crate::http::fit;
use crate::http::problem::{Problem, WireProblem};
use crate::http::validate::BodySchemas;
use crate::salesforce::Fault;
use crate::tasks::{
    self, AccountResearch, Briefing, CallNotes, CaseSummary, DealHealth, EmailDraft, Task,
};
use crate::usecases::answer::{Asked, Landed};
use crate::usecases::run_task::Counted;
use crate::usecases::{PreviewTask, RunBulk, RunTask, Told, Via};

/// Many requests to one task.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "shown in the document; read item by item, so that one bad item costs only itself"
)]
pub struct BulkRequest {
    /// The requests, at most 200.
    #[schema(max_items = 200)]
    items: Vec<TaskRequest>,
    /// Whether to leave `text` out of every answer, for a smaller body; false where nothing is said.
    omit_text: Option<bool>,
}

/// One outcome for each item, in their order.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkAnswer {
    /// As many as there were items, in their order.
    results: Vec<BulkResult>,
}

/// How one item of a bulk ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkResult {
    /// The item's place in the request, from 0.
    index: usize,
    /// What would be its HTTP status if it had come alone.
    status: u16,
    /// Its answer, where the status is 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    answer: Option<TaskAnswer<Map<String, Value>>>,
    /// What went wrong, where the status is not 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<WireProblem>,
}

/// How an item ended: refused by the door, or run.
type Outcome = Result<Landed, Vec<Fault>>;

/// What every task's handler is given.
pub type Given = (Call, ForTasks, Patient, Wishes);

/// The most items of a bulk: as many records as Salesforce gives a trigger at once.
const ITEMS: usize = 200;
/// The most bytes that a bulk's answer has where the caller names no other size.
const BULK_BYTES: usize = 1_500_000;

macro_rules! task {
    ($name:expr, $path:literal, $bulk_path:literal, $one:ident, $bulk:ident, $answer:ty,
     $(#[$one_doc:meta])* ; $(#[$bulk_doc:meta])*) => {
        $(#[$one_doc])*
        #[utoipa::path(
            post, path = $path, tag = "tasks",
            params(crate::http::extract::TaskHeaders),
            request_body = TaskRequest,
            responses((status = 200, description = "The answer", body = TaskAnswer<$answer>)),
        )]
        pub async fn $one(
            State(run): State<(RunTask, PreviewTask)>,
            State(schemas): State<Arc<BodySchemas>>,
            given: Given,
            body: JsonBody,
        ) -> Result<Response, Problem> {
            one(&run, &schemas, $name, $path, given, body).await
        }

        $(#[$bulk_doc])*
        #[utoipa::path(
            post, path = $bulk_path, tag = "tasks",
            params(crate::http::extract::TaskHeaders),
            request_body = BulkRequest,
            responses((status = 200, description = "One outcome for each item, in their order",
                       body = BulkAnswer)),
        )]
        pub async fn $bulk(
            State(run): State<RunBulk>,
            State(schemas): State<Arc<BodySchemas>>,
            given: Given,
            body: JsonBody,
        ) -> Result<Response, Problem> {
            many(&run, &schemas, $name, $bulk_path, given, body).await
        }
    };
}

task!(
    TaskName::Briefing, "/briefing", "/briefing/bulk", briefing, briefing_bulk, Briefing,
    /// Briefs a rep on an Opportunity, on one page.
    ///
    /// Headline, deal context, risk factors with their evidence, talking points and next steps, from an Opportunity with its
    /// account, contacts and activities.
    ;
    /// Briefs on up to 200 Opportunities in one call.
    ///
    /// Each item has an outcome of its own, in the order of the items; the call as a whole succeeds also where items fail.
);

task!(
    TaskName::CaseSummary, "/case-summary", "/case-summary/bulk", case_summary, case_summary_bulk, CaseSummary,
    /// Sums up a Case with its comment thread for the agent who picks it up.
    ///
    /// Three paragraphs (where it stands, what happened, what to do next), the customer's mood and the open questions.
    ;
    /// Sums up to 200 Cases in one call.
    ///
    /// Each item has an outcome of its own, in the order of the items; the call as a whole succeeds also where items fail.
);

task!(
    TaskName::EmailDraft, "/email-draft", "/email-draft/bulk", email_draft, email_draft_bulk, EmailDraft,
    /// Drafts an e-mail to a customer in the rep's own voice.
    ///
    /// A follow-up, a renewal, an introduction or a reply, from an Opportunity, Contact, Account, Lead or Case: subject, body as
    /// text and as HTML, and the facts it rests on. It sends nothing.
    ;
    /// Drafts up to 200 e-mails in one call.
    ///
    /// Each item has an outcome of its own, in the order of the items; the call as a whole succeeds also where items fail.
);

task!(
    TaskName::CallNotes, "/call-notes", "/call-notes/bulk", call_notes, call_notes_bulk, CallNotes,
    /// Makes MEDDIC, next steps and a follow-up Task of raw call notes.
    ///
    /// The notes come as `text`; every piece of evidence is a quote that stands in them, and what they do not say is null.
    /// `follow_up_task` is a Task that Apex can deserialize and insert.
    ;
    /// Reads up to 200 call notes in one call.
    ///
    /// Each item has an outcome of its own, in the order of the items; the call as a whole succeeds also where items fail.
);

task!(
    TaskName::AccountResearch, "/account-research", "/account-research/bulk", account_research, account_research_bulk,
    AccountResearch,
    /// Tells what is known of an Account: overview, decision makers, org chart, and values for the fields you name.
    ///
    /// From the data given, and from a web search where the org allows one and the model has it; each value names its source.
    ;
    /// Researches up to 200 Accounts in one call.
    ///
    /// Each item has an outcome of its own, in the order of the items; the call as a whole succeeds also where items fail.
);

task!(
    TaskName::DealHealth, "/deal-health", "/deal-health/bulk", deal_health, deal_health_bulk, DealHealth,
    /// Scores the health of an Opportunity from 0 to 100, with its drivers.
    ///
    /// The signals (days in stage, slipped close dates, silence, missing roles, changed amounts) are computed from the record and
    /// its history, shown to the model and returned.
    ;
    /// Scores up to 200 Opportunities in one call.
    ///
    /// Each item has an outcome of its own, in the order of the items; the call as a whole succeeds also where items fail.
);

async fn one(
    (run, preview): &(RunTask, PreviewTask),
    schemas: &BodySchemas,
    name: TaskName,
    path: &'static str,
    (call, ForTasks(caller), Patient(by), wishes): Given,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    call.is_for(name.as_str());
    let repeat = wire::repeat(&wishes, path, &body, 0);
    let read = parse(&body).and_then(|value| {
        let checked = schemas.task(name).check(&value, "");
        let wants_preview = preview::is_wanted(&value);
        checked
            .and_then(|()| asked(value, tasks::named(name), &call, &wishes, repeat, ""))
            .map(|asked| (asked, wants_preview))
            .map_err(Problem::invalid)
    });
    let (asked, wants_preview) = match read {
        Ok(read) => read,
        Err(problem) => {
            let code = problem.code.as_str();
            run.refused(&caller, (name, &call.id), code).await;
            return Err(problem);
        }
    };
    if wants_preview {
        let shown = preview
            .run(&caller, &asked)
            .await
            .map_err(|error| Problem::about(&caller, &error))?;
        let shown = TaskPreview::new(shown, &call.id);
        let text = serde_json::to_string(&shown).expect("plain data");
        return Ok(json_response(text));
    }
    let told = run
        .run(&caller, asked, by, (Lane::Single, Counted::ByItself))
        .await
        .map_err(|error| Problem::about(&caller, &error))?;
    call.waited_for_providers(told.upstream);
    let answer = serde_json::to_value(TaskAnswer::new(&told, false)).expect("plain data");
    let most = wishes.max_response_bytes.unwrap_or(usize::MAX);
    let mut response = json_response(fit::within(answer, most));
    let status = cache_status(&told);
    response.headers_mut().insert(
        HeaderName::from_static("cache-status"),
        HeaderValue::from_str(&status).expect("ASCII"),
    );
    Ok(response)
}

async fn many(
    run: &RunBulk,
    schemas: &BodySchemas,
    name: TaskName,
    path: &'static str,
    (call, ForTasks(caller), Patient(by), wishes): Given,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    call.is_for(name.as_str());
    let (values, omit_text) = bulk_of(parse(&body)?)?;
    let task = tasks::named(name);
    let items = values
        .into_iter()
        .zip(0_u32..)
        .map(|(value, nth)| {
            let at = format!("/items/{nth}");
            schemas.task(name).check(&value, &at)?;
            if preview::is_wanted(&value) {
                return Err(vec![Fault {
                    pointer: format!("{at}/preview"),
                    detail: format!("is for single calls; send this item alone to /{name}"),
                }]);
            }
            let repeat = wire::repeat(&wishes, path, &body, nth);
            asked(value, task, &call, &wishes, repeat, &at)
        })
        .collect();
    let outcomes = run
        .run(&caller, (name, &call.id), items, by)
        .await
        .map_err(|error| Problem::about(&caller, &error))?;
    let upstream = outcomes
        .iter()
        .filter_map(|outcome| outcome.as_ref().ok()?.as_ref().ok())
        .map(|told| told.upstream)
        .max();
    call.waited_for_providers(upstream.unwrap_or(Duration::ZERO));
    let results = outcomes
        .into_iter()
        .enumerate()
        .map(|(index, outcome)| result(index, outcome, &caller, &call, omit_text))
        .collect();
    let answer = serde_json::to_value(BulkAnswer { results }).expect("plain data");
    let most = wishes.max_response_bytes.unwrap_or(BULK_BYTES);
    Ok(json_response(fit::within(answer, most)))
}

/// The items of a bulk, each unread, and whether texts are wanted.
fn bulk_of(body: Value) -> Result<(Vec<Value>, bool), Problem> {
    let Value::Object(mut members) = body else {
        return Err(Problem::invalid_at(
            "",
            "must be an object with the member items",
        ));
    };
    let items = members.shift_remove("items");
    let omit_text = members.shift_remove("omit_text");
    if let Some(name) = members.keys().next() {
        let name: String = name.chars().take(60).collect();
        return Err(Problem::invalid_at(
            &format!("/{name}"),
            "is not a member of this request; it has items, omit_text",
        ));
    }
    let omit_text = match omit_text {
        None | Some(Value::Null) => false,
        Some(Value::Bool(omit)) => omit,
        Some(_) => return Err(Problem::invalid_at("/omit_text", "must be true or false")),
    };
    match items {
        Some(Value::Array(items)) if items.len() <= ITEMS => Ok((items, omit_text)),
        Some(Value::Array(items)) => Err(Problem::invalid_at(
            "/items",
            &format!(
                "has {} entries; at most {ITEMS} fit into one call",
                items.len()
            ),
        )),
        Some(_) => Err(Problem::invalid_at("/items", "must be a list of requests")),
        None => Err(Problem::invalid_at("/items", "is missing")),
    }
}

fn asked(
    value: Value,
    task: &'static dyn Task,
    call: &Call,
    wishes: &Wishes,
    repeat: Option<crate::usecases::answer::Repeat>,
    at: &str,
) -> Result<Asked, Vec<Fault>> {
    let request: TaskRequest = serde_path_to_error::deserialize(value).map_err(|error| {
        vec![Fault {
            pointer: at.to_owned(),
            detail: format!("{} does not have the documented form", error.path()),
        }]
    })?;
    request.into_asked(task, call, wishes, repeat, at)
}

fn result(
    index: usize,
    outcome: Outcome,
    caller: &Caller,
    call: &Call,
    omit_text: bool,
) -> BulkResult {
    let problem = match outcome {
        Ok(Ok(told)) => {
            return BulkResult {
                index,
                status: 200,
                answer: Some(TaskAnswer::new(&told, omit_text)),
                error: None,
            };
        }
        Ok(Err(error)) => Problem::about(caller, &error),
        Err(faults) => Problem::invalid(faults),
    };
    BulkResult {
        index,
        status: problem.code.status().as_u16(),
        answer: None,
        error: Some(problem.document(&call.id)),
    }
}

/// A body as JSON. The text around a syntax error is not told: it may be a record's.
fn parse(body: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        let what = if error.is_eof() {
            "ends before its JSON does"
        } else {
            "is not JSON"
        };
        let (line, column) = (error.line(), error.column());
        Problem::invalid_at("", &format!("{what}: line {line}, column {column}"))
    })
}

fn json_response(text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    response
}

/// RFC 9211.
fn cache_status(told: &Told) -> String {
    match told.via {
        Via::Hit { ttl } => format!("belay; hit; ttl={}", ttl.as_secs()),
        Via::Miss { stored: true } => "belay; fwd=miss; stored".to_owned(),
        Via::Miss { stored: false } => "belay; fwd=miss".to_owned(),
        Via::Forced { stored: true } => "belay; fwd=request; stored".to_owned(),
        Via::Forced { stored: false } => "belay; fwd=request".to_owned(),
        Via::Collapsed => "belay; fwd=miss; collapsed".to_owned(),
        Via::Replayed => "belay; hit; detail=idempotency-key".to_owned(),
    }
}
