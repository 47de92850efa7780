//! The values of masked fields in one call, so that each is told again wherever it stands.

use std::collections::HashMap;

use super::mentions::Mentions;

/// What masked fields hold, as far as it can be told again elsewhere.
#[derive(Default)]
pub(super) struct Known {
    values: Vec<Masked>,
    numbers: HashMap<String, usize>,
    pub(super) mentions: Mentions,
}

/// A value, and what its placeholder is called after the first field that held it.
pub(super) struct Masked {
    pub(super) label: String,
    pub(super) value: String,
}

impl Known {
    /// Takes in the text of a masked field.
    pub(super) fn learn(&mut self, label: &str, value: &str) {
        let value = value.trim();
        if !Mentions::may_hold(value) || self.numbers.contains_key(&key(value)) {
            return;
        }
        let number = self.values.len();
        self.values.push(Masked {
            label: label.to_owned(),
            value: value.to_owned(),
        });
        self.numbers.insert(key(value), number);
        self.mentions.add(value, number);
    }

    /// Takes in a masked number, as it came, without a `.0`, and with its thousands apart, as people write it.
    pub(super) fn learn_number(&mut self, label: &str, digits: &str) {
        self.learn(label, digits);
        let whole = digits.strip_suffix(".0").unwrap_or(digits);
        self.learn(label, whole);
        let (sign, bare) = whole.split_at(usize::from(whole.starts_with('-')));
        if bare.bytes().all(|byte| byte.is_ascii_digit()) {
            self.learn(label, &format!("{whole}.0"));
            for mark in [",", ".", " ", "'", "’"] {
                self.learn(label, &format!("{sign}{}", grouped(bare, mark)));
            }
        }
    }

    /// The number of `value`, if it is one of them.
    pub(super) fn number_of(&self, value: &str) -> Option<usize> {
        self.numbers.get(&key(value)).copied()
    }

    pub(super) fn masked(&self, number: usize) -> &Masked {
        &self.values[number]
    }
}

/// `digits` in threes from the right, with `mark` between them.
fn grouped(digits: &str, mark: &str) -> String {
    let first = digits.len() % 3;
    let (head, rest) = digits.split_at(first);
    let threes = rest
        .as_bytes()
        .chunks(3)
        .map(|three| String::from_utf8_lossy(three).into_owned());
    let groups: Vec<String> = (!head.is_empty())
        .then(|| head.to_owned())
        .into_iter()
        .chain(threes)
        .collect();
    groups.join(mark)
}

fn key(value: &str) -> String {
    value.to_lowercase()
}
