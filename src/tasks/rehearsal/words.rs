//! Which English words say that something is at stake, asked or felt, or that somebody decides.

/// Whether a word of `text` begins with one of `stems`; a stem may be a phrase.
pub(super) fn says(text: &str, stems: &[&str]) -> bool {
    let words: Vec<String> = text
        .split(|char: char| !char.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let line = format!(" {}", words.join(" "));
    stems.iter().any(|stem| line.contains(&format!(" {stem}")))
}

/// Whether `sentence` asks for something.
pub(super) fn asks(sentence: &str) -> bool {
    sentence.trim_end().ends_with(['?', '？']) || says(sentence, &ASKING)
}

/// How the customer sounds in `text`; `None` where no word tells.
pub(super) fn mood(text: &str) -> Option<&'static str> {
    let (mood, _) = MOODS.iter().find(|(_, stems)| says(text, stems))?;
    Some(mood)
}

/// Whether a title is one of those who decide: a chief, a vice president, a director, a head.
pub(super) fn decides(title: &str) -> bool {
    let words = title
        .split(|char: char| !char.is_alphanumeric())
        .map(str::to_lowercase);
    // Whole words: a coordinator is no COO, and who sits at headquarters no head.
    words
        .into_iter()
        .any(|word| DECIDING.contains(&word.as_str()))
}

const DECIDING: [&str; 23] = [
    "ceo",
    "cfo",
    "cio",
    "ciso",
    "cmo",
    "coo",
    "cpo",
    "cro",
    "cto",
    "chief",
    "chair",
    "chairman",
    "chairwoman",
    "director",
    "evp",
    "founder",
    "head",
    "owner",
    "partner",
    "president",
    "proprietor",
    "svp",
    "vp",
];

const ASKING: [&str; 16] = [
    "asks for",
    "asked for",
    "asks to",
    "asks whether",
    "please",
    "requested",
    "requests",
    "promised",
    "wants",
    "waiting for",
    "waits for",
    "needs approval",
    "open point",
    "open question",
    "can you",
    "could you",
];

/// The strongest feeling first.
const MOODS: [(&str, &[&str]); 4] = [
    (
        "angry",
        &[
            "unacceptable",
            "furious",
            "angry",
            "outrag",
            "lawyer",
            "legal action",
            "disgrace",
            "ridiculous",
        ],
    ),
    (
        "frustrated",
        &[
            "frustrat",
            "annoy",
            "fed up",
            "nobody has answered",
            "no answer",
            "no reply",
            "still not",
            "still waiting",
            "third time",
            "again and again",
        ],
    ),
    (
        "concerned",
        &[
            "worried",
            "concern",
            "urgent",
            "asap",
            "as soon as possible",
            "deadline",
            "audit",
            "critical",
            "cannot",
            "can t",
            "production is down",
        ],
    ),
    (
        "satisfied",
        &[
            "thank",
            "works now",
            "works again",
            "solved",
            "resolved",
            "happy with",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stem_counts_at_the_beginning_of_a_word_only() {
        assert!(says("Legal OBJECTS to it.", &["object"]));
        assert!(says("It is not, supported", &["not supported"]));
        assert!(!says("The project is fine", &["object", "ect"]));
    }

    #[test]
    fn a_question_mark_or_a_request_asks() {
        for sentence in ["When?", "次は？", "Asked for a reference."] {
            assert!(asks(sentence), "{sentence}");
        }
        assert!(!asks("Called. Agreed."));
    }

    #[test]
    fn a_title_decides_by_a_whole_word() {
        for title in [
            "CFO",
            "Co-Founder & CTO",
            "VP, Sales",
            "Head of IT",
            "Managing Director",
        ] {
            assert!(decides(title), "{title}");
        }
        for title in ["Sales coordinator", "Headquarters clerk", "Assistant", ""] {
            assert!(!decides(title), "{title}");
        }
    }

    #[test]
    fn the_strongest_feeling_counts() {
        assert_eq!(mood("Thanks, but this is unacceptable"), Some("angry"));
        assert_eq!(mood("Our auditors arrive"), Some("concerned"));
        assert_eq!(mood("It is blue"), None);
    }
}
