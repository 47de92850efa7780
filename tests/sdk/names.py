"""The made-up keys, accounts and models of these tests, and what the stand-in says.

Both sides know them: the stand-in for the upstream takes and gives nothing else, and the tests hold what came through
the gateway against them.
"""

# What callers prove themselves with at the gateway.
KEY = "belay_acme-for-messages"
TASKS_KEY = "belay_acme-for-tasks"  # may not use /v1/messages
WRONG_KEY = "belay_nobody"

# What the gateway proves itself with at its upstreams.
UPSTREAM_KEY = "sk-ant-stand-in"
FOUNDRY_KEY = "foundry-stand-in"
BEDROCK_BEARER = "bedrock-api-key-stand-in"
AWS_ID = "AKIDSTANDIN"
AWS_SECRET = "secret/of+the/stand-in"
AWS_SESSION = "session/of+the/stand-in=="
VERTEX_TOKEN = "ya29.stand-in"
SERVICE_ACCOUNT = "belay@acme-ai.iam.example"

# Where the clouds' models are said to be.
REGION = "us-east-1"
PROJECT = "acme-ai"
VERTEX_REGION = "europe-west1"

# The aliases of the gateway and the models behind them. A fault has its own model, so that a breaker which opens for
# it keeps nothing else from being answered.
ALIASES = {
    "default": "claude-sonnet-5-5",
    "limited": "claude-haiku-5-5",
    "overloaded": "claude-opus-5-5",
    "swamped": "claude-fable-5-1",
    "cut": "claude-opus-4-8",
}

# Each way of writing a model's id: a profile, a version behind a colon, a profile of one's own, and the newest.
BEDROCK_MODELS = [
    "us.anthropic.claude-sonnet-5-5",
    "us.anthropic.claude-sonnet-4-6",
    "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6",
]
VERTEX_MODELS = ["claude-sonnet-5-5", "claude-sonnet-4-5@20250929"]
FOUNDRY_MODELS = ["claude-sonnet-5-5"]

# What the stand-in says.
HELLO = "Grüße vom Stand-in, naïve 日本語 🧗."
WEATHER = "It is 21 °C in Berlin."
THOUGHT = "Let me think: the rope holds as long as the belayer does.\n\t“Safe?” – “Safe.”"
SIGNATURE = "EqoBCkgIBRABGAIiQL+stand/in+signature/0123456789abcdefghijklmnopqrstuvwxyz=="
TOOL_ID = "toolu_01StandIn"
RETRY_AFTER_S = 900  # longer than a call may live, so a gateway has to hand it on
