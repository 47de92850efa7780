//! Tokens and forms that were changed anywhere prove nothing, and break nothing.

use std::sync::{Arc, LazyLock};

use belay::domain::Clock as _;
use belay::identity::{Directory, InMemory, Presented, TokenRequest};
use futures_util::FutureExt as _;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use url::form_urlencoded::Serializer;

use super::jwt::Jwt;
use super::keys::ACME;
use super::{
    JWT_ASSERTION, JWT_BEARER, SECRET, URL, by_assertion, by_client_assertion, by_secret, clock,
    with_credentials, with_tokens,
};
use crate::helpers::Config;

/// Who is known, and a token of each kind that would prove it.
struct Known {
    directory: Directory,
    now: Timestamp,
    /// Bearers: a JWT and an access token.
    bearers: [String; 2],
    assertion: String,
    client_assertion: String,
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let config = with_credentials(with_tokens(Config::to_address("http://127.0.0.1:9")));
    let clock = clock();
    let now = clock.timestamp();
    let memory = Arc::new(InMemory::new(clock));
    let directory = Directory::new(config.settings().roster(), memory);
    let jwt = |id, issuer| Jwt::of(id, issuer, URL, now);
    let client = jwt("x", "acme-signer").claim("sub", "acme-signer");
    let form = written(&by_secret("acme-client", SECRET));
    let access_token = granted(&directory, now, &form, None).expect("a good secret");
    Known {
        bearers: [jwt("acme_jwt", "acme").signed_by(&ACME), access_token],
        assertion: jwt("acme_exchange", "acme").signed_by(&ACME),
        client_assertion: client.signed_by(&ACME),
        directory,
        now,
    }
});

fn written(form: &[(&str, &str)]) -> Vec<u8> {
    let form = Serializer::new(String::new()).extend_pairs(form).finish();
    form.into_bytes()
}

/// The token that a form is given; names whoever it names on the way.
fn granted(
    directory: &Directory,
    now: Timestamp,
    form: &[u8],
    basic: Option<(String, String)>,
) -> Option<String> {
    let request = TokenRequest::parse(form, basic).ok()?;
    request.names();
    let eligible = directory.proves(&request, now).ok()?;
    let given = directory.give(eligible, 7, now).now_or_never();
    let given = given.expect("memory is at hand").ok()?;
    Some(given.token)
}

fn is_recognised(known: &Known, token: &str) -> bool {
    let presented = [Presented::Bearer(token)];
    presented[0].names();
    let recognised = known.directory.recognise(&presented, known.now);
    recognised
        .now_or_never()
        .expect("memory is at hand")
        .is_ok()
}

/// One change of a text.
#[derive(Debug, Clone)]
enum Change {
    Put(Index, char),
    Insert(Index, String),
    Cut(Index, Index),
    Repeat(Index, Index),
    TurnCase(Index),
    End(Index),
    Swap(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let place = any::<Index>;
    let letter = || {
        prop_oneof![
            8 => prop::char::ranges(vec!['A'..='Z', 'a'..='z', '0'..='9', '-'..='.', '_'..='_'].into()),
            1 => select(vec!['=', '+', '/', ' ', '\0', '\n', '%', 'é', '🦀']),
            1 => any::<char>(),
        ]
    };
    prop_oneof![
        (place(), letter()).prop_map(|(at, letter)| Change::Put(at, letter)),
        (place(), prop::collection::vec(letter(), 1..9))
            .prop_map(|(at, letters)| Change::Insert(at, letters.into_iter().collect())),
        (place(), place()).prop_map(|(from, to)| Change::Cut(from, to)),
        (place(), place()).prop_map(|(from, to)| Change::Repeat(from, to)),
        place().prop_map(Change::TurnCase),
        place().prop_map(Change::End),
        (place(), place()).prop_map(|(one, other)| Change::Swap(one, other)),
    ]
}

fn changed(text: &str, changes: &[Change]) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for change in changes {
        if letters.is_empty() {
            break;
        }
        let len = letters.len();
        let range = |one: &Index, other: &Index| {
            let (one, other) = (one.index(len), other.index(len));
            one.min(other)..one.max(other)
        };
        match change {
            Change::Put(at, letter) => letters[at.index(len)] = *letter,
            Change::Insert(at, more) => {
                let at = at.index(len);
                letters.splice(at..at, more.chars());
            }
            Change::Cut(from, to) => drop(letters.drain(range(from, to))),
            Change::Repeat(from, to) => letters.extend_from_within(range(from, to)),
            Change::TurnCase(at) => {
                let letter = &mut letters[at.index(len)];
                *letter = if letter.is_ascii_lowercase() {
                    letter.to_ascii_uppercase()
                } else {
                    letter.to_ascii_lowercase()
                };
            }
            Change::End(at) => letters.truncate(at.index(len)),
            Change::Swap(one, other) => letters.swap(one.index(len), other.index(len)),
        }
    }
    letters.into_iter().collect()
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    prop::collection::vec(change(), 1..4)
}

