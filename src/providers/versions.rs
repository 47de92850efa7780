//! Which version of the API a request is sent by.
//!
//! # Why
//! Where the version is a header, the client's own goes on unchanged: it wrote its body for it. Bedrock and Vertex read
//! it from the body and spell it their own way: the model's own version stands there, which the config may set, but for
//! a client of the generation before to a model that takes both. Its body is written for that generation, so it is named
//! as the cloud spells it; by the newer name what it says of sampling would be refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::capabilities::{self, Surface, VERSION};
use super::provider::Outgoing;
use crate::domain::ModelId;

/// The versions of one provider's models.
#[derive(Debug, Clone)]
pub struct Versions {
    surface: Surface,
    given: BTreeMap<ModelId, Arc<str>>,
}

/// What a header says to a model that does not take [`VERSION`] yet.
const BEFORE: &str = "2023-06-01";

impl Versions {
    /// What `surface` wants, unless it is `given`.
    pub fn new(surface: Surface, given: BTreeMap<ModelId, Arc<str>>) -> Self {
        Self { surface, given }
    }

    /// For the header `anthropic-version`.
    pub fn for_header<'a>(&'a self, outgoing: &'a Outgoing) -> &'a str {
        if let Some(own) = &outgoing.dialect.version {
            return own;
        }
        if let Some(given) = self.given.get(&outgoing.model) {
            return given;
        }
        match capabilities::version(self.surface, outgoing.model.as_str()) {
            VERSION => VERSION,
            // A cloud's own spelling, which belongs into a body.
            _ => BEFORE,
        }
    }

    /// For the body's `anthropic_version`.
    pub fn for_body(&self, outgoing: &Outgoing) -> &str {
        if let Some(given) = self.given.get(&outgoing.model) {
            return given;
        }
        match outgoing.dialect.version.as_deref() {
            Some(BEFORE) => capabilities::version_before(self.surface),
            _ => capabilities::version(self.surface, outgoing.model.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::provider::outgoing;

    #[test]
    fn a_header_says_what_the_client_says_else_what_the_model_takes() {
        let versions = Versions::new(Surface::Bedrock, BTreeMap::new());
        let mut asked = outgoing("us.anthropic.claude-sonnet-4-6", "{}");
        assert_eq!(versions.for_header(&asked), "2023-06-01");
        assert_eq!(versions.for_body(&asked), "bedrock-2023-05-31");
        asked.dialect.version = Some("2026-10-21".into());
        assert_eq!(versions.for_header(&asked), "2026-10-21");
        assert_eq!(versions.for_body(&asked), "bedrock-2023-05-31");
        let newer = outgoing("us.anthropic.claude-sonnet-5-5", "{}");
        assert_eq!(versions.for_header(&newer), "2026-10-21");
        assert_eq!(versions.for_body(&newer), "2026-10-21");
        let mut older = newer;
        older.dialect.version = Some("2023-06-01".into());
        assert_eq!(versions.for_body(&older), "bedrock-2023-05-31");
    }

    #[test]
    fn the_config_knows_better() {
        let asked = outgoing("our-deployment", "{}");
        let given = BTreeMap::from([(asked.model.clone(), Arc::from("2027-01-01"))]);
        let versions = Versions::new(Surface::Foundry, given);
        assert_eq!(versions.for_header(&asked), "2027-01-01");
        assert_eq!(versions.for_body(&asked), "2027-01-01");
    }
}
