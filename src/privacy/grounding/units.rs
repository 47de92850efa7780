//! The signs and words around a number: currencies, magnitudes, percent.

/// What `1` stands for before a word such as `million`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Magnitude {
    pub(super) factor: f64,
    /// Its length in the text.
    pub(super) len: usize,
    /// Whether digits may go on behind it, as in `18万4500`.
    pub(super) continues: bool,
    /// `m`, `B`, `T`: metres, tonnes and months too, so it counts only beside a currency.
    pub(super) needs_currency: bool,
}

/// Longer spellings stand before those they begin with.
const MAGNITUDE_WORDS: [(&str, f64); 33] = [
    ("thousand", 1e3),
    ("tausend", 1e3),
    ("tsd.", 1e3),
    ("tsd", 1e3),
    ("mille", 1e3),
    ("lakhs", 1e5),
    ("lakh", 1e5),
    ("crores", 1e7),
    ("crore", 1e7),
    ("millionen", 1e6),
    ("millions", 1e6),
    ("million", 1e6),
    ("mill.", 1e6),
    ("mio.", 1e6),
    ("mio", 1e6),
    ("mln", 1e6),
    ("mn", 1e6),
    ("mm", 1e6),
    ("milliarden", 1e9),
    ("milliarde", 1e9),
    ("milliards", 1e9),
    ("milliard", 1e9),
    ("billions", 1e9),
    ("billion", 1e9),
    ("mrd.", 1e9),
    ("mrd", 1e9),
    ("mds", 1e9),
    ("md", 1e9),
    ("bn", 1e9),
    ("trillions", 1e12),
    ("trillion", 1e12),
    ("tn", 1e12),
    ("grand", 1e3),
];

/// Letters, which stand right behind the digits.
const MAGNITUDE_LETTERS: [(&str, f64, bool); 7] = [
    ("k", 1e3, false),
    ("K", 1e3, false),
    ("M", 1e6, false),
    ("m", 1e6, true),
    ("B", 1e9, true),
    ("b", 1e9, true),
    ("T", 1e3, true),
];

const MAGNITUDE_SIGNS: [(&str, f64); 9] = [
    ("百万", 1e6),
    ("千万", 1e7),
    ("十億", 1e9),
    ("千", 1e3),
    ("万", 1e4),
    ("萬", 1e4),
    ("億", 1e8),
    ("亿", 1e8),
    ("兆", 1e12),
];

const CURRENCY_SIGNS: [&str; 16] = [
    "$", "€", "£", "¥", "₹", "₩", "₽", "₺", "₫", "₪", "₴", "฿", "₦", "zł", "Kč", "kr",
];

const CURRENCY_CODES: [&str; 36] = [
    "USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "NZD", "SEK", "NOK", "DKK", "PLN", "CZK",
    "HUF", "INR", "CNY", "RMB", "HKD", "SGD", "KRW", "BRL", "MXN", "ZAR", "AED", "SAR", "ILS",
    "TRY", "THB", "RUB", "RON", "BGN", "TWD", "SFr.", "Fr.", "Rs.", "Rs",
];

/// Lower case; any of them may end in the letters of a plural.
const CURRENCY_WORDS: [&str; 14] = [
    "us dollar",
    "dollar",
    "us-dollar",
    "euro",
    "pound",
    "pfund",
    "yen",
    "yuan",
    "rupee",
    "franken",
    "franc",
    "kronor",
    "kronen",
    "livre",
];

const CURRENCY_IDEOGRAMS: [&str; 9] = [
    "円",
    "米ドル",
    "ドル",
    "ユーロ",
    "ポンド",
    "人民元",
    "元",
    "ウォン",
    "フラン",
];

const PERCENT_WORDS: [&str; 7] = [
    "percent",
    "per cent",
    "pct",
    "prozent",
    "pour cent",
    "pourcent",
    "percentage point",
];

/// The magnitude at the beginning of `rest`.
pub(super) fn magnitude(rest: &str) -> Option<Magnitude> {
    let apart = rest.strip_prefix([' ', '-']).unwrap_or(rest);
    let gap = rest.len() - apart.len();
    if let Some((sign, factor)) = MAGNITUDE_SIGNS
        .iter()
        .find(|(sign, _)| apart.starts_with(sign))
    {
        return Some(Magnitude {
            factor: *factor,
            len: gap + sign.len(),
            continues: true,
            needs_currency: false,
        });
    }
    if let Some((word, factor)) = MAGNITUDE_WORDS
        .iter()
        .find(|(word, _)| begins_with_word(apart, word))
    {
        return Some(Magnitude {
            factor: *factor,
            len: gap + word.len(),
            continues: false,
            needs_currency: false,
        });
    }
    let (letter, factor, ambiguous) = MAGNITUDE_LETTERS.iter().find(|(letter, _, _)| {
        apart
            .strip_prefix(letter)
            .is_some_and(|behind| !begins_with_letter(behind) || currency_behind(behind).is_some())
    })?;
    Some(Magnitude {
        factor: *factor,
        len: gap + letter.len(),
        continues: false,
        needs_currency: *ambiguous || gap > 0,
    })
}

