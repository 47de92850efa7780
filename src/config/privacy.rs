//! `[orgs.privacy]`: what of an org's data may leave.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::mistakes::did_you_mean;
use super::reader::{Entry, Section};
use crate::domain::{Detector, FieldPattern, LinkHost, OwnPattern, Privacy};

/// As many patterns of its own as an org may look for: each is one more read of every text.
const PATTERNS: usize = 50;

/// Reads the section, where there is one. From the moment that it stands, every detector is on unless it says which.
pub fn read(org: &mut Section<'_>) -> Option<Arc<Privacy>> {
    let mut section = org.section_if_there("privacy")?;
    let usual = Privacy::default();
    let mut flag = |name, usual| {
        let entry: Option<Entry<'_>> = section.take(name);
        entry.and_then(|entry| entry.flag()).unwrap_or(usual)
    };
    let allow_text = flag("allow_text", usual.allow_text);
    let web_search = flag("web_search", usual.web_search);
    let messages = flag("messages", usual.messages);
    let privacy = Privacy {
        allow: section
            .take("allow")
            .map(fields)
            .filter(|allow| !allow.is_empty()),
        drop: section.take("drop").map_or_else(Vec::new, fields),
        mask: section.take("mask").map_or_else(Vec::new, fields),
        detect: section
            .take("detect")
            .map_or_else(|| BTreeSet::from(Detector::ALL), detectors),
        patterns: patterns(&mut section),
        link_hosts: section.take("link_hosts").map_or_else(Vec::new, hosts),
        allow_text,
        web_search,
        messages,
    };
    section.done();
    Some(Arc::new(privacy))
}

fn fields(list: Entry<'_>) -> Vec<FieldPattern> {
    const WANTED: &str = "must be Object.Field, where * stands for any characters, such as Contact.Birthdate or *.SSN__c";
    list.items("must be a list of Object.Field, such as [\"*.SSN__c\"]")
        .iter()
        .filter_map(|entry| entry.parsed(WANTED, FieldPattern::parse))
        .collect()
}

fn detectors(list: Entry<'_>) -> BTreeSet<Detector> {
    let names = Detector::ALL.map(Detector::as_str);
    let wanted = format!("must be one of: {}", names.join(", "));
    list.items("must be a list such as [\"email\", \"phone\"]; an empty one looks for nothing")
        .iter()
        .filter_map(|entry| {
            let text = entry.text_or(&wanted)?;
            let detector = Detector::parse(text);
            if detector.is_none() {
                let near = did_you_mean(text, names);
                entry.note(format!("{wanted}{near}"));
            }
            detector
        })
        .collect()
}

fn patterns(section: &mut Section<'_>) -> Vec<OwnPattern> {
    let Some(list) = section.take("patterns") else {
        return Vec::new();
    };
    let wanted = "must be a list of { name = \"CUSTOMER_NO\", regex = \"KD-[0-9]{8}\" }";
    let mut patterns: Vec<OwnPattern> = Vec::new();
    for mut one in list.sections_of(wanted) {
        let name = one.need("name", "it becomes the placeholder, such as CUSTOMER_NO");
        let regex = one.need("regex", "it says what to look for, such as KD-[0-9]{8}");
        if let (Some(name), Some(regex)) = (name, regex)
            && let (Some(text), Some(expression)) = (name.text(), regex.text())
        {
            match OwnPattern::new(text, expression) {
                Ok(pattern) if patterns.iter().any(|known| known.name == pattern.name) => {
                    name.note("is the name of an earlier pattern; every pattern needs its own");
                }
                Ok(_) if patterns.len() >= PATTERNS => {
                    name.note(format!("is one too many; at most {PATTERNS} fit"));
                }
                Ok(pattern) => patterns.push(pattern),
                Err(why) if why.starts_with("the name") => name.note(why),
                Err(why) => regex.note(why),
            }
        }
        one.done();
    }
    patterns
}

