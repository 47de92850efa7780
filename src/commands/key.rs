//! `belay key new`.

use std::process::ExitCode;

use crate::identity::ApiKey;

/// Prints a new key once, and what the config keeps of it: as an API key, and in a comment as the secret of an OAuth client.
pub fn new() -> anyhow::Result<ExitCode> {
    let key =
        ApiKey::generate().map_err(|_| anyhow::anyhow!("the system has no randomness to give"))?;
    println!("{}", key.reveal());
    println!();
    println!(
        "# Enter the key above in Salesforce: it is shown this once. This goes into the config:"
    );
    println!("[[orgs.credentials]]");
    println!("kind = \"api_key\"");
    println!("id = \"flow\"");
    println!("sha256 = \"{}\"", key.hash());
    println!("scopes = [\"tasks\"]");
    println!(
        "# Or, where Salesforce fetches tokens with it as its Client Secret, in place of kind, id and sha256:"
    );
    println!("# kind = \"oauth_client\"");
    println!("# id = \"flow\"   # the Client ID, which no other org has");
    println!("# secret_sha256 = \"{}\"", key.hash());
    Ok(ExitCode::SUCCESS)
}