/// The length of the currency at the beginning of `rest`, what joins it to the number included.
pub(super) fn currency_behind(rest: &str) -> Option<usize> {
    let joined = ["-", " de ", " d'", " "]
        .iter()
        .find_map(|join| rest.strip_prefix(join))
        .unwrap_or(rest);
    let gap = rest.len() - joined.len();
    let len = CURRENCY_IDEOGRAMS
        .iter()
        .find(|sign| joined.starts_with(*sign))
        .map(|sign| sign.len())
        .or_else(|| {
            CURRENCY_SIGNS
                .iter()
                .chain(&CURRENCY_CODES)
                .find(|code| {
                    joined.strip_prefix(**code).is_some_and(|behind| {
                        !code.ends_with(char::is_alphabetic) || !begins_with_letter(behind)
                    })
                })
                .map(|code| code.len())
        })
        .or_else(|| plural(joined, &CURRENCY_WORDS))?;
    Some(gap + len)
}

/// The length of the currency that `before` ends with, the space behind it included.
pub(super) fn currency_before(before: &str) -> Option<usize> {
    let close = before.strip_suffix(' ').unwrap_or(before);
    let gap = before.len() - close.len();
    let sign = CURRENCY_SIGNS
        .iter()
        .chain(&CURRENCY_CODES)
        .chain(&["Euro", "euros"])
        .find(|code| {
            close.strip_suffix(**code).is_some_and(|ahead| {
                !code.starts_with(char::is_alphabetic) || !ends_with_letter(ahead)
            })
        })?;
    let ahead = &close[..close.len() - sign.len()];
    // `US$`, `A$`, `CA$`
    let country = if *sign == "$" {
        ahead
            .bytes()
            .rev()
            .take(2)
            .take_while(u8::is_ascii_uppercase)
            .count()
    } else {
        0
    };
    Some(gap + sign.len() + country)
}

/// The length of the word or sign for percent at the beginning of `rest`, and what it makes of 1.
pub(super) fn percent(rest: &str) -> Option<(usize, f64)> {
    let apart = rest.strip_prefix([' ', '-']).unwrap_or(rest);
    let gap = rest.len() - apart.len();
    for (sign, factor) in [("%", 1.0), ("パーセント", 1.0), ("割", 10.0)] {
        if apart.starts_with(sign) {
            return Some((gap + sign.len(), factor));
        }
    }
    // Also `Prozentpunkte` and `percentage`: letters may follow.
    plural(apart, &PERCENT_WORDS).map(|len| (gap + len, 1.0))
}

/// Whether a text that ends like `before` says that its next number is a rough one.
pub(super) fn is_hedged(before: &str) -> bool {
    const WORDS: [&str; 24] = [
        "~",
        "≈",
        "about",
        "around",
        "roughly",
        "nearly",
        "almost",
        "approximately",
        "approx.",
        "circa",
        "ca.",
        "over",
        "rund",
        "etwa",
        "knapp",
        "fast",
        "environ",
        "près de",
        "presque",
        "quelque",
        "約",
        "およそ",
        "ほぼ",
        "plus de",
    ];
    let before = before.trim_end();
    WORDS.iter().any(|word| {
        before
            .len()
            .checked_sub(word.len())
            .and_then(|from| before.get(from..))
            .is_some_and(|end| end.eq_ignore_ascii_case(word))
    })
}

/// Whether `rest` goes on with a letter that would make one word with what stands before it. Ideographs and kana do not.
pub(super) fn begins_with_letter(rest: &str) -> bool {
    rest.chars().next().is_some_and(is_word_letter)
}

/// Whether `before` ends with such a letter.
pub(super) fn ends_with_letter(before: &str) -> bool {
    before.chars().next_back().is_some_and(is_word_letter)
}

fn is_word_letter(letter: char) -> bool {
    letter.is_alphabetic() && letter < '\u{2E80}'
}

fn begins_with_word(rest: &str, word: &str) -> bool {
    rest.get(..word.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(word))
        && (word.ends_with('.')
            || !begins_with_letter(&rest[word.len()..])
            || currency_behind(&rest[word.len()..]).is_some())
}

/// The length of that of `words` that `rest` begins with, to the end of the word.
fn plural(rest: &str, words: &[&str]) -> Option<usize> {
    let word = words.iter().find(|word| {
        rest.get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
    })?;
    let ending = rest[word.len()..]
        .chars()
        .take_while(|letter| is_word_letter(*letter))
        .map(char::len_utf8)
        .sum::<usize>();
    Some(word.len() + ending)
}
