-- An idempotency key: it is free, it runs at some replica, or it has ended. One script, so that a decision is one step.
--
-- KEYS[1]  the name that the key is kept under; for `look` what all names of the org begin with.
-- ARGV[1]  what is asked, with what goes with it behind.
--
-- A key that runs is { body, claim, until } and lives as long as its lease, which whoever runs it renews; `until` is how
-- long somebody elsewhere waits for it. One that has ended is { body, value }. Time is this server's.

local FIRST, RUNNING, FINAL, MISMATCH, UNREADABLE = 0, 1, 2, 3, 4
local ABSENT = -1

-- How `key` stands for whoever comes with `body`, and what is kept there.
local function standing(key, body)
  local kept = redis.pcall('HMGET', key, 'body', 'claim', 'value', 'until')
  if kept.err then return UNREADABLE, {} end
  local one = { body = kept[1], claim = kept[2], value = kept[3], ['until'] = tonumber(kept[4] or '0') or 0 }
  if not one.body then
    if one.claim or one.value then return UNREADABLE, one end
    return ABSENT, one
  end
  if one.body ~= body then return MISMATCH, one end
  if one.value then return FINAL, one end
  if one.claim then return RUNNING, one end
  return UNREADABLE, one
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function run(key, claim, body, lease)
  redis.call('DEL', key)
  redis.call('HSET', key, 'body', body, 'claim', claim)
  redis.call('PEXPIRE', key, lease)
end

local ops = {}

-- `claim` wants to run it for `lease` milliseconds; where another does, it waits for `patience` milliseconds.
function ops.begin(key, claim, body, lease, patience)
  local state, one = standing(key, body)
  if state == ABSENT or (state == RUNNING and one.claim == claim) then
    run(key, claim, body, lease)
    return { FIRST }
  end
  if state == RUNNING then
    local wanted = now_ms() + tonumber(patience)
    if wanted > one['until'] then redis.call('HSET', key, 'until', string.format('%.0f', wanted)) end
    return { RUNNING }
  end
  if state == FINAL then return { FINAL, one.value, redis.call('PTTL', key) } end
  return { state }
end

-- `claim` still runs it, which this server may have forgotten. The answer has how many milliseconds somebody waits for it.
function ops.renew(key, claim, body, lease)
  local state, one = standing(key, body)
  if state == ABSENT then
    run(key, claim, body, lease)
    return { FIRST, 0 }
  end
  if state == RUNNING and one.claim == claim then
    redis.call('PEXPIRE', key, lease)
    return { FIRST, math.max(0, one['until'] - now_ms()) }
  end
  return { state }
end

-- It has ended as `value`, unless another claim has it.
function ops.finish(key, claim, body, value, life)
  local state, one = standing(key, body)
  if state == ABSENT or (state == RUNNING and one.claim == claim) then
    redis.call('DEL', key)
    redis.call('HSET', key, 'body', body, 'value', value)
    redis.call('PEXPIRE', key, life)
    return { FIRST }
  end
  return { state }
end

-- Whether it is `claim`'s to finish.
function ops.lacks(key, claim, body)
  local state, one = standing(key, body)
  if state == ABSENT or (state == RUNNING and one.claim == claim) then return { FIRST } end
  return { state }
end

-- `claim` runs it no longer, and has nothing to tell.
function ops.free(key, claim, body)
  local state, one = standing(key, body)
  if state == RUNNING and one.claim == claim then redis.call('DEL', key) end
  return { FIRST }
end

-- How each of the names behind `body` stands for it.
function ops.look(base, body, ...)
  local states = {}
  for i, name in ipairs({ ... }) do
    states[i] = standing(base .. name, body)
  end
  return states
end

local op = ops[ARGV[1]]
if not op then return redis.error_reply('BELAY unknown op') end
return op(KEYS[1], unpack(ARGV, 2))
