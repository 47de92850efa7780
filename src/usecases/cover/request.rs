//! What leaves of a request's body.

use std::borrow::Cow;
use std::collections::HashSet;
use std::str;
use std::sync::Arc;

use bytes::Bytes;

use super::Cover;
use crate::domain::Privacy;
use crate::domain::json_text::{Edit, Kind, Node, quoted, spliced, unquoted};
use crate::privacy::{Passage, screen_passages};
use crate::providers::claude::texts::{self, Found, What, below};
use crate::salesforce::Fault;

pub(super) fn covered(body: &Bytes, policy: &Arc<Privacy>) -> Result<(Bytes, Cover), Fault> {
    let text = str::from_utf8(body).map_err(|_| fault("", "must be JSON in UTF-8"))?;
    let root = Node::read(text).map_err(|not| {
        let detail = format!(
            "is not valid JSON: something else should stand at byte {}",
            not.at
        );
        fault("", detail)
    })?;
    if !matches!(root.kind, Kind::Object(_)) {
        return Err(fault(
            "",
            "must be a JSON object, the body of a Messages request",
        ));
    }
    check(text, &root, "")?;
    if !policy.lets_text_out() {
        return Err(fault(
            "/messages",
            "can't leave: this org's policy sends named fields only (`allow_text = false`), and a prompt is free text; \
             use the tasks, which take records",
        ));
    }
    let found = texts::request(text, &root);
    found.iter().try_for_each(|found| admit(found, policy))?;

    let passages: Vec<(&str, Passage<'_>)> = found
        .iter()
        .map(|found| (found.part, passage(text, found)))
        .collect();
    let screened = screen_passages(&passages, policy);
    let mut edits: Vec<Edit> = found
        .iter()
        .zip(screened.left)
        .filter_map(|(found, left)| {
            let left = left?;
            let left = match found.what {
                What::Text => quoted(&left),
                _ => left,
            };
            Some((found.at.clone(), left))
        })
        .collect();
    // They were found in the order of the model.
    edits.sort_unstable_by_key(|(at, _)| at.start);
    let cover = Cover {
        policy: Arc::clone(policy),
        vault: screened.vault,
        sent: screened.sent,
        masked: screened.masked,
    };
    let body = if edits.is_empty() {
        body.clone()
    } else {
        Bytes::from(spliced(text, &edits))
    };
    Ok((body, cover))
}

fn fault(pointer: &str, detail: impl Into<String>) -> Fault {
    Fault {
        pointer: pointer.to_owned(),
        detail: detail.into(),
    }
}

/// Refuses what two readers may read in two ways, and what is not read at all.
fn check(text: &str, node: &Node<'_>, pointer: &str) -> Result<(), Fault> {
    match &node.kind {
        Kind::Word | Kind::Number => Ok(()),
        Kind::Deep => Err(fault(
            pointer,
            "is nested too deep: objects and lists may stand 128 levels inside one another",
        )),
        Kind::Text => check_string(text, node, pointer),
        Kind::List(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(nth, item)| check(text, item, &format!("{pointer}/{nth}"))),
        Kind::Object(members) => {
            let mut names = HashSet::with_capacity(members.len());
            members.iter().try_for_each(|member| {
                let pointer = below(pointer, &member.name);
                if !names.insert(&member.name) {
                    return Err(fault(
                        &pointer,
                        "stands twice in its object, so that readers may differ on what it says; name it once",
                    ));
                }
                if unquoted(&text[member.at.clone()]).is_none() {
                    return Err(fault(&pointer, "has a name with an escape that is no character"));
                }
                check(text, &member.value, &pointer)
            })
        }
    }
}

fn check_string(text: &str, node: &Node<'_>, pointer: &str) -> Result<(), Fault> {
    let literal = &text[node.at.clone()];
    if literal.contains("\\u") && unquoted(literal).is_none() {
        return Err(fault(
            pointer,
            "holds an escape that is no character, as half of a surrogate pair is none",
        ));
    }
    Ok(())
}

/// Refuses what the policy can't be held against.
fn admit(found: &Found, policy: &Privacy) -> Result<(), Fault> {
    let detail = match found.what {
        What::Text | What::Data => return Ok(()),
        What::Web if policy.web_search => return Ok(()),
        What::Web => {
            "reads the web for the model, and this org's privacy rules do not let it; leave the tool out, \
             or an operator sets `web_search = true` in `[orgs.privacy]`"
        }
        What::Code => {
            "runs code at the provider, which this org's privacy rules can't look into; leave the tool out"
        }
        What::Servers => {
            "lets the provider call other servers, which this org's privacy rules can't look into; leave it out and offer \
             tools of your own"
        }
        What::File => {
            "is an image or a file, and an org with privacy rules sends none, since they can't be looked into; send its \
             text, or an operator sets `messages = false` in `[orgs.privacy]`"
        }
    };
    Err(fault(&found.pointer, detail))
}

fn passage<'t>(text: &'t str, found: &Found) -> Passage<'t> {
    let written = &text[found.at.clone()];
    match found.what {
        // Every string was checked.
        What::Text => Passage::Text(unquoted(written).unwrap_or(Cow::Borrowed(written))),
        _ => Passage::Json(written),
    }
}
