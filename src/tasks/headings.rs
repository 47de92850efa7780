//! The few words that an answer's plain text adds to what the model wrote, by language.
//!
//! # Why
//! The model writes its answer in the caller's language, so headings in English above it would look broken. They stand
//! here and are not asked of the model, since a heading that differs from call to call cannot be searched for.

/// The words of one language.
#[derive(Debug)]
pub(super) struct Headings {
    pub(super) deal_context: &'static str,
    pub(super) risk_factors: &'static str,
    pub(super) talking_points: &'static str,
    pub(super) next_steps: &'static str,
    pub(super) low: &'static str,
    pub(super) medium: &'static str,
    pub(super) high: &'static str,
    pub(super) situation: &'static str,
    pub(super) history: &'static str,
    pub(super) next_step: &'static str,
    pub(super) sentiment: &'static str,
    pub(super) open_questions: &'static str,
    pub(super) satisfied: &'static str,
    pub(super) calm: &'static str,
    pub(super) concerned: &'static str,
    pub(super) frustrated: &'static str,
    pub(super) angry: &'static str,
    pub(super) unclear: &'static str,
}

/// The words of `language`, a tag such as `de`, `pt-BR` or Salesforce's own `en_US`; English for every other.
pub(super) fn headings(language: Option<&str>) -> &'static Headings {
    let tag = language.unwrap_or_default().trim().to_ascii_lowercase();
    match tag.split(['-', '_']).next() {
        Some("de") => &GERMAN,
        Some("fr") => &FRENCH,
        Some("es") => &SPANISH,
        Some("it") => &ITALIAN,
        Some("pt") => &PORTUGUESE,
        Some("nl") => &DUTCH,
        Some("ja") => &JAPANESE,
        _ => &ENGLISH,
    }
}

static ENGLISH: Headings = Headings {
    deal_context: "Deal context",
    risk_factors: "Risk factors",
    talking_points: "Talking points",
    next_steps: "Next steps",
    low: "Low",
    medium: "Medium",
    high: "High",
    situation: "Situation",
    history: "History",
    next_step: "Next step",
    sentiment: "Sentiment",
    open_questions: "Open questions",
    satisfied: "satisfied",
    calm: "calm",
    concerned: "concerned",
    frustrated: "frustrated",
    angry: "angry",
    unclear: "unclear",
};

static GERMAN: Headings = Headings {
    deal_context: "Ausgangslage",
    risk_factors: "Risiken",
    talking_points: "Gesprächspunkte",
    next_steps: "Nächste Schritte",
    low: "Gering",
    medium: "Mittel",
    high: "Hoch",
    situation: "Situation",
    history: "Verlauf",
    next_step: "Nächster Schritt",
    sentiment: "Stimmung",
    open_questions: "Offene Fragen",
    satisfied: "zufrieden",
    calm: "sachlich",
    concerned: "besorgt",
    frustrated: "frustriert",
    angry: "verärgert",
    unclear: "unklar",
};

static FRENCH: Headings = Headings {
    deal_context: "Contexte de l’affaire",
    risk_factors: "Risques",
    talking_points: "Points à aborder",
    next_steps: "Prochaines étapes",
    low: "Faible",
    medium: "Moyen",
    high: "Élevé",
    situation: "Situation",
    history: "Historique",
    next_step: "Prochaine étape",
    sentiment: "Ressenti du client",
    open_questions: "Questions en suspens",
    satisfied: "satisfait",
    calm: "calme",
    concerned: "inquiet",
    frustrated: "frustré",
    angry: "en colère",
    unclear: "indéterminé",
};

static SPANISH: Headings = Headings {
    deal_context: "Contexto de la oportunidad",
    risk_factors: "Riesgos",
    talking_points: "Puntos de conversación",
    next_steps: "Próximos pasos",
    low: "Bajo",
    medium: "Medio",
    high: "Alto",
    situation: "Situación",
    history: "Historial",
    next_step: "Próximo paso",
    sentiment: "Estado de ánimo",
    open_questions: "Preguntas abiertas",
    satisfied: "satisfecho",
    calm: "tranquilo",
    concerned: "preocupado",
    frustrated: "frustrado",
    angry: "enfadado",
    unclear: "sin determinar",
};

static ITALIAN: Headings = Headings {
    deal_context: "Contesto della trattativa",
    risk_factors: "Rischi",
    talking_points: "Punti da trattare",
    next_steps: "Prossimi passi",
    low: "Basso",
    medium: "Medio",
    high: "Alto",
    situation: "Situazione",
    history: "Cronologia",
    next_step: "Prossimo passo",
    sentiment: "Stato d’animo",
    open_questions: "Domande aperte",
    satisfied: "soddisfatto",
    calm: "tranquillo",
    concerned: "preoccupato",
    frustrated: "frustrato",
    angry: "arrabbiato",
    unclear: "non chiaro",
};

static PORTUGUESE: Headings = Headings {
    deal_context: "Contexto do negócio",
    risk_factors: "Riscos",
    talking_points: "Pontos de conversa",
    next_steps: "Próximos passos",
    low: "Baixo",
    medium: "Médio",
    high: "Alto",
    situation: "Situação",
    history: "Histórico",
    next_step: "Próximo passo",
    sentiment: "Sentimento",
    open_questions: "Perguntas em aberto",
    satisfied: "satisfeito",
    calm: "tranquilo",
    concerned: "preocupado",
    frustrated: "frustrado",
    angry: "irritado",
    unclear: "indefinido",
};

static DUTCH: Headings = Headings {
    deal_context: "Stand van zaken",
    risk_factors: "Risico’s",
    talking_points: "Gesprekspunten",
    next_steps: "Volgende stappen",
    low: "Laag",
    medium: "Gemiddeld",
    high: "Hoog",
    situation: "Situatie",
    history: "Verloop",
    next_step: "Volgende stap",
    sentiment: "Stemming",
    open_questions: "Open vragen",
    satisfied: "tevreden",
    calm: "rustig",
    concerned: "bezorgd",
    frustrated: "gefrustreerd",
    angry: "boos",
    unclear: "onduidelijk",
};

static JAPANESE: Headings = Headings {
    deal_context: "商談の状況",
    risk_factors: "リスク要因",
    talking_points: "話すべきポイント",
    next_steps: "次のステップ",
    low: "低",
    medium: "中",
    high: "高",
    situation: "状況",
    history: "経緯",
    next_step: "次の対応",
    sentiment: "お客様の様子",
    open_questions: "未回答の質問",
    satisfied: "満足",
    calm: "冷静",
    concerned: "懸念",
    frustrated: "不満",
    angry: "怒り",
    unclear: "不明",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_known_with_and_without_its_region() {
        for tag in ["de", "de-AT", "de_DE", " DE "] {
            assert_eq!(headings(Some(tag)).next_steps, "Nächste Schritte", "{tag}");
        }
        assert_eq!(headings(Some("pt_BR")).history, "Histórico");
        assert_eq!(headings(Some("ja")).situation, "状況");
    }

    #[test]
    fn every_other_language_has_english_headings() {
        for tag in [None, Some(""), Some("sv"), Some("den"), Some("-")] {
            assert_eq!(headings(tag).next_steps, "Next steps", "{tag:?}");
        }
    }
}
