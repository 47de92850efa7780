//! The failover matrix: what each fault of one, two or three targets comes to, in attempts and in money.

use std::time::Duration;

use serde_json::{Value, json};

use crate::helpers::events::saying;
use crate::helpers::reply::COST;
use crate::helpers::{Config, Play, Stream, TestApp, TestClock, Upstream};
