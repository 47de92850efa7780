//! The words around a briefing.

use super::Tongues;

/// The words of one language.
#[derive(Debug)]
pub(in crate::tasks) struct Headings {
    pub(in crate::tasks) deal_context: &'static str,
    pub(in crate::tasks) risk_factors: &'static str,
    pub(in crate::tasks) talking_points: &'static str,
    pub(in crate::tasks) next_steps: &'static str,
    pub(in crate::tasks) low: &'static str,
    pub(in crate::tasks) medium: &'static str,
    pub(in crate::tasks) high: &'static str,
}

/// The words of every language.
pub(in crate::tasks) static HEADINGS: Tongues<Headings> = Tongues {
    english: Headings {
        deal_context: "Deal context",
        risk_factors: "Risk factors",
        talking_points: "Talking points",
        next_steps: "Next steps",
        low: "Low",
        medium: "Medium",
        high: "High",
    },
    german: Headings {
        deal_context: "Ausgangslage",
        risk_factors: "Risiken",
        talking_points: "Gesprächspunkte",
        next_steps: "Nächste Schritte",
        low: "Gering",
        medium: "Mittel",
        high: "Hoch",
    },
    french: Headings {
        deal_context: "Contexte de l’affaire",
        risk_factors: "Risques",
        talking_points: "Points à aborder",
        next_steps: "Prochaines étapes",
        low: "Faible",
        medium: "Moyen",
        high: "Élevé",
    },
    spanish: Headings {
        deal_context: "Contexto de la oportunidad",
        risk_factors: "Riesgos",
        talking_points: "Puntos de conversación",
        next_steps: "Próximos pasos",
        low: "Bajo",
        medium: "Medio",
        high: "Alto",
    },
    italian: Headings {
        deal_context: "Contesto della trattativa",
        risk_factors: "Rischi",
        talking_points: "Punti da trattare",
        next_steps: "Prossimi passi",
        low: "Basso",
        medium: "Medio",
        high: "Alto",
    },
    portuguese: Headings {
        deal_context: "Contexto do negócio",
        risk_factors: "Riscos",
        talking_points: "Pontos de conversa",
        next_steps: "Próximos passos",
        low: "Baixo",
        medium: "Médio",
        high: "Alto",
    },
    dutch: Headings {
        deal_context: "Stand van zaken",
        risk_factors: "Risico’s",
        talking_points: "Gesprekspunten",
        next_steps: "Volgende stappen",
        low: "Laag",
        medium: "Gemiddeld",
        high: "Hoog",
    },
    japanese: Headings {
        deal_context: "商談の状況",
        risk_factors: "リスク要因",
        talking_points: "話すべきポイント",
        next_steps: "次のステップ",
        low: "低",
        medium: "中",
        high: "高",
    },
};
