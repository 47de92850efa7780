//! `belay org check`.

use std::path::Path;
use std::process::ExitCode;

use super::kept::Kept;
use super::page;
use crate::config;
use crate::domain::{Clock as _, OrgId, SalesforceId, SystemClock};
use crate::identity::Tenant;
use crate::salesforce::setup;

/// Prints what to set up in Salesforce for the org that `wanted` is the name or the id of, and tests its certificates.
pub async fn check(wanted: &str, path: &Path) -> ExitCode {
    let kept = Kept::of(path).await;
    let settings = match config::load(path, &kept.around()) {
        Ok(settings) => settings,
        Err(mistakes) => {
            eprintln!("{mistakes}");
            return ExitCode::FAILURE;
        }
    };
    let tenant = match find(&settings.tenants, wanted) {
        Ok(tenant) => tenant,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::FAILURE;
        }
    };
    let public_url = settings.server.public_url.as_ref();
    let report = setup::report(tenant, public_url, SystemClock.timestamp());
    page::print(&report.page);
    for problem in &report.problems {
        eprintln!("{problem}");
    }
    if report.problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The org of that name or id.
///
/// # Errors
/// Where there is none, in a sentence that lists those that are.
fn find<'t>(tenants: &'t [Tenant], wanted: &str) -> Result<&'t Tenant, String> {
    let id = wanted.parse::<SalesforceId>();
    let id = id.ok().and_then(OrgId::new);
    let found = tenants
        .iter()
        .find(|tenant| tenant.org.name.as_str() == wanted || Some(tenant.org.id) == id);
    found.ok_or_else(|| {
        let names: Vec<&str> = tenants.iter().map(|one| one.org.name.as_str()).collect();
        let near = config::did_you_mean(wanted, names.iter().copied());
        format!(
            "{wanted:?} is no org of this config, by name or id; it has: {}{near}",
            names.join(", ")
        )
    })
}
