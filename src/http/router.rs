//! Every route on one page.

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::get;
use http::{Method, Uri};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::bodies::Bodies;
use super::layers::{self, Door};
use super::openapi::Documents;
use super::problem::{Code, Problem};
use super::routes::{
    admin, batches, cache, chat, docs, health, messages, tasks, token, usage, whoami,
};
use super::settings::Settings;
use super::validate::BodySchemas;
use crate::domain::{Entropy, TaskName};
use crate::identity::{Directory, Guard};
use crate::lifecycle::Lifecycle;
use crate::telemetry::Metrics;
use crate::usecases::{
    CompleteChat, CountTokens, Forget, PreviewTask, ReadAllowances, ReadBudgets, ReadUsage,
    RelayBatches, RelayMessage, RunBulk, RunTask,
};

/// What handlers may take: the use cases, and who may call.
pub struct HttpState {
    /// Runs one task.
    pub run_task: RunTask,
    /// Runs a task for many records.
    pub run_bulk: RunBulk,
    /// Shows what a task would send.
    pub preview_task: PreviewTask,
    /// Relays a client's own Messages request.
    pub relay_message: RelayMessage,
    /// Counts the tokens of one.
    pub count_tokens: CountTokens,
    /// Completes a chat.
    pub complete_chat: CompleteChat,
    /// Relays message batches.
    pub relay_batches: RelayBatches,
    /// Forgets cached answers.
    pub forget: Forget,
    /// Tells what was used.
    pub read_usage: ReadUsage,
    /// Tells what is left of the limits.
    pub allowances: ReadAllowances,
    /// Whose credential is this?
    pub directory: Arc<Directory>,
    /// Who keeps failing to prove it?
    pub guard: Arc<Guard>,
    /// Randomness, for the ids of tokens.
    pub entropy: Arc<dyn Entropy>,
    /// The door's settings.
    pub settings: Arc<Settings>,
    /// The room for bodies.
    pub bodies: Arc<Bodies>,
    /// What bodies are checked against.
    pub schemas: Arc<BodySchemas>,
    /// The OpenAPI documents.
    pub documents: Arc<Documents>,
}

/// The same, shared: axum clones a state several times a call, of which a call takes two or three parts.
#[derive(Clone)]
struct Shared(Arc<HttpState>);

/// Lets handlers take these parts of the state.
macro_rules! handed_out {
    ($($part:ty: $($field:ident)+;)+) => {$(
        impl FromRef<Shared> for $part {
            fn from_ref(Shared(state): &Shared) -> Self {
                ($(state.$field.clone()),+)
            }
        }
    )+};
}

handed_out! {
    RunTask: run_task;
    RunBulk: run_bulk;
    PreviewTask: preview_task;
    (RunTask, PreviewTask): run_task preview_task;
    RelayMessage: relay_message;
    CountTokens: count_tokens;
    CompleteChat: complete_chat;
    RelayBatches: relay_batches;
    Forget: forget;
    ReadUsage: read_usage;
    ReadAllowances: allowances;
    (Arc<dyn Entropy>, ReadAllowances): entropy allowances;
    Arc<Directory>: directory;
    Arc<Guard>: guard;
    (Arc<Directory>, Arc<Guard>): directory guard;
    Arc<dyn Entropy>: entropy;
    Arc<Settings>: settings;
    Arc<Bodies>: bodies;
    Arc<BodySchemas>: schemas;
    Arc<Documents>: documents;
}

/// What the admin port shows.
#[derive(Clone, FromRef)]
pub struct AdminState {
    /// The numbers.
    pub metrics: Arc<Metrics>,
    /// How the budgets stand.
    pub budgets: ReadBudgets,
    /// Tells what was used.
    pub read_usage: ReadUsage,
    /// Whether the process takes calls.
    pub lifecycle: Lifecycle,
}

impl FromRef<AdminState> for (Arc<Metrics>, ReadBudgets) {
    fn from_ref(state: &AdminState) -> Self {
        (Arc::clone(&state.metrics), state.budgets.clone())
    }
}

/// What the documented routes say of themselves.
pub fn documentation() -> utoipa::openapi::OpenApi {
    documented().into_openapi()
}

/// The routes that the OpenAPI document shows.
fn documented() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(tasks::briefing))
        .routes(routes!(tasks::briefing_bulk))
        .routes(routes!(tasks::case_summary))
        .routes(routes!(tasks::case_summary_bulk))
        .routes(routes!(tasks::email_draft))
        .routes(routes!(tasks::email_draft_bulk))
        .routes(routes!(tasks::call_notes))
        .routes(routes!(tasks::call_notes_bulk))
        .routes(routes!(tasks::account_research))
        .routes(routes!(tasks::account_research_bulk))
        .routes(routes!(tasks::deal_health))
        .routes(routes!(tasks::deal_health_bulk))
        .routes(routes!(messages::create))
        .routes(routes!(messages::count_tokens))
        .routes(routes!(batches::create, batches::list))
        .routes(routes!(batches::retrieve, batches::delete))
        .routes(routes!(batches::cancel))
        .routes(routes!(batches::results))
        .routes(routes!(messages::list))
        .routes(routes!(messages::retrieve))
        .routes(routes!(chat::complete))
        .routes(routes!(whoami::whoami))
        .routes(routes!(usage::usage))
        .routes(routes!(token::give_token))
        .routes(routes!(token::authorization_server))
        .routes(routes!(token::token_keys))
        .routes(routes!(cache::forget))
        .routes(routes!(health::healthz))
}

/// The public port.
pub fn public(state: HttpState, door: Arc<Door>) -> Router {
    let settings = Arc::clone(&state.settings);
    let (mut router, _) = documented().split_for_parts();
    if settings.docs {
        router = router
            .route("/openapi.json", get(docs::openapi))
            .route("/openapi-salesforce.json", get(docs::openapi_salesforce))
            .route("/docs", get(docs::page));
    }
    let router = router
        .fallback(nowhere)
        .method_not_allowed_fallback(wrong_method)
        .with_state(Shared(Arc::new(state)));
    layers::around(router, door, &settings)
}

/// The admin port.
pub fn admin(state: AdminState, door: Arc<Door>) -> Router {
    let router = Router::new()
        .route("/metrics", get(admin::metrics))
        .route("/usage", get(usage::usage_of_all))
        .route("/livez", get(admin::livez))
        .route("/readyz", get(admin::readyz))
        .fallback(no_page)
        .with_state(state);
    layers::around_admin(router, door)
}

async fn nowhere(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(80).collect();
    let tasks: Vec<String> = TaskName::ALL
        .iter()
        .map(|task| format!("/{task}"))
        .collect();
    let tasks = tasks.join(", ");
    Problem::new(
        Code::NotFound,
        format!(
            "there is no {path}; the tasks are {tasks}, each with /bulk, the Claude API begins at /v1, and OpenAI's form is /chat/completions"
        ),
    )
}

async fn no_page(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(80).collect();
    Problem::new(
        Code::NotFound,
        format!("there is no {path}; there are /metrics, /usage, /livez and /readyz"),
    )
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(80).collect();
    Problem::new(
        Code::MethodNotAllowed,
        format!("{path} does not take {method}; Allow names what it takes"),
    )
}
