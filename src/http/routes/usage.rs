//! `GET /usage`, for an org at the public port and for all of them at the admin port.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::{OrgId, SalesforceId};
use crate::http::extract::ForTasks;
use crate::http::problem::{Code, Problem};
use crate::usage::{By, Group, Sums};
use crate::usecases::read_usage::{Asked, NotTold, Used};
use crate::usecases::{Error, ReadUsage};

/// Which days, and how they are told apart.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// The first day, where the org is; not given: the first of the month.
    #[param(example = "2026-11-01", format = Date)]
    from: Option<String>,
    /// The last day; not given: today.
    #[param(example = "2026-11-27", format = Date)]
    to: Option<String>,
    /// What rows are told apart by: a list of `day`, `task`, `model` and `user`; not given: by all four.
    #[param(example = "day,task")]
    by: Option<String>,
}

/// As [`Which`], of all orgs or one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhichOrg {
    from: Option<String>,
    to: Option<String>,
    by: Option<String>,
    org: Option<String>,
}

/// What an org used.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageReport)]
pub struct WireReport {
    /// The Salesforce id of the org, in 18 characters.
    #[schema(example = "00D5f000000XyZaEAK")]
    org_id: String,
    /// The org's configured name.
    #[schema(example = "acme-prod")]
    org_name: Option<String>,
    /// Where its days begin.
    #[schema(example = "Europe/Berlin")]
    timezone: String,
    /// The first day of it.
    #[schema(example = "2026-11-01", format = Date)]
    first_day: String,
    /// The last day of it.
    #[schema(example = "2026-11-27", format = Date)]
    last_day: String,
    /// All of it together.
    totals: WireSums,
    /// Day by day, then by task, model and user.
    rows: Vec<WireRow>,
    /// Whether there are more rows than are told here; the totals are of all. Fewer days, or `by`, make them fit.
    truncated: bool,
}

/// What calls used that have these in common.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageRow)]
pub struct WireRow {
    /// The day on which they ended, where the org is; null where rows are not told apart by it.
    #[schema(example = "2026-11-27", format = Date)]
    day: Option<String>,
    /// The task, or the door of the Claude API; null where rows are not told apart by it.
    #[schema(example = "briefing")]
    task: Option<String>,
    /// The model that answered; null where none did, or rows are not told apart by it.
    #[schema(example = "claude-sonnet-5-5")]
    model: Option<String>,
    /// The user; null where the credential proved none, or rows are not told apart by it.
    #[schema(example = "0055f000000AbCdAAK")]
    user_id: Option<String>,
    #[serde(flatten)]
    sums: WireSums,
}

/// What was used.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageSums)]
pub struct WireSums {
    /// Calls, whatever became of them.
    #[schema(example = 42)]
    calls: u64,
    /// Calls that were given what was known already.
    #[schema(example = 12)]
    from_cache: u64,
    /// Calls that were told a problem.
    #[schema(example = 1)]
    failed: u64,
    /// How often a provider was asked: none for a call from the cache, more than once for one that was tried again.
    #[schema(example = 31)]
    provider_calls: u64,
    /// Tokens read.
    #[schema(example = 46_500)]
    input_tokens: u64,
    /// Tokens written.
    #[schema(example = 6_200)]
    output_tokens: u64,
    /// Searches of the web.
    #[schema(example = 0)]
    web_searches: u64,
    /// What was charged, in US dollars.
    #[schema(example = 0.155)]
    cost_usd: f64,
}

/// What every org used.
#[derive(Debug, Serialize)]
pub struct WireReports {
    orgs: Vec<WireReport>,
}

