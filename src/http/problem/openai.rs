//! A problem in OpenAI's form, on `/chat/completions`.
//!
//! # Why
//! OpenAI's clients choose their exception by the status and look at `type` and `code` for the rest, above all to tell a
//! rate that passes from money that is spent. So these two are OpenAI's words wherever it has one; where it has none,
//! `code` is the gateway's own.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Code, Problem};
use crate::salesforce::Fault;

/// An error in OpenAI's form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ChatError)]
pub struct WireChatError {
    /// The error itself.
    error: WireChatErrorBody,
}

/// What is wrong, in OpenAI's form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ChatErrorBody)]
pub struct WireChatErrorBody {
    /// What happened.
    message: String,
    /// The type of error: `invalid_request_error`, `authentication_error`, `permission_error`, `rate_limit_error`,
    /// `insufficient_quota` or `server_error`.
    #[serde(rename = "type")]
    #[schema(example = "invalid_request_error")]
    kind: &'static str,
    /// Which member is wrong, where it is one.
    #[schema(example = "messages[0].role")]
    param: Option<String>,
    /// The kind: `invalid_api_key`, `model_not_found`, `rate_limit_exceeded`, `insufficient_quota`, or the code of the problem.
    #[schema(example = "invalid-request")]
    code: &'static str,
}

/// As many faults as one message names.
const FAULTS: usize = 5;

impl Problem {
    pub(super) fn as_openai(&self) -> WireChatError {
        let first = self.errors.first();
        let param = first.map(|fault| member(&fault.pointer));
        let param = param.filter(|member| !member.is_empty());
        let message = match &self.said {
            Some(said) => said.1.message.clone(),
            None if param.is_some() => told(&self.errors),
            None => self.detail.clone().into_owned(),
        };
        WireChatError {
            error: WireChatErrorBody {
                message,
                kind: self.type_of_openai(),
                code: self.code_of_openai(param.as_deref()),
                param,
            },
        }
    }

    fn type_of_openai(&self) -> &'static str {
        match self.said_status().as_u16() {
            429 if self.code == Code::BudgetSpent => "insufficient_quota",
            429 => "rate_limit_error",
            401 => "authentication_error",
            403 => "permission_error",
            500.. => "server_error",
            _ => "invalid_request_error",
        }
    }

    fn code_of_openai(&self, param: Option<&str>) -> &'static str {
        match self.code {
            Code::Unauthenticated => "invalid_api_key",
            Code::NotFound if param == Some("model") => "model_not_found",
            Code::BudgetSpent => "insufficient_quota",
            Code::RateLimited | Code::TokensLimited | Code::TooManyInFlight => {
                "rate_limit_exceeded"
            }
            // A provider limits our rate, and its words are passed on.
            Code::Overloaded if self.said.is_some() => "rate_limit_exceeded",
            other => other.as_str(),
        }
    }
}

/// What is wrong, place by place: `param` has room for one of them only.
fn told(faults: &[Fault]) -> String {
    let shown = faults.iter().take(FAULTS);
    let mut told: Vec<String> = shown
        .map(|fault| format!("{}: {}", member(&fault.pointer), fault.detail))
        .collect();
    let more = faults.len().saturating_sub(FAULTS);
    if more > 0 {
        told.push(format!("{more} more"));
    }
    told.join("; ")
}

/// A JSON pointer as OpenAI writes the place of a member: `/messages/0/role` is `messages[0].role`.
fn member(pointer: &str) -> String {
    let steps = pointer.split('/').skip(1);
    steps.fold(String::new(), |mut place, step| {
        if !place.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit()) {
            place.push('[');
            place.push_str(step);
            place.push(']');
        } else {
            if !place.is_empty() {
                place.push('.');
            }
            place.push_str(&step.replace("~1", "/").replace("~0", "~"));
        }
        place
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::domain::{RequestId, Scope};
    use crate::http::problem::Tongue;

    fn error(problem: &Problem) -> Value {
        serde_json::to_value(problem.as_openai()).expect("plain data")["error"].take()
    }

    fn words(problem: &Problem) -> (Value, Value) {
        let mut error = error(problem);
        (error["type"].take(), error["code"].take())
    }

    #[test]
    fn the_place_of_a_fault_is_written_as_openai_writes_it() {
        let problem = Problem::invalid_at("/messages/1/content/0/type", "must be text");
        assert_eq!(
            error(&problem),
            json!({
                "message": "messages[1].content[0].type: must be text",
                "type": "invalid_request_error",
                "param": "messages[1].content[0].type",
                "code": "invalid-request",
            })
        );
        let whole = Problem::invalid_at("", "must be one JSON object");
        assert_eq!(error(&whole)["param"], Value::Null);
        assert_eq!(
            error(&whole)["message"],
            "the body: must be one JSON object"
        );
    }

    #[test]
    fn a_message_names_every_fault_up_to_five() {
        let faults = |count: usize| {
            let fault = |nth| Fault {
                pointer: format!("/m{nth}"),
                detail: "is wrong".to_owned(),
            };
            error(&Problem::invalid((0..count).map(fault).collect()))["message"].take()
        };
        assert_eq!(faults(2), "m0: is wrong; m1: is wrong");
        let many = faults(7);
        let many = many.as_str().expect("a text");
        assert!(many.ends_with("m4: is wrong; 2 more"), "{many}");
    }

    #[test]
    fn every_code_has_a_type_that_openai_has_too() {
        for code in Code::ALL {
            let (kind, _) = words(&Problem::new(*code, "so it is"));
            let expected = match (code, code.status().as_u16()) {
                (Code::BudgetSpent, _) => "insufficient_quota",
                (_, 401) => "authentication_error",
                (_, 403) => "permission_error",
                (_, 429) => "rate_limit_error",
                (_, 400..500) => "invalid_request_error",
                _ => "server_error",
            };
            assert_eq!(kind, expected, "{code:?}");
        }
    }

    #[test]
    fn money_that_is_spent_is_told_apart_from_a_rate_that_passes() {
        let wait = Duration::from_secs(3);
        let spent = Problem::retryable(Code::BudgetSpent, "spent", wait);
        let limited = Problem::retryable(Code::TokensLimited, "limited", wait);
        assert_eq!(
            words(&spent),
            (json!("insufficient_quota"), json!("insufficient_quota"))
        );
        assert_eq!(
            words(&limited),
            (json!("rate_limit_error"), json!("rate_limit_exceeded"))
        );
        // OpenAI's own clients try again on every 429 that does not say otherwise.
        let header = |problem: &Problem| {
            let id = RequestId::parse("r1").expect("an id");
            let response = problem.response(&id, Tongue::OpenAi);
            response.headers().get("x-should-retry").cloned()
        };
        assert_eq!(header(&spent).expect("said"), "false");
        assert_eq!(header(&limited), None);
    }

    #[test]
    fn a_credential_that_is_none_or_lacks_a_scope_is_told_as_such() {
        let unknown = Problem::new(Code::Unauthenticated, "nobody's");
        assert_eq!(
            words(&unknown),
            (json!("authentication_error"), json!("invalid_api_key"))
        );
        let (kind, code) = words(&Problem::lacks(Scope::Messages));
        assert_eq!(
            (kind, code),
            (json!("permission_error"), json!("forbidden"))
        );
    }
}
