//! A find, and how finds that overlap become one.

use std::ops::Range;

/// Something found in a text.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::privacy) struct Hit<'p> {
    /// Where, in bytes.
    pub(in crate::privacy) range: Range<usize>,
    pub(in crate::privacy) kind: Kind<'p>,
    /// What is equal for all spellings of one value.
    pub(in crate::privacy) key: String,
}

/// What was found, the most certain first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::privacy) enum Kind<'p> {
    /// The value of a masked field, by its number.
    Masked(usize),
    /// What the org looks for by itself: the place in its list, and the name.
    Own(usize, &'p str),
    Email,
    Iban,
    Card,
    Ssn,
    Ip,
    Phone,
    /// A word that holds one of these when decoded.
    Encoded,
}

impl Kind<'_> {
    /// What the placeholder is called; None for a masked value, which has one already.
    pub(in crate::privacy) fn label(&self) -> Option<&str> {
        Some(match self {
            Kind::Masked(_) => return None,
            Kind::Own(_, name) => name,
            Kind::Email => "EMAIL",
            Kind::Iban => "IBAN",
            Kind::Card => "CARD",
            Kind::Ssn => "SSN",
            Kind::Ip => "IP",
            Kind::Phone => "PHONE",
            Kind::Encoded => "ENCODED",
        })
    }
}

/// The finds in order, those that overlap as one that covers them all: it is what the most certain one says.
pub(super) fn merged<'p>(mut hits: Vec<Hit<'p>>, text: &str) -> Vec<Hit<'p>> {
    hits.sort_by(|one, other| {
        (one.range.start, other.range.end).cmp(&(other.range.start, one.range.end))
    });
    let mut merged: Vec<Hit<'p>> = Vec::with_capacity(hits.len());
    for hit in hits {
        match merged.last_mut() {
            Some(last) if hit.range.start < last.range.end => last.join(hit, text),
            _ => merged.push(hit),
        }
    }
    merged
}

impl<'p> Hit<'p> {
    /// Takes in `other`, which begins inside this one or with it.
    fn join(&mut self, other: Hit<'p>, text: &str) {
        let range = self.range.start..self.range.end.max(other.range.end);
        let mut named: Option<Hit<'p>> = None;
        let mut covering: Option<Hit<'p>> = None;
        for hit in [self.clone(), other] {
            // A masked value is put back as a whole, so it names only what is no more than it.
            let covers = hit.range == range;
            let best = if covers { &mut covering } else { &mut named };
            if best.as_ref().is_none_or(|best| hit.kind < best.kind) {
                *best = Some(hit);
            }
        }
        let is_partly_masked = |hit: &Hit<'p>| matches!(hit.kind, Kind::Masked(_));
        let named = named.filter(|named| !is_partly_masked(named));
        *self = match (covering, named) {
            (Some(covering), Some(named)) if covering.kind > named.kind => Hit {
                range: range.clone(),
                kind: named.kind,
                key: text[range].to_owned(),
            },
            (Some(covering), _) => covering,
            (None, named) => Hit {
                kind: named.map_or(Kind::Encoded, |named| named.kind),
                key: text[range.clone()].to_owned(),
                range,
            },
        };
    }
}
