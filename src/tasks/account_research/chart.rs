//! Whether an org chart is a forest: everybody stands in it once and leads up to somebody at a top.

use std::collections::HashMap;

use super::OrgChartEntry;

/// What keeps `chart` from being a forest, by place.
pub(super) fn violations(chart: &[OrgChartEntry]) -> Vec<String> {
    let mut violations = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (nth, entry) in chart.iter().enumerate() {
        if let Some(first) = places.get(entry.name.as_str()) {
            violations.push(format!(
                "/org_chart/{nth}/name must not repeat the name of /org_chart/{first}"
            ));
        } else {
            places.insert(&entry.name, nth);
        }
    }
    let superiors: Vec<Option<usize>> = chart
        .iter()
        .map(|entry| places.get(entry.reports_to.as_deref()?).copied())
        .collect();
    for (nth, entry) in chart.iter().enumerate() {
        let Some(superior) = &entry.reports_to else {
            continue;
        };
        let rule = if *superior == entry.name {
            "must not name the entry itself"
        } else if superiors[nth].is_none() {
            "must be null or exactly the name of another entry"
        } else if is_above_itself(nth, &superiors) {
            "leads in a circle"
        } else {
            continue;
        };
        violations.push(format!("/org_chart/{nth}/reports_to {rule}"));
    }
    violations
}

/// Whether the way up from `nth` comes back to it. Who only leads into a circle is not part of it.
fn is_above_itself(nth: usize, superiors: &[Option<usize>]) -> bool {
    let mut at = superiors[nth];
    for _ in superiors {
        match at {
            Some(above) if above == nth => return true,
            Some(above) => at = superiors[above],
            None => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chart(entries: &[(&str, Option<&str>)]) -> Vec<OrgChartEntry> {
        entries
            .iter()
            .map(|(name, superior)| OrgChartEntry {
                name: (*name).to_owned(),
                title: None,
                reports_to: superior.map(str::to_owned),
            })
            .collect()
    }

    #[test]
    fn trees_side_by_side_in_any_order_are_a_forest() {
        let forest = chart(&[
            ("Cy", Some("Bo")),
            ("Bo", Some("Ada")),
            ("Ada", None),
            ("Di", Some("Ada")),
            ("Eve", None),
        ]);
        assert_eq!(violations(&forest), Vec::<String>::new());
        assert_eq!(violations(&[]), Vec::<String>::new());
    }

    #[test]
    fn each_way_to_be_no_forest_is_told_by_its_place() {
        for (entries, told) in [
            (
                vec![("Ada", None), ("Ada", None)],
                vec!["/org_chart/1/name must not repeat the name of /org_chart/0"],
            ),
            (
                vec![("Ada", Some("Ada"))],
                vec!["/org_chart/0/reports_to must not name the entry itself"],
            ),
            (
                vec![("Ada", Some("Bo")), ("Bo ", None)],
                vec!["/org_chart/0/reports_to must be null or exactly the name of another entry"],
            ),
            (
                vec![("Ada", Some("ADA"))],
                vec!["/org_chart/0/reports_to must be null or exactly the name of another entry"],
            ),
            (
                vec![
                    ("Di", Some("Cy")),
                    ("Ada", Some("Bo")),
                    ("Bo", Some("Cy")),
                    ("Cy", Some("Ada")),
                ],
                vec![
                    "/org_chart/1/reports_to leads in a circle",
                    "/org_chart/2/reports_to leads in a circle",
                    "/org_chart/3/reports_to leads in a circle",
                ],
            ),
        ] {
            assert_eq!(violations(&chart(&entries)), told);
        }
    }

    /// Takes away who reports to nobody that is left, until nobody can be taken: a forest leaves nobody.
    fn is_forest(chart: &[OrgChartEntry]) -> bool {
        let count = |name: &str| chart.iter().filter(|entry| entry.name == name).count();
        let mut rooted: Vec<&str> = Vec::new();
        loop {
            let before = rooted.len();
            for entry in chart {
                let hangs = entry
                    .reports_to
                    .as_deref()
                    .is_none_or(|superior| rooted.contains(&superior));
                if hangs && !rooted.contains(&entry.name.as_str()) {
                    rooted.push(&entry.name);
                }
            }
            if rooted.len() == before {
                break;
            }
        }
        chart
            .iter()
            .all(|entry| count(&entry.name) == 1 && rooted.contains(&entry.name.as_str()))
    }

    /// Charts of few names, so that repeats, strangers, circles and forests all come often.
    fn any_chart() -> impl Strategy<Value = Vec<OrgChartEntry>> {
        let names = prop_oneof![
            2 => Just((0_u8..8).collect::<Vec<u8>>()),
            1 => prop::collection::vec(0_u8..8, 0..8),
        ];
        names.prop_flat_map(|names| {
            let superior = prop::option::weighted(0.6, 0_u8..9);
            let superiors = prop::collection::vec(superior, names.len());
            superiors.prop_map(move |superiors| {
                let person = |nth: &u8| format!("Person {nth}");
                names
                    .iter()
                    .zip(superiors)
                    .map(|(name, superior)| OrgChartEntry {
                        name: person(name),
                        title: None,
                        reports_to: superior.as_ref().map(person),
                    })
                    .collect()
            })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn a_chart_passes_exactly_if_it_is_a_forest(chart in any_chart()) {
            prop_assert_eq!(violations(&chart).is_empty(), is_forest(&chart));
        }
    }
}
