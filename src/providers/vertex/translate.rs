//! A Messages request as Vertex takes it.
//!
//! The model stands in the path, except where tokens are counted; the version stands in the body; `stream` and every
//! other byte stay as they came.

use bytes::Bytes;
use serde_json::json;

use crate::domain::ModelId;
use crate::providers::claude::Members;
use crate::providers::provider::{Error, Outgoing};
use crate::providers::wire;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// A whole answer.
    Ask,
    /// An answer in events.
    Stream,
    /// How many tokens the question comes to.
    Count,
}

/// Where `model` is asked, below `models`. `@` sets the date of an older id apart; what follows `:` is the operation, so
/// an id has none.
pub fn url(models: &str, operation: Operation, model: &ModelId) -> String {
    let model = wire::segment(model.as_str(), b"@");
    match operation {
        Operation::Ask => format!("{models}/{model}:rawPredict"),
        Operation::Stream => format!("{models}/{model}:streamRawPredict"),
        Operation::Count => format!("{models}/count-tokens:rawPredict"),
    }
}

/// The body, asked by `version`.
///
/// # Errors
/// Where it is no object whose members can be told apart.
pub fn body(operation: Operation, outgoing: &Outgoing, version: &str) -> Result<Bytes, Error> {
    let members = Members::of(&outgoing.body).map_err(|why| wire::unsendable(&why))?;
    let members = match operation {
        Operation::Ask | Operation::Stream => members.without("model"),
        Operation::Count => members.with("model", json!(outgoing.model.as_str()).to_string()),
    };
    let members = members.with("anthropic_version", json!(version).to_string());
    Ok(members.to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::provider::outgoing;

    const QUESTION: &str = include_str!("../golden/vertex_question.json");

    #[test]
    fn a_question_reads_like_the_golden_file() {
        let asked = outgoing("claude-opus-4-5@20251101", QUESTION.trim_end());
        let body = body(Operation::Stream, &asked, "vertex-2023-10-16").expect("a body");
        let golden = include_str!("../golden/vertex_wire.json").trim_end();
        assert_eq!(std::str::from_utf8(&body), Ok(golden));
    }

    #[test]
    fn a_count_keeps_the_model_in_its_body() {
        let asked = outgoing("claude-sonnet-5-5", r#"{"model":"default","messages":[]}"#);
        let body = body(Operation::Count, &asked, "2026-10-21").expect("a body");
        assert_eq!(
            std::str::from_utf8(&body),
            Ok(r#"{"model":"claude-sonnet-5-5","messages":[],"anthropic_version":"2026-10-21"}"#)
        );
    }

    #[test]
    fn each_operation_has_its_own_path() {
        let url = |operation, model: &str| {
            url(
                "/models",
                operation,
                &ModelId::parse(model).expect("a model"),
            )
        };
        assert_eq!(
            url(Operation::Ask, "claude-opus-4-5@20251101"),
            "/models/claude-opus-4-5@20251101:rawPredict"
        );
        assert_eq!(
            url(Operation::Stream, "claude-sonnet-5-5"),
            "/models/claude-sonnet-5-5:streamRawPredict"
        );
        assert_eq!(
            url(Operation::Count, "claude-sonnet-5-5"),
            "/models/count-tokens:rawPredict"
        );
        assert_eq!(
            url(Operation::Ask, "x:streamRawPredict"),
            "/models/x%3AstreamRawPredict:rawPredict"
        );
    }
}
