//! Phone numbers: international ones, and national ones as some twenty countries write them.
//!
//! # Why
//! Seven digits in a row are a phone number, an order, an amount or a part. What tells them apart is how they are written:
//! a plus and a country code with that country's count of digits, a trunk 0, the groups that a country's people use; or
//! the word or the field beside them. A plain run of digits without any of these is left alone. A false find costs
//! little, since it is put back into the answer; a miss leaves the org. So where groups are a country's own, they count.

use std::ops::Range;

mod beside;
mod countries;

use self::beside::{FILLERS, MONEY, OTHERS, PHONES};
use super::chars::{after, before, is_word, word_after, words_before, words_of_name};
use super::digits::Cluster;

/// Groups of one number, and digits of one (E.164 has 15; an extension may follow).
const MAX_GROUPS: usize = 9;
const MAX_DIGITS: usize = 15;

/// Groups from `first` on that make a phone number, where it begins, and its digits. In a field that
/// is there for phone numbers, any digits are one.
pub(super) fn at(
    cluster: &Cluster<'_>,
    first: usize,
    in_phone_field: bool,
) -> Option<(Range<usize>, usize, String)> {
    let head = Head::of(cluster, first)?;
    let groups = if head.plus {
        international(cluster, first)?
    } else if let Some(groups) = prefixed(cluster, first) {
        groups
    } else {
        national(cluster, first, &head, in_phone_field)?
    };
    let key = key(cluster, &groups, head.plus);
    Some((groups, head.start, key))
}

/// Whether a field of that name is there for phone numbers.
pub(super) fn is_phone_field(name: &str) -> bool {
    words_of_name(name)
        .iter()
        .any(|word| PHONES.contains(&word.as_str()))
}

/// What stands directly before the digits, as part of the number.
struct Head {
    start: usize,
    plus: bool,
    paren: bool,
}

impl Head {
    /// None where the digits go on something else: a word, an amount, a longer number.
    fn of(cluster: &Cluster<'_>, first: usize) -> Option<Self> {
        let text = cluster.text;
        let mut start = cluster.groups[first].start;
        let group = &cluster.groups[first];
        let paren =
            group.len() <= 5 && text[..start].ends_with('(') && text[group.end..].starts_with(')');
        start -= usize::from(paren);
        let plus = text[..start].ends_with('+');
        start -= usize::from(plus);
        let head = Self { start, plus, paren };
        if first > 0 && !plus {
            let gap = cluster.gap(first);
            let parts = gap.contains(' ') || gap == "/";
            return (parts && !gap.contains(['.', '-'])).then_some(head);
        }
        let last = before(text, start);
        let earlier = || {
            let mut chars = text[..start].chars().rev();
            chars.nth(1)
        };
        let stands = match last {
            None => true,
            Some('_' | '#' | '$' | '€' | '£' | '¥' | '₹') => false,
            Some('-' | '/') => !earlier().is_some_and(char::is_alphanumeric),
            Some('.' | ',' | ':' | '\'') => !earlier().is_some_and(|c| c.is_ascii_digit()),
            Some(c) => !is_word(c),
        };
        stands.then_some(head)
    }
}

/// A number that may end behind the group before `end`.
fn may_end(cluster: &Cluster<'_>, end: usize) -> bool {
    if end < cluster.groups.len() {
        let gap = cluster.gap(end);
        return gap.contains([' ', '/', ')']) && !gap.contains(['.', '-']);
    }
    let rest = &cluster.text[cluster.groups[end - 1].end..];
    let mut chars = rest.chars();
    let (next, second) = (chars.next(), chars.next());
    match next {
        None => true,
        Some('%' | '€' | '$' | '£') => false,
        Some('.' | ',' | ':' | '-' | '/') => !second.is_some_and(|c| c.is_ascii_digit()),
        Some('x' | 'X') => second.is_some_and(|c| c.is_ascii_digit()), // an extension
        Some(c) => !is_word(c),
    }
}

/// The groups from `first` on that a number may have, the most first.
fn choices(cluster: &Cluster<'_>, first: usize) -> impl Iterator<Item = Range<usize>> {
    let most = cluster.groups.len().min(first + MAX_GROUPS);
    (first + 1..=most)
        .rev()
        .filter(|&end| may_end(cluster, end))
        .map(move |end| first..end)
}

/// Behind a plus: a country's code and its count of digits.
fn international(cluster: &Cluster<'_>, first: usize) -> Option<Range<usize>> {
    choices(cluster, first).find(|groups| countries::is_number(&without_trunk(cluster, groups)))
}

/// Behind `00`, which is dialled for the plus.
fn prefixed(cluster: &Cluster<'_>, first: usize) -> Option<Range<usize>> {
    if !cluster.digits(first).starts_with("00") {
        return None;
    }
    choices(cluster, first).find(|groups| {
        let digits = without_trunk(cluster, groups);
        let digits = &digits[2..];
        countries::is_known(digits) && countries::is_number(digits)
    })
}

/// The digits, less a `(0)` that is dialled inside the country only.
fn without_trunk(cluster: &Cluster<'_>, groups: &Range<usize>) -> String {
    groups
        .clone()
        .filter(|&group| {
            let in_parens = group > groups.start && cluster.gap(group).ends_with('(');
            !(in_parens && cluster.digits(group) == "0")
        })
        .map(|group| cluster.digits(group))
        .collect()
}

