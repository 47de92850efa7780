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
    let mut hits = hits.into_iter().peekable();
    while let Some(first) = hits.next() {
        let mut range = first.range.clone();
        let mut heap = vec![first];
        while let Some(hit) = hits.next_if(|hit| hit.range.start < range.end) {
            range.end = range.end.max(hit.range.end);
            heap.push(hit);
        }
        merged.push(joined(heap, range, text));
    }
    merged
}

/// What `heap`, which covers `range` together, comes to. Whatever its size, the text of the whole is copied once at most.
fn joined<'p>(mut heap: Vec<Hit<'p>>, range: Range<usize>, text: &str) -> Hit<'p> {
    if heap.len() == 1 {
        return heap.swap_remove(0);
    }
    // A masked value is put back as a whole, so it names only what is no more than it.
    let (covering, parts): (Vec<_>, Vec<_>) = heap.into_iter().partition(|hit| hit.range == range);
    let covering = covering.into_iter().min_by_key(|hit| hit.kind);
    let named = parts
        .iter()
        .map(|hit| hit.kind)
        .min()
        .filter(|kind| !matches!(kind, Kind::Masked(_)));
    let kind = match (covering, named) {
        (Some(covering), Some(named)) if covering.kind > named => named,
        (Some(covering), _) => return covering,
        (None, named) => named.unwrap_or(Kind::Encoded),
    };
    let key = text[range.clone()].to_owned();
    Hit { range, kind, key }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_of_finds_is_one_and_costs_no_more_than_its_length() {
        // Each begins inside of the one before; to copy the whole for each of them would be 20 GB.
        const LINKS: usize = 200_000;
        let text = "x".repeat(LINKS + 1);
        let links = (0..LINKS).map(|at| Hit {
            range: at..at + 2,
            kind: Kind::Email,
            key: "xx".to_owned(),
        });
        let merged = merged(links.collect(), &text);
        assert_eq!(merged.len(), 1);
        assert_eq!(
            (merged[0].range.clone(), merged[0].kind),
            (0..text.len(), Kind::Email)
        );
        assert!(merged[0].key == text);
    }
}