fn hosts(list: Entry<'_>) -> Vec<LinkHost> {
    const WANTED: &str = "must be a host without scheme and path, such as acme.my.salesforce.com; the hosts below it are meant, too";
    list.items("must be a list of hosts, such as [\"acme.my.salesforce.com\"]")
        .iter()
        .filter_map(|entry| entry.parsed(WANTED, LinkHost::parse))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::scripted::{Scripted, mistake, mistakes};
    use super::super::settings::read;
    use super::*;

    /// The example's own section, with the header of what follows it.
    fn example() -> &'static str {
        let begin = Scripted::EXAMPLE
            .find("[orgs.privacy]")
            .expect("it has one");
        let length = Scripted::EXAMPLE[begin..].find("[[providers]]");
        &Scripted::EXAMPLE[begin..begin + length.expect("providers follow")]
    }

    fn with(section: &str) -> String {
        Scripted::EXAMPLE.replacen(example(), &format!("[orgs.privacy]\n{section}\n"), 1)
    }

    fn privacy(section: &str) -> Arc<Privacy> {
        let settings = read(&with(section), &Scripted::example()).expect("a good config");
        settings.tenants[0].org.privacy.clone().expect("it stands")
    }

    fn wrong(section: &str) -> String {
        mistake(example(), &format!("[orgs.privacy]\n{section}\n"))
    }

    #[test]
    fn an_org_that_says_nothing_has_no_policy_and_an_empty_section_is_one() {
        let config = Scripted::EXAMPLE.replacen(example(), "", 1);
        let settings = read(&config, &Scripted::example()).expect("a good config");
        assert_eq!(settings.tenants[0].org.privacy, None);

        let privacy = privacy("");
        assert_eq!(privacy.detect.len(), 6);
        assert_eq!(privacy.allow, None);
        assert!(privacy.allow_text && !privacy.web_search && privacy.messages);
    }

    #[test]
    fn a_policy_comes_as_it_is_written() {
        let privacy = privacy(
            "allow = [\"Opportunity.*\"]\ndrop = [\"*.SSN__c\"]\nmask = [\"Contact.Name\"]\ndetect = [\"email\"]\n\
             patterns = [{ name = \"CUSTOMER_NO\", regex = \"KD-[0-9]{8}\" }]\nlink_hosts = [\"acme.my.salesforce.com\"]\n\
             allow_text = false\nweb_search = true\nmessages = false",
        );
        assert_eq!(privacy.allow.as_ref().map(Vec::len), Some(1));
        assert!(privacy.drops(Some("Contact"), "SSN__c"));
        assert!(privacy.masks(Some("Contact"), "Name"));
        assert_eq!(privacy.detect, BTreeSet::from([Detector::Email]));
        assert_eq!(privacy.patterns[0].name, "CUSTOMER_NO");
        assert_eq!(privacy.link_hosts.len(), 1);
        assert!(!privacy.allow_text && privacy.web_search && !privacy.messages);
    }

    #[test]
    fn every_mistake_of_a_policy_is_told_at_once() {
        let section = "allow = [\"Opportunity\"]\ndetect = [\"emial\"]\nlink_hosts = [\"https://acme.example/x\"]\n\
                       patterns = [{ name = \"customer\", regex = \"a\" }, { name = \"NO\", regex = \"(\" }]\nweb_serach = true";
        let told = mistakes(example(), &format!("[orgs.privacy]\n{section}\n"));
        assert_eq!(told.len(), 6, "{told:#?}");
        let all = told.join("\n");
        for part in [
            "orgs[0].privacy.allow[0] = \"Opportunity\": must be Object.Field",
            "did you mean `email`?",
            "must be a host without scheme",
            "orgs[0].privacy.patterns[0].name",
            "orgs[0].privacy.patterns[1].regex",
            "did you mean `web_search`?",
        ] {
            assert!(all.contains(part), "{part} in\n{all}");
        }
    }

    #[test]
    fn what_would_match_everything_is_refused() {
        assert!(
            wrong("patterns = [{ name = \"ALL\", regex = \".*\" }]")
                .contains("matches the empty text")
        );
        assert!(
            wrong("patterns = [{ name = \"A\", regex = \"a\" }, { name = \"A\", regex = \"b\" }]")
                .contains("an earlier pattern")
        );
    }
}