fn national(
    cluster: &Cluster<'_>,
    first: usize,
    head: &Head,
    in_phone_field: bool,
) -> Option<Range<usize>> {
    // Words stand before a cluster only; what stands before a later group are digits.
    let words = match first {
        0 => words_before(cluster.text, head.start, 5),
        _ => Vec::new(),
    };
    let said = words
        .iter()
        .map(String::as_str)
        .find(|word| !FILLERS.contains(word))
        .unwrap_or_default();
    let is_called_one =
        |phone: &&str| said == *phone || (!phone.is_ascii() && said.ends_with(phone));
    if in_phone_field || PHONES.iter().any(is_called_one) {
        let is_one = |groups: &Range<usize>| (7..=MAX_DIGITS).contains(&count(cluster, groups));
        return choices(cluster, first).find(is_one);
    }
    if OTHERS.contains(&said) {
        return None;
    }
    match cluster.digits(first).as_bytes() {
        [b'0', b'1'..=b'9', ..] => with_trunk(cluster, first),
        _ => choices(cluster, first).find(|groups| {
            is_grouped(cluster, groups, head.paren) && !is_amount(cluster, groups, said)
        }),
    }
}

/// How many digits `groups` have together.
fn count(cluster: &Cluster<'_>, groups: &Range<usize>) -> usize {
    groups
        .clone()
        .map(|group| cluster.digits(group).len())
        .sum()
}

/// Behind the 0 that leaves the local network: an area code, and 9 to 13 digits in all.
fn with_trunk(cluster: &Cluster<'_>, first: usize) -> Option<Range<usize>> {
    if !(2..=6).contains(&cluster.digits(first).len()) {
        return None;
    }
    // What follows 11 digits is rather another number.
    choices(cluster, first)
        .find(|groups| (9..=11).contains(&count(cluster, groups)))
        .or_else(|| {
            choices(cluster, first).find(|groups| (12..=13).contains(&count(cluster, groups)))
        })
}

/// Whether the groups are those that some country's people use.
fn is_grouped(cluster: &Cluster<'_>, groups: &Range<usize>, paren: bool) -> bool {
    /// More are no country's way to write one.
    const MOST_GROUPS: usize = 5;
    if groups.len() > MOST_GROUPS || count(cluster, groups) > 12 {
        return false;
    }
    let lengths: Vec<usize> = groups
        .clone()
        .map(|group| cluster.digits(group).len())
        .collect();
    let digits = cluster.joined(groups.clone());
    let lead = digits.as_bytes()[0];
    let gaps: Vec<&str> = groups
        .clone()
        .skip(1)
        .map(|group| cluster.gap(group))
        .collect();
    let alike = gaps.windows(2).all(|pair| pair[0] == pair[1]);
    let last_hyphen = gaps.last() == Some(&"-");
    if paren {
        let is_year = lengths[0] == 4 && (digits.starts_with("19") || digits.starts_with("20"));
        return !is_year && (2..=5).contains(&lengths[0]) && (8..=12).contains(&digits.len());
    }
    match lengths[..] {
        [3, 3, 4] => lead >= b'2' && (alike || last_hyphen), // US, Canada, Italian mobile
        [1, 3, 3, 4] => lead == b'1',                        // US with its code
        [1, 3, 3, 2, 2] => matches!(lead, b'7' | b'8'),      // Russia
        [3, 4, 4] => lead == b'1' && digits.as_bytes()[1] >= b'3' && alike, // Chinese mobile
        [5, 5] => lead >= b'6',                              // India
        [2, 4 | 5, 4] => last_hyphen,                        // Brazil
        [3, 2, 2, 2] | [2, 3, 2, 2] => lead >= b'6' && alike, // Spain
        [3, 3, 3] if groups.start == 0 => lead >= b'6' && gaps == [" ", " "], // Spain, Portugal, Poland
        [3, 6 | 7] => lead == b'3' && matches!(gaps[0], " " | "/" | "-"),     // Italian mobile
        _ => false,
    }
}

/// Whether money is spoken of on either side.
fn is_amount(cluster: &Cluster<'_>, groups: &Range<usize>, said: &str) -> bool {
    let end = cluster.span(groups).end;
    let next = word_after(cluster.text, end);
    let sign = after(cluster.text[end..].trim_start(), 0);
    MONEY.contains(&said)
        || MONEY.contains(&next.as_str())
        || matches!(sign, Some('€' | '$' | '£' | '¥' | '%'))
}

/// The digits, as one writes them behind a plus where the country is known.
fn key(cluster: &Cluster<'_>, groups: &Range<usize>, plus: bool) -> String {
    let digits = without_trunk(cluster, groups);
    match digits.strip_prefix("00") {
        Some(rest) if !plus => format!("+{rest}"),
        _ if plus => format!("+{digits}"),
        _ => digits,
    }
}

/// Where the date ends that groups from `first` on are: `2026-11-25`, `25.11.2026`, `11/25/26`.
pub(super) fn date_at(cluster: &Cluster<'_>, first: usize) -> Option<Range<usize>> {
    let groups = first..first + 3;
    if groups.end > cluster.groups.len() {
        return None;
    }
    let gap = cluster.gap(first + 1);
    if gap != cluster.gap(first + 2) || !matches!(gap, "-" | "." | "/" | ". ") {
        return None;
    }
    let parts: Vec<&str> = groups.clone().map(|group| cluster.digits(group)).collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    let number = |at: usize| parts[at].parse::<u32>().unwrap_or(u32::MAX);
    let is_day = |one: u32, other: u32| {
        (1..=12).contains(&one.min(other)) && (1..=31).contains(&one.max(other))
    };
    let is_date = match lengths[..] {
        [4, 1 | 2, 1 | 2] => is_day(number(1), number(2)),
        [1 | 2, 1 | 2, 4] => is_day(number(0), number(1)) && (1900..=2199).contains(&number(2)),
        [1 | 2, 1 | 2, 2] => is_day(number(0), number(1)),
        _ => false,
    };
    is_date.then_some(groups)
}

#[cfg(test)]
mod tests;
