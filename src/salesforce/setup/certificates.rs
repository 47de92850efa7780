//! The dates of an org's certificates.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use crate::identity::certificate::Standing;
use crate::identity::{Certificate, Credential, Proof};

/// How long before its end a certificate is pointed out: a change of it takes people in two places.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What to do about one that does not count.
const REPLACE: &str = "nothing that it proves counts; make a new one in Setup > Certificate and Key Management and put its download where `certificate` of the config says";

/// Each certificate of `credentials` with its dates at `now`; what keeps calls from working is added to `problems`.
pub fn tested<'a>(
    credentials: impl IntoIterator<Item = &'a Credential>,
    now: Timestamp,
    problems: &mut Vec<String>,
) -> String {
    let mut text = String::new();
    for credential in credentials {
        let id = &credential.id;
        for certificate in credential.certificates() {
            let _ = writeln!(text, "  {id}: {}", certificate.subject);
            field(&mut text, "sha256", &certificate.fingerprint.to_string());
            let (from, until) = (
                moment(certificate.not_before),
                moment(certificate.not_after),
            );
            field(&mut text, "counts", &format!("from {from} until {until}"));
            match verdict(certificate, now) {
                Ok(told) => field(&mut text, "now", &told),
                Err(told) => {
                    field(&mut text, "now", &format!("{told}: {REPLACE}"));
                    let short = &certificate.fingerprint.to_string()[..8];
                    problems.push(format!("{id}: the certificate {short}… {told}: {REPLACE}"));
                }
            }
        }
        if let Proof::Certificate {
            fingerprint,
            certificate: None,
        } = &credential.proof
        {
            let _ = writeln!(text, "  {id}: given by its fingerprint alone");
            field(&mut text, "sha256", &fingerprint.to_string());
            field(
                &mut text,
                "now",
                "its dates cannot be tested; `certificate = \"file:org.crt\"` in place of `sha256` lets them be",
            );
        }
    }
    if text.is_empty() {
        text.push_str("  none: no credential of this org is proved by one\n");
    }
    text
}

/// What there is to say of a certificate at `now`.
///
/// # Errors
/// The same, where it does not count.
fn verdict(certificate: &Certificate, now: Timestamp) -> Result<String, String> {
    let days = |time: SignedDuration| match time.as_hours() / 24 {
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    };
    match certificate.standing(now) {
        Standing::Good => {
            let left = certificate.not_after.duration_since(now);
            let told = format!("good, {} left", days(left));
            Ok(if left < SOON {
                format!("WARNING: {told}; let a new one stand beside it before it ends")
            } else {
                told
            })
        }
        Standing::NotYet => {
            let wait = certificate.not_before.duration_since(now);
            Err(format!("is NOT YET VALID, for another {}", days(wait)))
        }
        Standing::Expired => {
            let ago = now.duration_since(certificate.not_after);
            Err(format!("has EXPIRED, {} ago", days(ago)))
        }
    }
}

fn field(text: &mut String, label: &str, value: &str) {
    let _ = writeln!(text, "    {label:<8} {value}");
}

fn moment(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::scripted::ACME;

    fn told(left: SignedDuration) -> Result<String, String> {
        let certificate = ACME.read();
        verdict(&certificate, certificate.not_after - left)
    }

    #[test]
    fn a_certificate_that_ends_within_30_days_is_pointed_out() {
        // It counts for ten days.
        let day = SignedDuration::from_hours(24);
        assert_eq!(
            told(day).as_deref(),
            Ok("WARNING: good, 1 day left; let a new one stand beside it before it ends")
        );
        let mut certificate = ACME.read();
        certificate.not_before = Timestamp::UNIX_EPOCH;
        let at = |left| verdict(&certificate, certificate.not_after - left);
        assert_eq!(at(30 * day).as_deref(), Ok("good, 30 days left"));
        let last = at(30 * day - SignedDuration::from_secs(1)).expect("good");
        assert!(last.starts_with("WARNING: good, 29 days left"), "{last}");
    }

    #[test]
    fn a_certificate_that_does_not_count_is_an_error_by_its_days() {
        let day = SignedDuration::from_hours(24);
        assert_eq!(told(-3 * day), Err("has EXPIRED, 3 days ago".to_owned()));
        assert_eq!(
            told(12 * day),
            Err("is NOT YET VALID, for another 2 days".to_owned())
        );
        assert!(told(SignedDuration::ZERO).is_ok(), "its last second counts");
    }
}
