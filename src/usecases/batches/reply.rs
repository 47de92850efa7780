//! What a provider says of a batch, made fit for the client.

use bytes::Bytes;

use crate::providers::UpstreamId;
use crate::providers::claude::Members;

/// The provider's own id of the batch that `reply` speaks of.
pub fn id(reply: &Members) -> Option<UpstreamId> {
    let id: String = serde_json::from_str(reply.get("id")?).ok()?;
    UpstreamId::parse(&id)
}

/// `reply` with our id of the batch, and with its results at our own address: a client sends its key wherever that leads.
/// Every other byte stays.
pub fn told(reply: Members, id: &str, public_url: &str) -> Bytes {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let has_results = reply.get("results_url").is_some_and(|url| url != "null");
    let reply = reply.with("id", quoted(id));
    let reply = if has_results {
        let url = format!("{public_url}/v1/messages/batches/{id}/results");
        reply.with("results_url", quoted(&url))
    } else {
        reply
    };
    reply.to_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(reply: &'static str) -> Members {
        Members::of(&Bytes::from_static(reply.as_bytes())).expect("an object")
    }

    #[test]
    fn the_id_and_the_results_become_ours_and_every_other_byte_stays() {
        let reply = members(
            "{\"id\": \"msgbatch_up\",\n \"n\":1.0e0,\"results_url\" : \"https://up.example/v1/messages/batches/msgbatch_up/results\"}",
        );
        assert_eq!(id(&reply).expect("an id").as_str(), "msgbatch_up");
        assert_eq!(
            told(reply, "msgbatch_ours", "https://belay.example"),
            "{\"id\": \"msgbatch_ours\",\n \"n\":1.0e0,\"results_url\" : \"https://belay.example/v1/messages/batches/msgbatch_ours/results\"}"
        );
        let reply = members("{\"id\":\"msgbatch_up\",\"results_url\":null}");
        assert_eq!(
            told(reply, "msgbatch_ours", "https://belay.example"),
            "{\"id\":\"msgbatch_ours\",\"results_url\":null}"
        );
    }

    #[test]
    fn a_reply_without_an_id_that_fits_a_path_speaks_of_no_batch() {
        assert_eq!(id(&members("{}")), None);
        assert_eq!(id(&members("{\"id\":7}")), None);
        assert_eq!(id(&members("{\"id\":\"../models\"}")), None);
    }
}
