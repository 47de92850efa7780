//! Whether a text says no more than that there is nothing to say.
//!
//! # Why
//! A Flow asks "is the champion null?" and cannot know that `Not mentioned in the notes` means the same. Models write
//! such words all the same, in every language, so they are told apart here and sent back. Only short texts count: a long
//! one that opens like this says something after all.

/// Characters that a text of nothing may have.
const SHORT: usize = 80;

/// Whether `text` says nothing: no letter, or words such as `unknown`, `n/a`, `nicht erwähnt`, `記載なし`.
pub(in crate::tasks) fn says_nothing(text: &str) -> bool {
    let words: Vec<String> = text
        .split(|char: char| !char.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let line = words.join(" ");
    if line.is_empty() || EXACTLY.contains(&line.as_str()) {
        return true;
    }
    let opens = |opening: &&str| {
        let rest = line.strip_prefix(opening);
        rest.is_some_and(|rest| !rest.starts_with(char::is_numeric))
    };
    line.chars().count() <= SHORT
        && (OPENING.iter().any(opens) || INSIDE.iter().any(|part| line.contains(part)))
}

/// The whole text.
const EXACTLY: [&str; 71] = [
    "unknown",
    "unclear",
    "none",
    "nothing",
    "no",
    "nobody",
    "n a",
    "na",
    "nil",
    "null",
    "tbd",
    "tba",
    "tbc",
    "to be determined",
    "to be confirmed",
    "to be defined",
    "not known",
    "not clear",
    "not applicable",
    "not yet known",
    "not yet clear",
    "open",
    "undefined",
    "unspecified",
    "unbekannt",
    "unklar",
    "keine",
    "keiner",
    "keines",
    "kein",
    "nichts",
    "niemand",
    "k a",
    "offen",
    "noch offen",
    "entfällt",
    "nicht bekannt",
    "noch nicht bekannt",
    "noch unbekannt",
    "inconnu",
    "inconnue",
    "aucun",
    "aucune",
    "néant",
    "rien",
    "personne",
    "n c",
    "s o",
    "desconocido",
    "desconocida",
    "ninguno",
    "ninguna",
    "nada",
    "sconosciuto",
    "sconosciuta",
    "nessuno",
    "nessuna",
    "n d",
    "desconhecido",
    "desconhecida",
    "nenhum",
    "nenhuma",
    "onbekend",
    "geen",
    "n v t",
    "不明",
    "なし",
    "無し",
    "未定",
    "特になし",
    "該当なし",
];

/// How a short text begins.
const OPENING: [&str; 74] = [
    "not mentioned",
    "not stated",
    "not specified",
    "not discussed",
    "not identified",
    "not named",
    "not given",
    "not provided",
    "not covered",
    "not addressed",
    "not available",
    "not explicitly",
    "not yet mentioned",
    "not yet identified",
    "not yet named",
    "no information",
    "no mention of",
    "nothing mentioned",
    "nothing said",
    "nothing stated",
    "none mentioned",
    "none identified",
    "none named",
    "none stated",
    "none given",
    "unknown from the notes",
    "unknown based on",
    "the notes do not mention",
    "the notes do not say",
    "the notes do not name",
    "the notes do not state",
    "the notes do not identify",
    "the notes do not specify",
    "nicht erwähnt",
    "nicht genannt",
    "nicht angegeben",
    "nicht benannt",
    "nicht besprochen",
    "nicht thematisiert",
    "nicht ersichtlich",
    "noch nicht benannt",
    "keine angabe",
    "keine information",
    "keine erwähnung",
    "non mentionné",
    "non précisé",
    "non spécifié",
    "non identifié",
    "non communiqué",
    "non indiqué",
    "non renseigné",
    "pas mentionné",
    "pas d information",
    "aucune information",
    "aucune mention",
    "no se menciona",
    "no mencionad",
    "no se especifica",
    "no especificad",
    "no se indica",
    "sin información",
    "no consta",
    "non menzionat",
    "non specificat",
    "non indicat",
    "nessuna informazione",
    "não mencionad",
    "não especificad",
    "não informad",
    "sem informaç",
    "niet genoemd",
    "niet vermeld",
    "niet besproken",
    "geen informatie",
];

/// What a short Japanese text holds anywhere: there the verdict comes last.
const INSIDE: [&str; 14] = [
    "記載なし",
    "記載がな",
    "記載はな",
    "記載がありません",
    "記載はありません",
    "記載されていな",
    "記載されていません",
    "言及なし",
    "言及がな",
    "言及がありません",
    "言及はありません",
    "言及されていな",
    "言及されていません",
    "情報なし",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_nothing_are_known_in_many_languages() {
        for text in [
            "",
            " - ",
            "?",
            "N/A",
            "n.a.",
            "Unknown",
            "unknown.",
            "TBD",
            "(none)",
            "Not mentioned in the notes.",
            "No information provided",
            "Not yet identified",
            "The notes do not name a champion.",
            "Unbekannt",
            "k. A.",
            "Nicht erwähnt",
            "Keine Angaben in den Notizen",
            "Inconnu",
            "Non mentionné dans les notes",
            "Aucune information",
            "n.c.",
            "No se menciona en las notas",
            "Non specificato",
            "Não mencionado",
            "Niet vermeld",
            "不明",
            "記載なし",
            "メモには記載がありません。",
            "決裁者についての言及なし",
        ] {
            assert!(says_nothing(text), "{text}");
        }
    }

    #[test]
    fn what_says_something_is_kept_though_it_begins_alike() {
        for text in [
            "None of the vendors has an offline buffer",
            "Unknown to the CFO until now: 40k a month are lost",
            "No budget before April",
            "Not clear who signs: Ruth says the board, Tomas says the CFO",
            "To be determined by the board on 15 Dec",
            "The notes do not agree: the CFO signs, or the board does",
            "Keine Freigabe ohne den Vorstand",
            "Nobody but Ruth may sign",
            "Aucun budget avant avril",
            "予算なしでは進まない",
            "Not mentioned to the board yet, but Ruth will bring the number of spoiled crates up on 15 Dec herself",
        ] {
            assert!(!says_nothing(text), "{text}");
        }
    }
}
