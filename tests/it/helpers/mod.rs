//! What the themes share: the app on port 0, a scripted upstream, orgs, records, and waits that end.

pub mod app;
pub mod aws;
pub mod call;
pub mod clock;
pub mod drafts;
pub mod events;
pub mod openssl;
pub mod org;
pub mod process;
pub mod raw;
pub mod record;
pub mod redis;
pub mod reply;
pub mod tls;
pub mod upstream;
pub mod wait;

pub use app::TestApp;
pub use call::Answer;
pub use clock::TestClock;
pub use org::Config;
pub use record::{case, opportunity, opportunity_named};
pub use reply::Reply;
pub use upstream::{Gate, Play, Stream, Upstream};
pub use wait::{until, within};
