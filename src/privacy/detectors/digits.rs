//! Runs of digits and what may stand between them: the ground on which phones, cards and their like are looked for.

use std::ops::Range;

use crate::domain::scan;

/// Characters that may stand between two groups of one number, at most this many: `) - `.
const GAP: usize = 3;

/// Groups of digits that may belong together: `+41 (0)44 555-01 33` has five.
pub(super) struct Cluster<'t> {
    pub(super) text: &'t str,
    pub(super) groups: Vec<Range<usize>>,
}

impl<'t> Cluster<'t> {
    /// Whether no number that is looked for fits in: the shortest phone number has seven digits, an IP address four groups.
    pub(super) fn is_too_short(&self) -> bool {
        let digits: usize = self.groups.iter().map(Range::len).sum();
        digits < 7 && self.groups.len() < 4
    }

    /// The digits of a group.
    pub(super) fn digits(&self, group: usize) -> &'t str {
        &self.text[self.groups[group].clone()]
    }

    /// What stands before a group: between it and the one before, nothing before the first.
    pub(super) fn gap(&self, group: usize) -> &'t str {
        match group.checked_sub(1) {
            Some(before) => &self.text[self.groups[before].end..self.groups[group].start],
            None => "",
        }
    }

    /// The digits of `groups` in a row.
    pub(super) fn joined(&self, groups: Range<usize>) -> String {
        groups.map(|group| self.digits(group)).collect()
    }

    /// From the first digit of `groups` to the last.
    pub(super) fn span(&self, groups: &Range<usize>) -> Range<usize> {
        self.groups[groups.start].start..self.groups[groups.end - 1].end
    }
}

/// All clusters of `text`, in order.
pub(super) fn clusters(text: &str) -> impl Iterator<Item = Cluster<'_>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let bytes = text.as_bytes();
        let first = from + scan::first(&bytes[from..], |byte| byte.is_ascii_digit())?;
        let mut groups = Vec::new();
        let mut at = first;
        loop {
            let end = at + run(&bytes[at..], |byte| byte.is_ascii_digit());
            groups.push(at..end);
            from = end;
            let is_gap = |byte: u8| matches!(byte, b' ' | b'.' | b'-' | b'/' | b'(' | b')');
            let gap = run(&bytes[end..], is_gap);
            let goes_on = bytes.get(end + gap).is_some_and(u8::is_ascii_digit);
            if gap == 0 || gap > GAP || !goes_on {
                break;
            }
            at = end + gap;
        }
        Some(Cluster { text, groups })
    })
}

fn run(bytes: &[u8], is_part: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|&&byte| is_part(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_that_may_belong_together_are_one_cluster() {
        let read = |text: &str| -> Vec<Vec<String>> {
            clusters(text)
                .map(|cluster| {
                    (0..cluster.groups.len())
                        .map(|g| cluster.digits(g).to_owned())
                        .collect()
                })
                .collect()
        };
        assert_eq!(read("+41 (0)44 555-01"), [["41", "0", "44", "555", "01"]]);
        assert_eq!(
            read("1, 2  x 3 - 4"),
            [vec!["1"], vec!["2"], vec!["3", "4"]]
        );
        assert_eq!(read("none"), Vec::<Vec<String>>::new());
    }
}
