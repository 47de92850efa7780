//! Which English words say that something is at stake, asked or felt.

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
    fn the_strongest_feeling_counts() {
        assert_eq!(mood("Thanks, but this is unacceptable"), Some("angry"));
        assert_eq!(mood("Our auditors arrive"), Some("concerned"));
        assert_eq!(mood("It is blue"), None);
    }
}
