//! The names that spans and their metrics have, as OpenTelemetry's semantic conventions give them.
//!
//! # Why
//! The names of generative AI are still in development there and change between versions, so they stand here, of one
//! version, and not where a library's update would change what dashboards are built on.

/// The version of the conventions that the names are of.
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.42.0";

pub const SERVICE_NAME: &str = "service.name";
pub const SERVICE_VERSION: &str = "service.version";
pub const SERVICE_INSTANCE_ID: &str = "service.instance.id";

pub const HTTP_REQUEST_METHOD: &str = "http.request.method";
pub const HTTP_RESPONSE_STATUS_CODE: &str = "http.response.status_code";
pub const URL_SCHEME: &str = "url.scheme";
pub const URL_PATH: &str = "url.path";
pub const ERROR_TYPE: &str = "error.type";

pub const OPERATION: &str = "gen_ai.operation.name";
pub const PROVIDER: &str = "gen_ai.provider.name";
pub const REQUEST_MODEL: &str = "gen_ai.request.model";
pub const REQUEST_MAX_TOKENS: &str = "gen_ai.request.max_tokens";
pub const REQUEST_STREAM: &str = "gen_ai.request.stream";
pub const RESPONSE_ID: &str = "gen_ai.response.id";
pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
pub const RESPONSE_FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
pub const USAGE_INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
pub const USAGE_OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
pub const USAGE_CACHE_READ: &str = "gen_ai.usage.cache_read.input_tokens";
pub const USAGE_CACHE_CREATION: &str = "gen_ai.usage.cache_creation.input_tokens";
pub const TOKEN_TYPE: &str = "gen_ai.token.type";

/// The one operation of ours in the terms of the conventions: turns of a conversation, completed.
pub const CHAT: &str = "chat";

pub const REQUEST_DURATION: &str = "http.server.request.duration";
pub const OPERATION_DURATION: &str = "gen_ai.client.operation.duration";
pub const TOKEN_USAGE: &str = "gen_ai.client.token.usage";

/// Ours, where the conventions have none.
pub const BELAY_REQUEST_ID: &str = "belay.request_id";
pub const BELAY_ORG: &str = "belay.org";
pub const BELAY_TASK: &str = "belay.task";
pub const BELAY_OUTCOME: &str = "belay.outcome";
pub const BELAY_CACHE: &str = "belay.cache_status";
pub const BELAY_PROVIDER: &str = "belay.provider";
pub const BELAY_ATTEMPT: &str = "belay.attempt";
pub const BELAY_COST_USD: &str = "belay.cost_usd";
