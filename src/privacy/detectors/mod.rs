//! What stands in a text that an org does not let out: addresses, numbers with checks, own patterns, masked values.
//!
//! One file a kind; each says where something begins and ends and how its spellings compare, and knows nothing of the
//! others. Here they are asked in turn, and finds that overlap become one.
//!
//! # Why
//! Two finds that overlap hide all that either covers, under the name of the more certain one. To keep only one of them,
//! however well chosen, would let the rest of the other out.
//!
//! Everything is linear in the text. The built-in kinds read bytes by hand, since one pass over the digits serves five of
//! them; only an org's own patterns are regexes.

mod card;
pub(super) mod chars;
mod digits;
mod email;
mod encoded;
mod hit;
mod iban;
mod ip;
mod phone;
mod ssn;
mod view;

use std::ops::Range;

use self::digits::{Cluster, clusters};
use self::hit::merged;
use self::view::View;
use super::mentions::Mentions;
use crate::domain::{Detector, OwnPattern, Privacy};

pub(super) use self::hit::{Hit, Kind};

/// A longer name is no field's; to read it again for each text of a list under it would cost their product.
const NAME_BYTES: usize = 255;

/// Reads texts for one org and one call.
pub(super) struct Scanner<'p> {
    detect: Wanted,
    patterns: &'p [OwnPattern],
    mentions: &'p Mentions,
}

/// Where digits stand.
#[derive(Clone, Copy)]
struct Field<'n> {
    name: &'n str,
    in_phone_field: bool,
}

/// Which detectors are on.
#[derive(Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "one for each detector, asked for every text"
)]
struct Wanted {
    email: bool,
    phone: bool,
    card: bool,
    ssn: bool,
    iban: bool,
    ip: bool,
}

impl<'p> Scanner<'p> {
    pub(super) fn new(policy: &'p Privacy, mentions: &'p Mentions) -> Self {
        let has = |detector| policy.detect.contains(&detector);
        Self {
            detect: Wanted {
                email: has(Detector::Email),
                phone: has(Detector::Phone),
                card: has(Detector::Card),
                ssn: has(Detector::Ssn),
                iban: has(Detector::Iban),
                ip: has(Detector::Ip),
            },
            patterns: &policy.patterns,
            mentions,
        }
    }

    /// Whether nothing is looked for at all.
    pub(super) fn is_idle(&self) -> bool {
        let Wanted {
            email,
            phone,
            card,
            ssn,
            iban,
            ip,
        } = self.detect;
        let detects = email || phone || card || ssn || iban || ip;
        !detects && self.patterns.is_empty() && self.mentions.is_empty()
    }

