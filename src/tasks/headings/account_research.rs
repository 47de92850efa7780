//! The words around the research of an account.

use super::Tongues;

/// The words of one language.
#[derive(Debug)]
pub(in crate::tasks) struct Headings {
    pub(in crate::tasks) overview: &'static str,
    pub(in crate::tasks) decision_makers: &'static str,
    pub(in crate::tasks) org_chart: &'static str,
    pub(in crate::tasks) field_values: &'static str,
    pub(in crate::tasks) reports_to: &'static str,
    pub(in crate::tasks) low: &'static str,
    pub(in crate::tasks) medium: &'static str,
    pub(in crate::tasks) high: &'static str,
}

/// The words of every language.
pub(in crate::tasks) static HEADINGS: Tongues<Headings> = Tongues {
    english: Headings {
        overview: "Overview",
        decision_makers: "Decision makers",
        org_chart: "Org chart",
        field_values: "Field values",
        reports_to: "reports to",
        low: "low confidence",
        medium: "medium confidence",
        high: "high confidence",
    },
    german: Headings {
        overview: "Überblick",
        decision_makers: "Entscheider",
        org_chart: "Organigramm",
        field_values: "Feldwerte",
        reports_to: "berichtet an",
        low: "geringe Sicherheit",
        medium: "mittlere Sicherheit",
        high: "hohe Sicherheit",
    },
    french: Headings {
        overview: "Vue d’ensemble",
        decision_makers: "Décideurs",
        org_chart: "Organigramme",
        field_values: "Valeurs des champs",
        reports_to: "rend compte à",
        low: "confiance faible",
        medium: "confiance moyenne",
        high: "confiance élevée",
    },
    spanish: Headings {
        overview: "Resumen",
        decision_makers: "Responsables de la decisión",
        org_chart: "Organigrama",
        field_values: "Valores de los campos",
        reports_to: "reporta a",
        low: "confianza baja",
        medium: "confianza media",
        high: "confianza alta",
    },
    italian: Headings {
        overview: "Panoramica",
        decision_makers: "Decisori",
        org_chart: "Organigramma",
        field_values: "Valori dei campi",
        reports_to: "riporta a",
        low: "affidabilità bassa",
        medium: "affidabilità media",
        high: "affidabilità alta",
    },
    portuguese: Headings {
        overview: "Visão geral",
        decision_makers: "Decisores",
        org_chart: "Organograma",
        field_values: "Valores dos campos",
        reports_to: "reporta-se a",
        low: "confiança baixa",
        medium: "confiança média",
        high: "confiança alta",
    },
    dutch: Headings {
        overview: "Overzicht",
        decision_makers: "Beslissers",
        org_chart: "Organigram",
        field_values: "Veldwaarden",
        reports_to: "rapporteert aan",
        low: "lage zekerheid",
        medium: "gemiddelde zekerheid",
        high: "hoge zekerheid",
    },
    japanese: Headings {
        overview: "概要",
        decision_makers: "意思決定者",
        org_chart: "組織図",
        field_values: "項目の値",
        reports_to: "上司",
        low: "確度 低",
        medium: "確度 中",
        high: "確度 高",
    },
};
