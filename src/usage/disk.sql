CREATE TABLE usage (
  org           TEXT    NOT NULL,  -- the org's Salesforce id
  day           TEXT    NOT NULL,  -- as 2026-11-27, where the org is
  task          TEXT    NOT NULL,
  model         TEXT    NOT NULL,  -- '' where none answered
  user          TEXT    NOT NULL,  -- '' where none was proved
  calls         INTEGER NOT NULL,
  from_cache    INTEGER NOT NULL,
  failed        INTEGER NOT NULL,
  attempts      INTEGER NOT NULL,
  input_tokens  INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  web_searches  INTEGER NOT NULL,
  cost_micros   INTEGER NOT NULL,  -- millionths of a US dollar
  PRIMARY KEY (org, day, task, model, user)
) STRICT, WITHOUT ROWID;

CREATE TABLE budget (
  org         TEXT    NOT NULL,
  user        TEXT    NOT NULL,    -- '' for the org's own
  name        TEXT    NOT NULL,    -- as in the config
  ends_ms     INTEGER NOT NULL,    -- the end of its day or month, in milliseconds since 1970
  gone_micros INTEGER NOT NULL,    -- spent, or reserved by calls under way
  PRIMARY KEY (org, user, name)
) STRICT, WITHOUT ROWID;
