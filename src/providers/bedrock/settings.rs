//! How a provider of kind `bedrock` is set up.

use url::Url;

use crate::providers::secret::Secret;
use crate::providers::wire;

/// One Bedrock. In the file: `[[providers]]` with `kind = "bedrock"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The region that is asked, and that signatures are made for; lower-case letters, digits and hyphens.
    pub region: String,
    /// How we prove who we are.
    pub sign_in: SignIn,
    /// Which of Bedrock's two APIs is asked. Default: `invoke`, which every model has.
    pub api: Api,
    /// In place of the region's own address.
    pub base_url: Option<Url>,
}

/// How we prove who we are to AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignIn {
    /// By a signature, with the credentials of the AWS default chain: environment, profile, web identity, ECS, IMDS.
    Chain {
        /// The profile that is read, in place of the environment's or `default`.
        profile: Option<String>,
    },
    /// By a Bedrock API key.
    Bearer(Secret),
}

/// Which of Bedrock's APIs is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `InvokeModel` and its twin with a response stream.
    Invoke,
    /// Claude's own Messages API.
    Messages,
}

impl Settings {
    /// Where requests go, without a slash at the end.
    pub fn base(&self) -> String {
        let path = match self.api {
            Api::Invoke => "",
            Api::Messages => "/anthropic",
        };
        let host = format!("https://bedrock-runtime.{}.amazonaws.com", self.region);
        wire::base(self.base_url.as_ref(), &host, path)
    }
}
