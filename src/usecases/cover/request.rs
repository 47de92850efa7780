//! What leaves of a request's body.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;
use std::str;
use std::sync::Arc;

use bytes::Bytes;

use super::Cover;
use crate::domain::Privacy;
use crate::domain::json_text::{Edit, Kind, Node, quoted, spliced, unquoted};
use crate::privacy::{Passage, screen_passages};
use crate::providers::claude::texts::{self, Found, What};
use crate::salesforce::{Fault, clean};

pub(super) fn covered(body: &Bytes, policy: &Arc<Privacy>) -> Result<(Bytes, Cover), Fault> {
    let text = str::from_utf8(body).map_err(|_| Fault::at("", "must be JSON in UTF-8"))?;
    let root = Node::read(text).map_err(|not| {
        let detail = format!(
            "is not valid JSON: something else should stand at byte {}",
            not.at
        );
        Fault::at("", detail)
    })?;
    if !matches!(root.kind, Kind::Object(_)) {
        return Err(Fault::at(
            "",
            "must be a JSON object, the body of a Messages request",
        ));
    }
    let place = |at| texts::pointer(&root, at);
    check(text, &root).map_err(|wrong| Fault::at(&place(wrong.at), wrong.detail))?;
    if !policy.lets_text_out() {
        return Err(Fault::at(
            "/messages",
            "can't leave: this org's policy sends named fields only (`allow_text = false`), and a prompt is free text; \
             use the tasks, which take records",
        ));
    }
    let found = texts::request(text, &root);
    for found in &found {
        admit(found, policy).map_err(|detail| Fault::at(&place(found.at.start), detail))?;
    }

    let passages: Vec<(&str, Passage<'_>)> = found
        .iter()
        .map(|found| (found.part, passage(text, found)))
        .collect();
    let screened = screen_passages(&passages, policy);
    let mut edits: Vec<Edit> = Vec::new();
    for (found, left) in found.iter().zip(screened.left) {
        let Some(left) = left else { continue };
        if found.stays {
            if is_masked(text, found, &left) {
                return Err(Fault::at(&place(found.at.start), STAYS));
            }
            continue;
        }
        let left = match found.what {
            What::Text | What::Name => quoted(&left),
            _ => left,
        };
        edits.push((found.at.clone(), left));
    }
    // They were found in the order of the model.
    edits.sort_unstable_by_key(|(at, _)| at.start);
    let mut sent = screened.sent;
    // They are no data, whatever they are.
    sent.remove(texts::SETTINGS);
    let cover = Cover {
        policy: Arc::clone(policy),
        vault: screened.vault,
        sent,
        masked: screened.masked,
    };
    let body = if edits.is_empty() {
        body.clone()
    } else {
        Bytes::from(spliced(text, &edits))
    };
    Ok((body, cover))
}

/// What is told of something that would have to be masked and can't be.
const STAYS: &str = "holds what this org's privacy rules keep in, and can't be masked, since it means something as it is: \
                     it names a thing, or bounds a number; call it something else";

/// Whether something in a name or a number would be masked, not only cleaned of what no eye sees.
fn is_masked(text: &str, found: &Found, left: &str) -> bool {
    match passage(text, found) {
        Passage::Name(name) => clean(&name) != left,
        _ => true,
    }
}

/// What is wrong with a body, and the byte at which that begins.
struct Wrong {
    at: usize,
    detail: &'static str,
}

/// Refuses what two readers may read in two ways, and what is not read at all.
fn check(text: &str, node: &Node<'_>) -> Result<(), Wrong> {
    let wrong = |at: &Range<usize>, detail| {
        Err(Wrong {
            at: at.start,
            detail,
        })
    };
    match &node.kind {
        Kind::Deep => wrong(
            &node.at,
            "is nested too deep: objects and lists may stand 128 levels inside one another",
        ),
        Kind::Text if is_half(&text[node.at.clone()]) => wrong(
            &node.at,
            "holds an escape that is no character, as half of a surrogate pair is none",
        ),
        Kind::Word | Kind::Number | Kind::Text => Ok(()),
        Kind::List(items) => items.iter().try_for_each(|item| check(text, item)),
        Kind::Object(members) => {
            let mut names = HashSet::with_capacity(members.len());
            members.iter().try_for_each(|member| {
                if !names.insert(&member.name) {
                    return wrong(
                        &member.at,
                        "stands twice in its object, so that readers may differ on what it says; name it once",
                    );
                }
                if is_half(&text[member.at.clone()]) {
                    return wrong(&member.at, "has a name with an escape that is no character");
                }
                check(text, &member.value)
            })
        }
    }
}

/// Whether a string holds half a character.
fn is_half(literal: &str) -> bool {
    literal.contains("\\u") && unquoted(literal).is_none()
}

/// Refuses what the policy can't be held against.
fn admit(found: &Found, policy: &Privacy) -> Result<(), &'static str> {
    Err(match found.what {
        What::Text | What::Name | What::Data => return Ok(()),
        What::Web if policy.web_search => return Ok(()),
        What::Web => {
            "reads the web for the model, and this org's privacy rules do not let it; leave the tool out, \
             or an operator sets `web_search = true` in `[orgs.privacy]`"
        }
        What::Code => {
            "is no tool that the client runs, and what the provider runs this org's privacy rules can't look into; \
             leave it out, or offer a tool of your own"
        }
        What::Servers => {
            "lets the provider call other servers, which this org's privacy rules can't look into; leave it out and offer \
             tools of your own"
        }
        What::File => {
            "is an image or a file, and an org with privacy rules sends none, since they can't be looked into; send its \
             text, or an operator sets `messages = false` in `[orgs.privacy]`"
        }
        What::NoObject => "must be an object, or this org's privacy rules can't be held against it",
        What::NoList => {
            "must be a list of objects, or this org's privacy rules can't be held against it"
        }
        What::NoContent => {
            "must be a text or a list of blocks, or this org's privacy rules can't be held against it"
        }
    })
}

fn passage<'t>(text: &'t str, found: &Found) -> Passage<'t> {
    let written = &text[found.at.clone()];
    // Every string was checked.
    let said = || unquoted(written).unwrap_or(Cow::Borrowed(written));
    match found.what {
        What::Text => Passage::Text(said()),
        What::Name => Passage::Name(said()),
        _ => Passage::Json(written),
    }
}
