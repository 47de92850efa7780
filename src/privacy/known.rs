//! The values of masked fields in one call, so that each has one placeholder wherever it stands.

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

    /// Takes in a masked number, as it came and without a `.0`, as people write it.
    pub(super) fn learn_number(&mut self, label: &str, digits: &str) {
        self.learn(label, digits);
        if let Some(whole) = digits.strip_suffix(".0") {
            self.learn(label, whole);
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

fn key(value: &str) -> String {
    value.to_lowercase()
}