/// Tells what the org used: calls, tokens and money.
///
/// By day, task, model and user, of the caller's own org only; a day begins at midnight where the org is. A call that has
/// its answer is in it.
#[utoipa::path(
    get, path = "/usage", tag = "usage",
    params(Which),
    responses((status = 200, description = "What was used", body = WireReport)),
)]
pub async fn usage(
    State(read): State<ReadUsage>,
    ForTasks(caller): ForTasks,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, Problem> {
    const WANTED: &str = "the query may have from=<day>, to=<day> and by=day,task,model,user";
    let Query(which) = which.map_err(|_| wrong(WANTED))?;
    let asked = asked(which.from, which.to, which.by.as_deref())?;
    match read.run(&caller, asked).await {
        Ok(used) => Ok(Json(WireReport::from(used)).into_response()),
        Err(NotTold::Days(why)) => Err(wrong(&why)),
        Err(NotTold::Other(error)) => Err(Problem::about(&caller, &error)),
    }
}

/// What every org used, for whoever runs the gateway.
pub async fn usage_of_all(
    State(read): State<ReadUsage>,
    which: Result<Query<WhichOrg>, QueryRejection>,
) -> Result<Response, Problem> {
    const WANTED: &str = "the query may have from=<day>, to=<day>, by=day,task,model,user and org=<Salesforce id of an org>";
    let Query(which) = which.map_err(|_| wrong(WANTED))?;
    let asked = asked(which.from, which.to, which.by.as_deref())?;
    let only = which.org.as_deref().map(org).transpose()?;
    match read.of_all(asked, only).await {
        Ok(all) => {
            let orgs = all.into_iter().map(WireReport::from).collect();
            Ok(Json(WireReports { orgs }).into_response())
        }
        Err(NotTold::Days(why)) => Err(wrong(&why)),
        Err(NotTold::Other(error)) => Err(of_the_gateway(&error)),
    }
}

fn asked(from: Option<String>, to: Option<String>, by: Option<&str>) -> Result<Asked, Problem> {
    Ok(Asked {
        first: day("from", from)?,
        last: day("to", to)?,
        by: by.map_or(Ok(By::ALL), told_apart)?,
    })
}

fn day(name: &str, text: Option<String>) -> Result<Option<Date>, Problem> {
    let Some(text) = text else { return Ok(None) };
    // A time behind the day would be read over, and is more than was asked for.
    let day = Some(&text).filter(|text| text.len() == 10);
    let day = day.and_then(|text| text.parse().ok());
    match day {
        Some(day) => Ok(Some(day)),
        None => Err(wrong(&format!("{name} must be a day, such as 2026-11-27"))),
    }
}

fn told_apart(text: &str) -> Result<By, Problem> {
    let mut by = By {
        day: false,
        task: false,
        model: false,
        user: false,
    };
    for name in text.split(',') {
        match name.trim() {
            "day" => by.day = true,
            "task" => by.task = true,
            "model" => by.model = true,
            "user" => by.user = true,
            _ => {
                return Err(wrong(
                    "by must be a list of day, task, model and user, such as by=day,task",
                ));
            }
        }
    }
    Ok(by)
}

fn org(text: &str) -> Result<OrgId, Problem> {
    let id = text
        .parse::<SalesforceId>()
        .map_err(|error| wrong(&format!("org {error}")))?;
    OrgId::new(id)
        .ok_or_else(|| wrong("org must be the Salesforce id of an org, which begins with 00D"))
}

/// What keeps whoever runs the gateway from an answer.
fn of_the_gateway(error: &Error) -> Problem {
    match error {
        Error::StoreDown { retry_in } => {
            Problem::retryable(Code::SharedStoreDown, error.to_string(), *retry_in)
        }
        _ => Problem::retryable(Code::Internal, error.to_string(), None),
    }
}

fn wrong(why: &str) -> Problem {
    Problem::new(Code::InvalidRequest, why.to_owned())
}

impl From<Used> for WireReport {
    fn from(used: Used) -> Self {
        let rows = used.report.groups.into_iter().map(WireRow::from).collect();
        Self {
            org_id: used.org.to_string(),
            org_name: used.name.map(|name| name.to_string()),
            timezone: used.timezone.iana_name().unwrap_or("UTC").to_owned(),
            first_day: used.days.first.to_string(),
            last_day: used.days.last.to_string(),
            totals: used.report.totals.into(),
            rows,
            truncated: used.report.is_cut,
        }
    }
}

impl From<(Group, Sums)> for WireRow {
    fn from((group, sums): (Group, Sums)) -> Self {
        Self {
            day: group.day.map(|day| day.to_string()),
            task: group.task.map(String::from),
            model: group.model.as_deref().map(str::to_owned),
            user_id: group.user.as_deref().map(str::to_owned),
            sums: sums.into(),
        }
    }
}

impl From<Sums> for WireSums {
    fn from(sums: Sums) -> Self {
        Self {
            calls: sums.calls,
            from_cache: sums.from_cache,
            failed: sums.failed,
            provider_calls: sums.attempts,
            input_tokens: sums.input_tokens,
            output_tokens: sums.output_tokens,
            web_searches: sums.web_searches,
            cost_usd: sums.cost.as_usd(),
        }
    }
}
