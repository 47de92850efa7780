//! `belay key new`.

use std::process::ExitCode;

use crate::identity::ApiKey;

/// Prints a new key once, and what the config keeps of it.
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
    Ok(ExitCode::SUCCESS)
}
