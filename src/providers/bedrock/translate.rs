//! A Messages request as `InvokeModel` takes it.
//!
//! The model stands in the path, whether the answer streams is said by the path, the version and the betas stand in the
//! body, and every other byte of the body stays as it came.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::domain::ModelId;
use crate::providers::claude::Members;
use crate::providers::provider::{Error, Outgoing};
use crate::providers::wire;

/// Where `model` is asked. Its id is one segment of the path, so the slashes of an ARN are encoded.
pub fn url(base: &str, model: &ModelId, streaming: bool) -> String {
    let operation = if streaming {
        "invoke-with-response-stream"
    } else {
        "invoke"
    };
    format!(
        "{base}/model/{}/{operation}",
        wire::segment(model.as_str(), &[])
    )
}

/// The body, asked by `version`.
///
/// # Errors
/// Where it is no object whose members can be told apart.
pub fn body(outgoing: &Outgoing, version: &str) -> Result<Bytes, Error> {
    let members = Members::of(&outgoing.body).map_err(|why| wire::unsendable(&why))?;
    let mut betas: Vec<Value> = members
        .get("anthropic_beta")
        .and_then(|raw| serde_json::from_str(raw).ok())
        .unwrap_or_default();
    let header = outgoing.dialect.betas.as_deref().unwrap_or_default();
    for beta in header
        .split(',')
        .map(str::trim)
        .filter(|beta| !beta.is_empty())
    {
        if !betas.contains(&json!(beta)) {
            betas.push(json!(beta));
        }
    }
    let mut members = members
        .without("model")
        .without("stream")
        .with("anthropic_version", json!(version).to_string());
    if !header.trim().is_empty() {
        members = members.with("anthropic_beta", Value::Array(betas).to_string());
    }
    Ok(members.to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::provider::{Fault, outgoing};

    #[test]
    fn a_question_reads_like_the_golden_file() {
        let question = include_str!("../golden/bedrock_question.json").trim_end();
        let mut asked = outgoing("us.anthropic.claude-sonnet-4-6", question);
        asked.dialect.betas = Some("context-1m-2025-08-07, interleaved-thinking-2025-05-14".into());
        let body = body(&asked, "bedrock-2023-05-31").expect("a body");
        let golden = include_str!("../golden/bedrock_wire.json").trim_end();
        assert_eq!(std::str::from_utf8(&body), Ok(golden));
    }

    #[test]
    fn betas_of_the_body_and_of_the_header_stand_once_each() {
        let mut asked = outgoing("m", r#"{"anthropic_beta":["a","b"],"x":1}"#);
        asked.dialect.betas = Some("b,c,".into());
        let told = body(&asked, "v").expect("a body");
        assert_eq!(
            std::str::from_utf8(&told),
            Ok(r#"{"anthropic_beta":["a","b","c"],"x":1,"anthropic_version":"v"}"#)
        );
        asked.dialect.betas = None;
        let told = body(&asked, "v").expect("a body");
        assert_eq!(
            std::str::from_utf8(&told),
            Ok(r#"{"anthropic_beta":["a","b"],"x":1,"anthropic_version":"v"}"#)
        );
    }

    #[test]
    fn an_id_is_one_segment_of_the_path() {
        let url = |model: &str, streaming| {
            url(
                "https://h",
                &ModelId::parse(model).expect("a model"),
                streaming,
            )
        };
        assert_eq!(
            url("anthropic.claude-haiku-4-5-20251001-v1:0", false),
            "https://h/model/anthropic.claude-haiku-4-5-20251001-v1%3A0/invoke"
        );
        assert_eq!(
            url(
                "arn:aws:bedrock:us-east-1:1:application-inference-profile/a1",
                true
            ),
            "https://h/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aapplication-inference-profile%2Fa1/invoke-with-response-stream"
        );
    }

    #[test]
    fn what_has_a_member_twice_is_never_sent() {
        let asked = outgoing("m", r#"{"model":"a","model":"b"}"#);
        let refused = body(&asked, "v").expect_err("refused");
        assert_eq!(refused.fault, Fault::Rejected(400));
        let said = refused.said.expect("words");
        assert_eq!(said.kind, "invalid_request_error");
    }
}
