//! `belay key new`.

use std::process::ExitCode;

use super::page;
use crate::identity::ApiKey;

/// Prints a new key once, and what the config keeps of it: as an API key, and in a comment as the secret of an OAuth client.
pub fn new() -> anyhow::Result<ExitCode> {
    let key =
        ApiKey::generate().map_err(|_| anyhow::anyhow!("the system has no randomness to give"))?;
    let (key, hash) = (key.reveal(), key.hash());
    page::print(&format!(
        r#"{key}

# Enter the key above in Salesforce: it is shown this once. This goes into the config:
[[orgs.credentials]]
kind = "api_key"
id = "flow"
sha256 = "{hash}"
scopes = ["tasks"]
# Or, where Salesforce fetches tokens with it as its Client Secret, in place of kind, id and sha256:
# kind = "oauth_client"
# id = "flow"   # the Client ID, which no other org has
# secret_sha256 = "{hash}"
"#
    ));
    Ok(ExitCode::SUCCESS)
}
