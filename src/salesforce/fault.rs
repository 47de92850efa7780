//! What is wrong with a record, and where: a place as a JSON pointer (RFC 6901) and a sentence.

/// How many faults are told at once; whoever mends these will see the rest.
const FAULTS_TOLD: usize = 20;

/// One thing to mend in a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pointer} {detail}")]
pub struct Fault {
    /// Where in the request, as a JSON pointer: `/record/attributes/type`.
    pub pointer: String,
    /// What is wrong and what would be right, at most 255 characters. Never holds a record's value.
    pub detail: String,
}

impl Fault {
    /// What is wrong at `pointer`.
    #[must_use]
    pub fn at(pointer: &str, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.to_owned(),
            detail: detail.into(),
        }
    }
}

/// The faults found so far.
#[derive(Default)]
pub(super) struct Faults(Vec<Fault>);

/// Where the reader stands. Made on the stack as it descends, so that a sound record costs no pointer text at all.
#[derive(Clone, Copy)]
pub(super) enum Place<'p> {
    /// Where the record stands in the request, already a pointer.
    Root(&'p str),
    /// A member of the object at a place.
    Member(&'p Place<'p>, &'p str),
    /// An element of the list at a place.
    Item(&'p Place<'p>, usize),
}

impl Faults {
    /// Notes that what stands at `place` is wrong.
    pub(super) fn add(&mut self, place: &Place<'_>, detail: impl Into<String>) {
        if self.0.len() < FAULTS_TOLD {
            self.0.push(place.fault(detail));
        }
    }

    /// `sound`, if no fault was found.
    pub(super) fn or<T>(self, sound: T) -> Result<T, Vec<Fault>> {
        if self.0.is_empty() {
            Ok(sound)
        } else {
            Err(self.0)
        }
    }
}

impl Place<'_> {
    /// The fault of what stands here.
    pub(super) fn fault(&self, detail: impl Into<String>) -> Fault {
        Fault {
            pointer: self.pointer(),
            detail: detail.into(),
        }
    }

    fn pointer(&self) -> String {
        match self {
            Place::Root(pointer) => (*pointer).to_owned(),
            Place::Member(of, name) => {
                let name = name.replace('~', "~0").replace('/', "~1");
                format!("{}/{name}", of.pointer())
            }
            Place::Item(of, index) => format!("{}/{index}", of.pointer()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_escapes_what_would_be_read_as_a_step() {
        let root = Place::Root("/record");
        let member = Place::Member(&root, "a/b~c");
        let item = Place::Item(&member, 3);
        assert_eq!(item.fault("is wrong").pointer, "/record/a~1b~0c/3");
    }

    #[test]
    fn a_thousand_faults_are_told_as_twenty() {
        let mut faults = Faults::default();
        for _ in 0..1000 {
            faults.add(&Place::Root("/record"), "is wrong");
        }
        assert_eq!(faults.or(()).unwrap_err().len(), 20);
    }
}