    /// All that is found in `text`, which is the value of the field `name`; in order, no two overlap.
    pub(super) fn find(&self, text: &str, name: &str) -> Vec<Hit<'p>> {
        let name = if name.len() > NAME_BYTES { "" } else { name };
        let mut hits = self.plain(text, name);
        let holds = |decoded: &str| !self.plain(decoded, "").is_empty();
        encoded::find(text, holds, &mut |range| {
            hits.push(Hit {
                key: text[range.clone()].to_owned(),
                range,
                kind: Kind::Encoded,
            });
        });
        merged(hits, text)
    }

    /// What is found in the digits of a JSON number; more than a card or an own pattern no number says.
    pub(super) fn find_in_number(&self, digits: &str) -> Vec<Hit<'p>> {
        let mut hits = Vec::new();
        self.own(digits, &mut hits);
        if self.detect.card {
            let whole = digits.strip_suffix(".0").unwrap_or(digits);
            if whole.bytes().all(|byte| byte.is_ascii_digit()) && card::is_card(whole) {
                hits.push(Hit {
                    range: 0..digits.len(),
                    kind: Kind::Card,
                    key: whole.to_owned(),
                });
            }
        }
        merged(hits, digits)
    }

    /// What stands in `text` as it is, encoded words apart; in no order, overlapping.
    fn plain(&self, text: &str, name: &str) -> Vec<Hit<'p>> {
        let view = View::of(text);
        let mut in_view = Vec::new();
        self.read(&view.text, name, &mut in_view);
        let mut hits: Vec<Hit<'p>> = in_view
            .into_iter()
            .map(|mut hit| {
                let range = view.source(&hit.range);
                if text[range.clone()] != view.text[hit.range.clone()] {
                    // Spelt in a way of its own, it goes back in that way: a value apart.
                    text[range.clone()].clone_into(&mut hit.key);
                }
                hit.range = range;
                hit
            })
            .collect();
        for hidden in &view.hidden {
            if hidden.len() > 8 {
                let mut inside = Vec::new();
                self.read(&text[hidden.clone()], name, &mut inside);
                hits.extend(inside.into_iter().map(|mut hit| {
                    hit.range = hit.range.start + hidden.start..hit.range.end + hidden.start;
                    hit
                }));
            }
        }
        if matches!(view.text, std::borrow::Cow::Owned(_)) {
            self.own(text, &mut hits);
        }
        hits
    }

    fn read(&self, text: &str, name: &str, hits: &mut Vec<Hit<'p>>) {
        self.mentions.find(text, &mut |range, number| {
            hits.push(Hit {
                key: text[range.clone()].to_lowercase(),
                range,
                kind: Kind::Masked(number),
            });
        });
        self.own(text, hits);
        if self.detect.email {
            email::find(text, &mut |range, key| {
                hits.push(Hit {
                    range,
                    kind: Kind::Email,
                    key,
                });
            });
        }
        let Wanted {
            phone,
            card,
            ssn,
            iban,
            ip,
            ..
        } = self.detect;
        if ip {
            ip::find_v6(text, &mut |range| {
                let key = text[range.clone()].to_ascii_lowercase();
                hits.push(Hit {
                    range,
                    kind: Kind::Ip,
                    key,
                });
            });
        }
        if phone || card || ssn || iban || ip {
            let in_phone_field = phone::is_phone_field(name);
            for cluster in clusters(text) {
                self.read_digits(
                    &cluster,
                    Field {
                        name,
                        in_phone_field,
                    },
                    hits,
                );
            }
        }
    }

    fn read_digits(&self, cluster: &Cluster<'_>, field: Field<'_>, hits: &mut Vec<Hit<'p>>) {
        if self.detect.iban
            && let Some((range, key)) = iban::at(cluster.text, cluster.groups[0].start)
        {
            hits.push(Hit {
                range,
                kind: Kind::Iban,
                key,
            });
        }
        if cluster.is_too_short() {
            return;
        }
        let mut group = 0;
        while group < cluster.groups.len() {
            let (groups, hit) = self.number_at(cluster, group, field);
            hits.extend(hit);
            group = groups.end;
        }
    }

    /// The number that begins with a group, and the groups that it takes: at least that one.
    fn number_at(
        &self,
        cluster: &Cluster<'_>,
        group: usize,
        field: Field<'_>,
    ) -> (Range<usize>, Option<Hit<'p>>) {
        let hit = |groups: &Range<usize>, kind, key| {
            Some(Hit {
                range: cluster.span(groups),
                kind,
                key,
            })
        };
        if self.detect.card
            && let Some((groups, key)) = card::at(cluster, group)
        {
            let hit = hit(&groups, Kind::Card, key);
            return (groups, hit);
        }
        if self.detect.ssn
            && let Some((groups, key)) = ssn::at(cluster, group, field.name)
        {
            let hit = hit(&groups, Kind::Ssn, key);
            return (groups, hit);
        }
        if self.detect.ip
            && let Some(groups) = ip::v4_at(cluster, group, field.name)
        {
            let key = cluster.text[cluster.span(&groups)].to_owned();
            let hit = hit(&groups, Kind::Ip, key);
            return (groups, hit);
        }
        if let Some(groups) = phone::date_at(cluster, group) {
            return (groups, None);
        }
        if self.detect.phone
            && let Some((groups, start, key)) = phone::at(cluster, group, field.in_phone_field)
        {
            let hit = Hit {
                range: start..cluster.span(&groups).end,
                kind: Kind::Phone,
                key,
            };
            return (groups, Some(hit));
        }
        (group..group + 1, None)
    }

    fn own(&self, text: &str, hits: &mut Vec<Hit<'p>>) {
        for (place, pattern) in self.patterns.iter().enumerate() {
            let found = pattern.regex.find_iter(text);
            hits.extend(found.filter(|found| !found.is_empty()).map(|found| Hit {
                range: found.range(),
                kind: Kind::Own(place, &pattern.name),
                key: found.as_str().to_owned(),
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Privacy {
        Privacy {
            detect: Detector::ALL.into(),
            patterns: vec![
                OwnPattern::new("CUSTOMER_NO", "KD-[0-9]{8}").unwrap(),
                OwnPattern::new("TAIL", "33 [A-Z]{3}").unwrap(),
                OwnPattern::new("EDGE", r"\b").unwrap(),
            ],
            ..Privacy::default()
        }
    }

    fn found(text: &str) -> Vec<(String, &str)> {
        let policy = all();
        let none = Mentions::default();
        let scanner = Scanner::new(&policy, &none);
        scanner
            .find(text, "Description")
            .into_iter()
            .map(|hit| (hit.kind.label().unwrap().to_owned(), &text[hit.range]))
            .collect()
    }

    #[test]
    fn each_kind_is_found_under_its_name() {
        let text = "KD-12345678 a@b.example +41 44 555 01 33, DE89 3704 0044 0532 0130 00; 4111 1111 1111 1111, \
                    123-45-6789, 192.0.2.1 or 2001:db8::1";
        let kinds: Vec<String> = found(text).into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(
            kinds,
            [
                "CUSTOMER_NO",
                "EMAIL",
                "PHONE",
                "IBAN",
                "CARD",
                "SSN",
                "IP",
                "IP"
            ]
        );
    }

    #[test]
    fn other_spellings_of_a_character_hide_nothing() {
        for (text, kind, piece) in [
            (
                "x jens&#64;acme.example y",
                "EMAIL",
                "jens&#64;acme.example",
            ),
            (
                "https://x.example/?m=jens%40acme.example",
                "EMAIL",
                "jens%40acme.example",
            ),
            (
                "<p>j<b>ens</b>@acme.example</p>",
                "EMAIL",
                "j<b>ens</b>@acme.example",
            ),
            (
                "<a href=\"mailto:jens@acme.example\">x</a>",
                "EMAIL",
                "jens@acme.example",
            ),
            (
                "<span title=\"jens@acme.example\">x</span>",
                "EMAIL",
                "jens@acme.example",
            ),
            (
                "電話：０９０－５５５０－１２３４",
                "PHONE",
                "０９０－５５５０－１２３４",
            ),
            (
                "+41\u{a0}44\u{a0}555\u{2011}01\u{2011}33",
                "PHONE",
                "+41\u{a0}44\u{a0}555\u{2011}01\u{2011}33",
            ),
            (
                "amVuc0BhY21lLmV4YW1wbGU= x",
                "ENCODED",
                "amVuc0BhY21lLmV4YW1wbGU=",
            ),
            (
                "{\"m\":\"jens\\u0040acme.example\"}",
                "EMAIL",
                "jens\\u0040acme.example",
            ),
        ] {
            assert_eq!(found(text), [(kind.to_owned(), piece)], "{text}");
        }
    }

    #[test]
    fn finds_that_overlap_are_hidden_as_one() {
        assert_eq!(
            found("KD-12345678@acme.example"),
            [("CUSTOMER_NO".to_owned(), "KD-12345678@acme.example")]
        );
        assert_eq!(
            found("x@[192.0.2.7]"),
            [("EMAIL".to_owned(), "x@[192.0.2.7]")]
        );
    }

    #[test]
    fn of_finds_that_overlap_in_part_nothing_is_left_out() {
        assert_eq!(
            found("at +41 44 555 01 33 ABC now"),
            [("TAIL".to_owned(), "+41 44 555 01 33 ABC")]
        );
    }

    #[test]
    fn ordinary_sentences_hold_nothing() {
        for text in [
            include_str!("../../salesforce/fixtures/case_thread.txt"),
            "Renewal plus 400 extra vehicles. Competitor quoted 12% below us in September; Net 60, we offered Net 45.",
            "Reproduced on sandbox with release 14.2. PO 4500012345, ORD-2026-000123, EUR 1,000,000, 2026-11-14T16:40:12.000+0000",
            "Opportunity 0065f00000QwErTAAV moved from 184500.0 to 1.234.567,89 EUR on 25.11.2026 at 17:00 (v10.0.19045).",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }

    #[test]
    fn a_number_is_looked_through_for_cards_and_own_patterns_alone() {
        let policy = Privacy {
            patterns: vec![OwnPattern::new("PIN", "^77[0-9]{4}$").unwrap()],
            ..all()
        };
        let none = Mentions::default();
        let scanner = Scanner::new(&policy, &none);
        let kinds = |digits: &str| -> Vec<String> {
            let hits = scanner.find_in_number(digits);
            hits.iter()
                .map(|hit| hit.kind.label().unwrap().to_owned())
                .collect()
        };
        assert_eq!(kinds("4111111111111111"), ["CARD"]);
        assert_eq!(kinds("4111111111111111.0"), ["CARD"]);
        assert_eq!(kinds("771234"), ["PIN"]);
        for plain in [
            "4111111111111112",
            "41445550133",
            "184500.0",
            "123456789",
            "1e300",
        ] {
            assert_eq!(kinds(plain), Vec::<String>::new(), "{plain}");
        }
    }
}
