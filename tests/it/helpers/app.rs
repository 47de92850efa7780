//! The app that ships, on port 0.

use std::future::Future;
use std::net::SocketAddr;

use belay::app::{App, Listeners, World};
use belay::config::Settings;
use belay::lifecycle::Lifecycle;
use reqwest::{Client, ClientBuilder, Method};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::call::{Answer, Call};
use super::org::{Config, KEY, MESSAGES_KEY};
use super::wait::{LONGEST, until, within};

/// A gateway that runs inside of the test.
pub struct TestApp {
    /// Where its callers find it.
    pub public: SocketAddr,
    admin: SocketAddr,
    client: Client,
    lifecycle: Lifecycle,
    served: Option<JoinHandle<anyhow::Result<()>>>,
}

/// Starts work beside the test; it ends with the test's runtime.
#[expect(
    clippy::disallowed_methods,
    reason = "a test's tasks end with its runtime"
)]
pub fn spawn<F>(work: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    tokio::spawn(work)
}

/// A client as plain as an Apex callout: no redirects, no packing, no proxy, and an end to its patience.
pub fn client() -> Client {
    plain().build().expect("a client")
}

/// The same, for more to be said of it.
pub fn plain() -> ClientBuilder {
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_gzip()
        .no_proxy()
        .timeout(LONGEST)
}

impl TestApp {
    /// The app by `config`, in the real world but for the jitter of retries.
    pub async fn new(config: &Config) -> Self {
        let clock = super::TestClock::running_from("2026-03-10T12:00:00Z");
        Self::in_world(config.settings(), clock.world()).await
    }

    /// The app by `settings`, in `world`.
    pub async fn in_world(settings: Settings, world: World) -> Self {
        let listeners = Listeners {
            public: TcpListener::bind("127.0.0.1:0").await.expect("a free port"),
            admin: TcpListener::bind("127.0.0.1:0").await.expect("a free port"),
        };
        let public = listeners.public.local_addr().expect("it is bound");
        let admin = listeners.admin.local_addr().expect("it is bound");
        let app = App::build(settings, world).expect("good settings");
        let lifecycle = app.lifecycle();
        Self {
            public,
            admin,
            client: client(),
            lifecycle,
            served: Some(spawn(app.serve(listeners))),
        }
    }

    /// A call without a credential.
    pub fn anonymous(&self, method: Method, path: &str) -> Call {
        let url = format!("http://{}{path}", self.public);
        Call(self.client.request(method, url))
    }

    /// A call without a credential in its headers, by `client` over TLS.
    pub fn over_tls(&self, client: &Client, method: Method, path: &str) -> Call {
        Call(client.request(method, format!("https://{}{path}", self.public)))
    }

    /// What `client` proves over TLS by its certificate alone.
    pub async fn whoami_over_tls(&self, client: &Client) -> Answer {
        self.over_tls(client, Method::GET, "/whoami").send().await
    }

    /// A call by Acme.
    pub fn call(&self, method: Method, path: &str) -> Call {
        self.anonymous(method, path).bearer(KEY)
    }

    /// A POST by Acme.
    pub fn post(&self, path: &str, body: &Value) -> Call {
        self.call(Method::POST, path).json(body)
    }

    /// A Messages request by Acme.
    pub fn relay(&self, body: &Value) -> Call {
        let call = self.anonymous(Method::POST, "/v1/messages");
        call.bearer(MESSAGES_KEY).json(body)
    }

    /// A chat by Acme, as the LLM Open Connector sends it.
    pub fn chat(&self, body: &Value) -> Call {
        let call = self.anonymous(Method::POST, "/chat/completions");
        call.header("api-key", MESSAGES_KEY).json(body)
    }

    /// A GET by Acme.
    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    /// A briefing on `record`.
    pub fn brief(&self, record: &Value) -> Call {
        self.post("/briefing", &json!({"record": record}))
    }

    /// Proves that it still serves, whatever was done to it before.
    pub async fn expect_serving(&self) {
        let record = super::opportunity_named(format!("still serving {}", fastrand::u64(..)));
        self.brief(&record).send().await.expect_ok();
    }

    /// What is left of one of Acme's limits, and its size.
    pub async fn allowance(&self, name: &str) -> (f64, f64) {
        let answer = self.get("/whoami").send().await.expect_ok();
        let all = answer["allowances"].as_array().expect("a list");
        let one = all.iter().find(|one| one["name"] == name);
        let one = one.unwrap_or_else(|| panic!("{name} is not among {all:?}"));
        let number = |member: &str| one[member].as_f64().expect("a number");
        (number("remaining"), number("maximum"))
    }

    /// A page of the admin port.
    pub async fn admin(&self, path: &str) -> Answer {
        let url = format!("http://{}{path}", self.admin);
        Call(self.client.get(url)).send().await
    }

    /// The same, as one who accepts `media_type`.
    pub async fn admin_as(&self, path: &str, media_type: &str) -> Answer {
        let url = format!("http://{}{path}", self.admin);
        let request = self.client.get(url).header("accept", media_type);
        Call(request).send().await
    }

    /// The value of a metric, with its labels as the page writes them; 0 where it is not there.
    pub async fn metric(&self, name: &str) -> f64 {
        let page = self.admin("/metrics").await.text();
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().expect("a number"))
    }

    /// Waits until a metric has reached `least`.
    pub async fn metric_reaches(&self, name: &str, least: f64) {
        until(name, async || self.metric(name).await >= least).await;
    }

    /// Turns readiness red, as a signal would.
    pub fn drain(&self) {
        self.lifecycle.drain();
    }

    /// Takes no more calls, as the end of the drain's delay would.
    pub fn stop(&self) {
        self.lifecycle.stop();
    }

    /// Waits until everything has ended well.
    pub async fn ended(mut self) {
        let served = self.served.take().expect("it is served once");
        let ended = within("the end of the app", served).await;
        ended.expect("no panic").expect("nothing is left over");
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.lifecycle.stop();
    }
}
