//! The admin port: numbers, alive, ready.

use std::collections::BTreeMap;

use crate::helpers::{Config, Play, Reply, TestApp, Upstream, opportunity, opportunity_named};

/// The labels of every metric of the contract, by its name; dashboards are built on them.
const METRICS: [(&str, &str); 14] = [
    ("belay_requests_total", "org,task,outcome"),
    ("belay_request_seconds", ""),
    ("belay_overhead_seconds", ""),
    ("belay_upstream_seconds", "provider,outcome"),
    ("belay_tokens_total", "org,kind"),
    ("belay_cost_usd_total", "org"),
    ("belay_cache_total", "result"),
    ("belay_limited_total", "org,limit"),
    ("belay_retries_total", ""),
    ("belay_breaker_open", "provider"),
    ("belay_reserved_tokens", ""),
    ("belay_config_reload_failed", ""),
    ("belay_usage_write_failures_total", ""),
    ("belay_budget_used_ratio", "org,limit"),
];

/// Each sample's name with the names of its labels, as the page has them.
fn samples(page: &str) -> BTreeMap<String, String> {
    page.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (sample, _) = line.rsplit_once(' ').expect("a value");
            let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
            let labels: Vec<&str> = labels
                .trim_end_matches('}')
                .split("\",")
                .filter_map(|label| Some(label.split_once("=\"")?.0))
                .filter(|label| *label != "le")
                .collect();
            let name = ["_bucket", "_sum", "_count"]
                .iter()
                .fold(name, |name, end| name.strip_suffix(end).unwrap_or(name));
            (name.to_owned(), labels.join(","))
        })
        .collect()
}

#[tokio::test]
async fn the_metrics_have_the_names_and_labels_of_the_contract_and_no_others() {
    let upstream = Upstream::good().await;
    upstream.next([Play::Status(500, &[], "{}")]);
    let config = Config::to(&upstream).limit("budget_usd_per_day", 0.09);
    let app = TestApp::new(&config).await;
    app.brief(&opportunity()).send().await.expect_ok();
    app.brief(&opportunity()).send().await.expect_ok();
    let large = opportunity_named("x".repeat(20_000));
    app.brief(&large)
        .send()
        .await
        .expect_problem(422, "over-limit");

    let open = app
        .admin_as("/metrics", "application/openmetrics-text; version=1.0.0")
        .await;
    let media_type = open.header("content-type").expect("there is one");
    assert!(
        media_type.starts_with("application/openmetrics-text"),
        "{media_type}"
    );
    assert!(open.text().ends_with("# EOF\n"));
    let answer = app.admin("/metrics").await;
    let media_type = answer.header("content-type").expect("there is one");
    assert!(
        media_type.starts_with("text/plain; version=0.0.4"),
        "{media_type}"
    );
    let page = answer.text();
    assert_eq!(samples(&open.text()), samples(&page));
    let found = samples(&page);
    let expected: BTreeMap<String, String> = METRICS
        .iter()
        .map(|(name, labels)| ((*name).to_owned(), (*labels).to_owned()))
        .collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn how_much_of_a_budget_is_used_is_told_for_every_org_that_has_one() {
    // 1,500 tokens at two dollars and 200 at ten per million are half a cent.
    let upstream = Upstream::doing(Play::Answer(Reply::good().using(1_500, 200))).await;
    let config = Config::to(&upstream).limit("budget_usd_per_month", 0.1);
    let app = TestApp::new(&config).await;
    let ratio = r#"belay_budget_used_ratio{org="acme",limit="budget_usd_per_month"}"#;
    let page = app.admin("/metrics").await.text();
    assert!(page.contains(&format!("{ratio} 0.0\n")), "{page}");
    app.brief(&opportunity()).send().await.expect_ok();
    let used = app.metric(ratio).await;
    assert!((used - 0.05).abs() < 1e-9, "{used}");
    let page = app.admin("/metrics").await.text();
    assert!(!page.contains("budget_usd_per_day"), "{page}");
    let others = ratio.replace("acme", "globex");
    assert!(page.contains(&format!("{others} 0.0\n")), "{page}");
}

#[tokio::test]
async fn a_label_is_a_configured_name_or_a_word_and_never_a_record() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    app.brief(&opportunity()).send().await.expect_ok();
    app.get("/of-somebodys-making").send().await;
    app.anonymous(reqwest::Method::GET, "/whoami").send().await;
    for (name, value) in [
        (
            r#"belay_requests_total{org="acme",task="briefing",outcome="ok"}"#,
            1.0,
        ),
        (
            r#"belay_requests_total{org="unknown",task="other",outcome="not-found"}"#,
            1.0,
        ),
        (
            r#"belay_requests_total{org="unknown",task="other",outcome="unauthenticated"}"#,
            1.0,
        ),
        (r#"belay_tokens_total{org="acme",kind="input"}"#, 812.0),
        (r#"belay_tokens_total{org="acme",kind="output"}"#, 431.0),
        (r#"belay_cache_total{result="miss"}"#, 1.0),
        (
            r#"belay_upstream_seconds_count{provider="claude",outcome="ok"}"#,
            1.0,
        ),
        ("belay_request_seconds_count", 3.0),
        ("belay_overhead_seconds_count", 3.0),
        ("belay_config_reload_failed", 0.0),
        ("belay_usage_write_failures_total", 0.0),
    ] {
        let found = app.metric(name).await;
        assert!((found - value).abs() < 1e-9, "{name} is {found}");
    }
    let page = app.admin("/metrics").await.text();
    for absent in [
        "0065f00000CrnLs",
        "of-somebodys-making",
        "Brackwater",
        "belay_acme",
    ] {
        assert!(!page.contains(absent), "{absent}");
    }
}

#[tokio::test]
async fn readiness_turns_red_while_calls_are_still_taken() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    for path in ["/livez", "/readyz"] {
        assert_eq!(app.admin(path).await.status, 200, "{path}");
    }
    app.drain();
    assert_eq!(app.admin("/readyz").await.status, 503);
    assert_eq!(app.admin("/livez").await.status, 200);
    let answer = app.brief(&opportunity()).send().await;
    answer.expect_ok();
    assert_eq!(answer.header("connection"), Some("close"));
    app.stop();
    app.ended().await;
}

#[tokio::test]
async fn a_call_under_way_outlives_the_stop_and_one_that_comes_later_is_turned_away() {
    let (upstream, gate) = Upstream::held().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let mut idle = crate::helpers::raw::Raw::to(app.public).await;
    idle.send("GET /healthz HTTP/1.1\r\nHost: belay\r\n\r\n")
        .await;
    idle.until("{\"status\":\"ok\"}").await;
    let stopped = async {
        upstream.reached(1).await;
        app.stop();
        gate.open();
    };
    let (answer, ()) = tokio::join!(app.brief(&opportunity()).send(), stopped);
    answer.expect_ok();
    let late = app.brief(&opportunity()).try_send().await;
    assert!(late.is_err_and(|error| error.is_connect()));
    assert_eq!(idle.rest().await, "", "a connection at rest is ended");
    app.ended().await;
}

#[tokio::test]
async fn the_admin_pages_are_not_on_the_public_port() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    for path in ["/metrics", "/livez", "/readyz"] {
        app.get(path).send().await.expect_problem(404, "not-found");
    }
}
