//! Making an outline fit: what is shortened and left out, and in which order.
//!
//! 1. A text that would fill more than half of the room is shortened to that half.
//! 2. Records in lists are left out whole, oldest first over all lists; those without a date first, the last of these foremost.
//! 3. The longest texts are shortened to one common length that fits.
//! 4. Members are left out, innermost first and last first. What the record is, its type and id, stays.
//!
//! Each step only begins when the one before was not enough. A shortened text keeps its head: in an e-mail thread the
//! newest stands on top, and notes begin with what the call was about.

use std::borrow::Cow;

use super::outline::{Body, Hold, Outline};
use super::spelling;

/// No text is shortened below this; a name, a stage or a next step is worth more than its bytes.
const SHORT_BYTES: usize = 200;

/// Shortens and leaves out until `outline` takes at most `room` bytes or nothing may go; says whether anything went.
pub(super) fn to_fit(outline: &mut Outline<'_>, room: usize) -> bool {
    let steps: [fn(&mut Outline<'_>, usize) -> bool; 4] = [
        shorten_the_overlong,
        leave_out_the_oldest,
        shorten_the_longest,
        leave_out_members,
    ];
    let mut cut = false;
    for step in steps {
        if outline.bytes > room {
            cut |= step(outline, room);
            outline.leave_out_the_empty();
        }
    }
    cut
}

fn shorten_the_overlong(outline: &mut Outline<'_>, room: usize) -> bool {
    let most = (room / 2).max(SHORT_BYTES);
    let mut cut = false;
    for index in 0..outline.parts.len() {
        cut |= outline.shorten(index, most);
    }
    cut
}

fn leave_out_the_oldest(outline: &mut Outline<'_>, room: usize) -> bool {
    let mut entries: Vec<_> = (0..outline.parts.len())
        .filter_map(|index| match outline.parts[index].hold {
            Hold::Entry(moment) => Some((moment, std::cmp::Reverse(index))),
            _ => None,
        })
        .collect();
    entries.sort_unstable(); // None comes before every moment
    leave_out_each(outline, entries.into_iter().map(|(_, index)| index.0), room)
}

fn shorten_the_longest(outline: &mut Outline<'_>, room: usize) -> bool {
    let mut widths: Vec<_> = (0..outline.parts.len())
        .filter_map(|index| outline.shortenable(index))
        .collect();
    widths.sort_unstable_by(|one, other| other.cmp(one));
    let most = common_width(&widths, outline.bytes - room).max(SHORT_BYTES);
    let mut cut = false;
    for index in 0..outline.parts.len() {
        cut |= outline.shorten(index, most);
    }
    cut
}

/// The greatest width to which the longest of `widths`, which come longest first, are shortened so that `excess` goes.
fn common_width(widths: &[usize], excess: usize) -> usize {
    let mut longest = 0;
    for (index, width) in widths.iter().enumerate() {
        longest += width;
        let count = index + 1;
        let next = widths.get(count).copied().unwrap_or_default();
        if longest - count * next >= excess {
            return (longest - excess) / count;
        }
    }
    0
}

fn leave_out_members(outline: &mut Outline<'_>, room: usize) -> bool {
    let mut members: Vec<_> = (0..outline.parts.len())
        .filter(|&index| outline.parts[index].hold == Hold::Loose)
        .map(|index| (outline.parts[index].depth, index))
        .collect();
    members.sort_unstable_by(|one, other| other.cmp(one));
    leave_out_each(outline, members.into_iter().map(|(_, index)| index), room)
}

/// Leaves out one part after another until the rest fits.
fn leave_out_each(
    outline: &mut Outline<'_>,
    parts: impl Iterator<Item = usize>,
    room: usize,
) -> bool {
    let mut cut = false;
    for index in parts {
        if outline.bytes <= room {
            break;
        }
        if outline.parts[index].kept {
            outline.leave_out(index);
            cut = true;
        }
    }
    cut
}

impl Outline<'_> {
    /// Leaves out the part at `index` and all inside it.
    fn leave_out(&mut self, index: usize) {
        let end = self.parts[index].end;
        for part in &mut self.parts[index..end] {
            if part.kept {
                part.kept = false;
                self.bytes -= part.bytes;
            }
        }
    }

    /// Leaves out the containers that hold nothing any more, or only say of what type it was.
    fn leave_out_the_empty(&mut self) {
        for index in (1..self.parts.len()).rev() {
            let part = &self.parts[index];
            let is_container = matches!(part.body, Body::Object | Body::List);
            let says =
                |inside: usize| self.parts[inside].kept && self.parts[inside].hold != Hold::Type;
            if part.kept && is_container && !self.inside(index).any(says) {
                self.leave_out(index);
            }
        }
    }

    /// The bytes between the quotes of a text that may be shortened.
    fn shortenable(&self, index: usize) -> Option<usize> {
        let part = &self.parts[index];
        match (&part.body, part.hold) {
            (Body::Text(text), Hold::Loose | Hold::Bound)
                if part.kept && part.bytes > SHORT_BYTES =>
            {
                Some(spelling::width(text))
            }
            _ => None,
        }
    }

    /// Shortens a text that takes more than `most` bytes.
    fn shorten(&mut self, index: usize, most: usize) -> bool {
        if self.parts[index].bytes <= most {
            return false; // a glance, before its width is counted
        }
        let Some(width) = self.shortenable(index).filter(|&width| width > most) else {
            return false;
        };
        let part = &mut self.parts[index];
        if let Body::Text(text) = &mut part.body {
            *text = Cow::Owned(spelling::head(text, most));
            let gone = width - spelling::width(text);
            part.bytes -= gone;
            self.bytes -= gone;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_meet_at_one_width() {
        assert_eq!(common_width(&[1000, 400, 100], 100), 900);
        assert_eq!(common_width(&[1000, 400, 100], 600), 400);
        assert_eq!(common_width(&[1000, 400, 100], 800), 300);
        assert_eq!(common_width(&[1000, 400, 100], 801), 299);
        assert_eq!(common_width(&[1000, 400, 100], 1500), 0);
        assert_eq!(common_width(&[1000, 400, 100], 9000), 0);
        assert_eq!(common_width(&[], 1), 0);
    }
}