/// Names and values that a form may have, good ones among them, but never all of a good proof.
fn parameter() -> impl Strategy<Value = (String, String)> {
    let names = vec![
        "grant_type",
        "client_id",
        "client_secret",
        "client_assertion_type",
        "client_assertion",
        "assertion",
        "scope",
        "%00",
        "",
    ];
    let values = vec![
        "client_credentials",
        JWT_BEARER,
        JWT_ASSERTION,
        "acme-client",
        "acme-signer",
        "tasks",
        "eyJhbGciOiJSUzI1NiJ9.e30.AAAA",
        "..",
        "",
    ];
    let value = prop_oneof![
        3 => select(values).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    (select(names).prop_map(str::to_owned), value)
}

#[test]
fn what_is_changed_below_is_good_as_it_stands() {
    let known = &*KNOWN;
    for token in &known.bearers {
        assert!(is_recognised(known, token));
    }
    for form in [
        written(&by_assertion(&known.assertion)),
        written(&by_client_assertion(&known.client_assertion)),
    ] {
        assert!(granted(&known.directory, known.now, &form, None).is_some());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_token_that_was_changed_anywhere_proves_nothing(which in 0..2_usize, changes in changes()) {
        let known = &*KNOWN;
        let good = &known.bearers[which];
        let token = changed(good, &changes);
        prop_assert!(token == *good || !is_recognised(known, &token), "{}", token);
    }

    #[test]
    fn an_assertion_that_was_changed_anywhere_is_no_grant(changes in changes()) {
        let known = &*KNOWN;
        for (good, is_client) in [(&known.assertion, false), (&known.client_assertion, true)] {
            let token = changed(good, &changes);
            let form = if is_client {
                written(&by_client_assertion(&token))
            } else {
                written(&by_assertion(&token))
            };
            let given = granted(&known.directory, known.now, &form, None);
            prop_assert!(token == *good || given.is_none(), "{}", token);
        }
    }

    #[test]
    fn parts_of_two_tokens_make_no_third(parts in prop::array::uniform3(0..4_usize)) {
        let known = &*KNOWN;
        let [jwt, access_token] = &known.bearers;
        let all = [jwt, access_token, &known.assertion, &known.client_assertion];
        let part = |nth: usize| all[parts[nth]].split('.').nth(nth).expect("three parts");
        let token = format!("{}.{}.{}", part(0), part(1), part(2));
        let is_whole = all.contains(&&token);
        prop_assert!(is_whole || !is_recognised(known, &token));
    }

    #[test]
    fn a_form_of_any_bytes_is_read_or_refused(form in any::<Vec<u8>>(), basic in any::<Option<(String, String)>>()) {
        let known = &*KNOWN;
        prop_assert_eq!(granted(&known.directory, known.now, &form, basic), None);
    }

    #[test]
    fn parameters_in_any_order_and_number_are_read_or_refused(
        form in prop::collection::vec(parameter(), 0..8),
        basic in any::<Option<(String, String)>>(),
    ) {
        let known = &*KNOWN;
        let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        prop_assert_eq!(granted(&known.directory, known.now, &written(&form), basic), None);
    }

    #[test]
    fn text_of_any_kind_is_no_credential(text in ".{0,200}") {
        prop_assert!(!is_recognised(&KNOWN, &text));
        let parts = format!("ey{text}.{text}.{text}");
        prop_assert!(!is_recognised(&KNOWN, &parts));
    }
}
