//! What may cost or delay a deal: rules over its fields, and sentences that say so.

use jiff::ToSpan;
use serde_json::{Value, json};

use super::deal::Deal;
use super::quoted;
use super::words::says;
use crate::tasks::excerpt::{ENTRIES, ENTRY, LINE, excerpt, sentences};

/// Units of a quote.
const QUOTE: usize = 400;
/// Days without activity that a rep should know of.
const SILENT_DAYS: i32 = 30;
/// Sentences that are searched for risks.
const SENTENCES: usize = 500;

const COMPETING_OFFER: &str = "A competing offer is mentioned";

/// What a sentence may put at risk, how gravely, and the words that tell.
const THEMES: [(&str, Severity, &[&str]); 6] = [
    (
        COMPETING_OFFER,
        Severity::High,
        &["competitor", "competing", "rival"],
    ),
    (
        "The customer voices doubt",
        Severity::High,
        &[
            "cancel", "churn", "unhappy", "worried", "concern", "escalat",
        ],
    ),
    (
        "Price or payment terms are in play",
        Severity::Medium,
        &[
            "discount",
            "cheaper",
            "price",
            "pricing",
            "payment term",
            "net 30",
            "net 60",
            "net 90",
        ],
    ),
    (
        "Legal points are open",
        Severity::Medium,
        &[
            "redline",
            "clause",
            "objects to",
            "objected",
            "objection",
            "dpa",
        ],
    ),
    (
        "A product gap is mentioned",
        Severity::Medium,
        &[
            "not supported",
            "unsupported",
            "missing",
            "open point",
            "limitation",
            "does not work",
        ],
    ),
    (
        "Timing or budget is in doubt",
        Severity::Medium,
        &[
            "delay", "postpone", "on hold", "budget", "freeze", "too late",
        ],
    ),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Severity {
    High,
    Medium,
    Low,
}

/// One thing that may cost or delay the deal.
pub(super) struct Risk {
    threat: String,
    severity: Severity,
    evidence: String,
}

impl Deal<'_> {
    /// The risks, the gravest first, as many as a list holds.
    pub(super) fn risks(&self) -> Vec<Risk> {
        let mut risks: Vec<Risk> = self.past_close_date().into_iter().collect();
        risks.extend(self.quoted_risks());
        self.name_competitor(&mut risks);
        risks.extend(self.slipped());
        risks.extend(self.rated());
        risks.extend(self.silence());
        risks.sort_by_key(|risk| risk.severity);
        risks.truncate(ENTRIES);
        risks
    }

    fn past_close_date(&self) -> Option<Risk> {
        let is_past = self.is_open() && self.fields.day("CloseDate")? < self.today;
        is_past.then(|| {
            let evidence = self.fields.labelled("CloseDate", "CloseDate");
            Risk::new(
                "The close date has passed",
                Severity::High,
                evidence.unwrap_or_default(),
            )
        })
    }

    /// Puts the competitor that a field names beside the offer that a sentence mentions, or first.
    fn name_competitor(&self, risks: &mut Vec<Risk>) {
        let Some(field) = self.competitor_field() else {
            return;
        };
        let named = Risk::new("A competitor is in the deal", Severity::High, field.told());
        let mentioned = risks.iter_mut().find(|risk| risk.threat == COMPETING_OFFER);
        match mentioned {
            Some(risk) => {
                let evidence = format!("{}; {}", named.evidence, risk.evidence);
                *risk = Risk { evidence, ..named };
            }
            None => risks.insert(0, named),
        }
    }

    fn slipped(&self) -> Option<Risk> {
        let fields = self.fields.named_like(&["slip", "pushcount"]);
        let field = fields
            .into_iter()
            .find(|field| field.value.parse::<f64>().is_ok_and(|count| count > 0.0))?;
        Some(Risk::new(
            "The close date has slipped before",
            Severity::Medium,
            field.told(),
        ))
    }

    /// What somebody has rated as a risk, with their own word.
    fn rated(&self) -> Option<Risk> {
        let field = self.fields.named_like(&["risk"]).into_iter().next()?;
        let value = field.value.to_lowercase();
        let severity = match value.as_str() {
            "high" | "critical" | "red" => Severity::High,
            "low" | "green" => Severity::Low,
            "none" | "no" | "false" | "0" => return None,
            _ => Severity::Medium,
        };
        Some(Risk::new(
            "The record itself carries a risk rating",
            severity,
            field.told(),
        ))
    }

    /// The newest sentence to each theme, as a quote.
    fn quoted_risks(&self) -> Vec<Risk> {
        let mut quotes = self.quotes();
        let mut risks = Vec::new();
        for (threat, severity, stems) in THEMES {
            if let Some(found) = quotes.iter().position(|(_, quote)| says(quote, stems)) {
                let (origin, quote) = quotes.remove(found);
                let quote = quoted(&excerpt(&quote, QUOTE));
                risks.push(Risk::new(threat, severity, format!("{origin}: {quote}")));
            }
        }
        risks
    }

    /// Every sentence of the deal with where it stands, activities first, the newest at the top.
    fn quotes(&self) -> Vec<(String, String)> {
        let told = self.activities.iter().flat_map(|entry| {
            let origin = entry.heading().unwrap_or_else(|| "An activity".to_owned());
            let body = entry.body.map(sentences).unwrap_or_default();
            body.into_iter().map(move |quote| (origin.clone(), quote))
        });
        let texts = [
            ("Description", self.fields.whole("Description")),
            ("Notes", self.source.text.as_deref()),
        ];
        let written = texts.into_iter().flat_map(|(origin, text)| {
            let quotes = text.map(sentences).unwrap_or_default();
            quotes
                .into_iter()
                .map(move |quote| (origin.to_owned(), quote))
        });
        told.chain(written).take(SENTENCES).collect()
    }

    /// What is missing from a record: activities for long, or at all, and people.
    fn silence(&self) -> Vec<Risk> {
        let mut risks = Vec::new();
        if self.source.record.is_none() || !self.is_open() {
            return risks;
        }
        let latest = self.done().find_map(|entry| Some((entry.day?, entry)));
        if let Some((day, entry)) = latest
            && day < self.today.saturating_sub(SILENT_DAYS.days())
        {
            risks.push(Risk::new(
                "The latest activity lies long back",
                Severity::Medium,
                entry.heading().unwrap_or_else(|| day.to_string()),
            ));
        }
        if self.activities.is_empty() {
            risks.push(Risk::new(
                "No activity is among the data given",
                Severity::Low,
                "No entry in ActivityHistories, OpenActivities, Tasks or Events".to_owned(),
            ));
        }
        if self.people.is_empty() {
            risks.push(Risk::new(
                "No contact is among the data given",
                Severity::Low,
                "No entry in OpportunityContactRoles".to_owned(),
            ));
        }
        risks
    }
}

impl Risk {
    fn new(threat: &str, severity: Severity, evidence: String) -> Self {
        Self {
            threat: threat.to_owned(),
            severity,
            evidence,
        }
    }

    /// The risk as the answer has it.
    pub(super) fn to_json(&self) -> Value {
        let severity = match self.severity {
            Severity::High => "high",
            Severity::Medium => "medium",
            Severity::Low => "low",
        };
        json!({
            "risk": excerpt(&self.threat, LINE),
            "severity": severity,
            "evidence": excerpt(&self.evidence, ENTRY),
        })
    }
}
