-- The books of one org: what it and its users have used, and what is reserved. One script, so that a decision is one step.
--
-- KEYS[1]  the beginning of every key of the org, its hash tag inside: all of them live in one slot.
-- ARGV[1]  what is asked, as JSON: `op` and what goes with it. Money in micro-dollars, windows by their end in
--          milliseconds, rates by when they are full again in microseconds.
--
-- The answer is a flat list: the verdict (see `LET_IN`), the time, the name of this memory, the money set apart for this
-- replica, then the account of the org and, where one is asked about, of the user.
-- Time is this server's, so replicas need not agree on it; only tests hand one in.

local base = KEYS[1]
local ask = cjson.decode(ARGV[1])
local MINUTE = 60000000

local now = ask.now
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local now_ms = math.floor(now / 1000)

-- Keys ---------------------------------------------------------------------------------------------------------------

local ALIVE = base .. 'alive'   -- replicas, by when they were last heard of
local SWEPT = base .. 'swept'   -- records of replicas that were lost, charged in full until somebody knows better
local YOUNG = base .. 'young'   -- there while this memory is so new that some replica may know more than it does
local function held(replica) return base .. 'held:' .. replica end

-- Numbers ------------------------------------------------------------------------------------------------------------

local function text(number) return string.format('%.0f', number) end
local function limit(value) if value == nil or value == cjson.null then return nil end return value end

-- The time in which `units` flow into a bucket of `size`, rounded up.
local function time_of(units, size) return math.ceil(units * MINUTE / size) end

-- Accounts -----------------------------------------------------------------------------------------------------------

local FIELDS = {
  'requests', 'tokens', 'slots', 'bulk', 'day_end', 'day_spent', 'day_held', 'month_end', 'month_spent', 'month_held',
}
local ORG = base .. 'account:org'
local accounts, changed = {}, {}

local function account(name)
  local one = accounts[name]
  if one then return one end
  local values = redis.call('HMGET', base .. 'account:' .. name, unpack(FIELDS))
  one = {}
  for i, field in ipairs(FIELDS) do one[field] = tonumber(values[i] or '0') or 0 end
  accounts[name] = one
  return one
end

local function touch(name)
  changed[name] = true
  return account(name)
end

local function save()
  for name in pairs(changed) do
    local one, key, flat = accounts[name], base .. 'account:' .. name, {}
    for _, field in ipairs(FIELDS) do
      flat[#flat + 1] = field
      flat[#flat + 1] = text(one[field])
    end
    redis.call('HSET', key, unpack(flat))
    -- Orgs are as many as the config has, users are not: a day beyond its month nothing of an account counts any more.
    if name ~= 'org' then redis.call('PEXPIREAT', key, text(math.max(one.month_end, now_ms) + 86400000)) end
  end
end

-- The org, and the user where one is proved, each with its limits.
local function asked()
  local list = { { name = 'org', limits = ask.org or {}, known = ask.known_org } }
  if ask.user then list[2] = { name = 'user:' .. ask.user.name, limits = ask.user, known = ask.known_user } end
  return list
end

-- Begins a new window where the old one has ended. `ends` are the two ends that come next by the replica's clock, which
-- may be behind.
local function roll(one, window, ends)
  if one[window .. '_end'] > now_ms then return end
  local at = ends[1]
  if at <= now_ms then at = ends[2] end
  one[window .. '_end'], one[window .. '_spent'], one[window .. '_held'] = at, 0, 0
end

local function roll_all()
  if not ask.day then return end
  for _, each in ipairs(asked()) do
    local one = touch(each.name)
    roll(one, 'day', ask.day)
    roll(one, 'month', ask.month)
  end
end

-- Records ------------------------------------------------------------------------------------------------------------
-- What a replica holds, by an id of its own: { k = 'slot', bulk, user }, { k = 'hold', tokens, cost, day, month, user }
-- or { k = 'slice', cost, day, month }, money set apart for a replica that cannot reach this server.

local function names_of(record)
  if record.user then return { 'org', 'user:' .. record.user } end
  return { 'org' }
end

local function windows_of(one, record, change)
  for _, window in ipairs({ 'day', 'month' }) do
    if record[window] == one[window .. '_end'] then change(window) end
  end
end

local function add_held(record, sign)
  for _, name in ipairs(names_of(record)) do
    local one = touch(name)
    if record.k == 'slot' then
      one.slots = math.max(0, one.slots + sign)
      if record.bulk then one.bulk = math.max(0, one.bulk + sign) end
    else
      windows_of(one, record, function(window)
        one[window .. '_held'] = math.max(0, one[window .. '_held'] + sign * record.cost)
      end)
    end
  end
end

local function add_spent(record, cost)
  for _, name in ipairs(names_of(record)) do
    local one = touch(name)
    windows_of(one, record, function(window)
      one[window .. '_spent'] = math.max(0, one[window .. '_spent'] + cost)
    end)
  end
end

-- What was reserved as tokens is really `used`.
local function settle_tokens(record, used)
  for _, each in ipairs(asked()) do
    local size = limit(each.limits.tokens)
    if size then
      local one = touch(each.name)
      if used <= record.tokens then
        one.tokens = one.tokens - time_of(record.tokens - used, size)
      else
        one.tokens = math.max(one.tokens, now) + time_of(used - record.tokens, size)
      end
    end
  end
end

local function keep(replica, id, record)
  redis.call('HSET', held(replica), id, cjson.encode(record))
end

-- Takes the record `id` of `replica` away: it is held no longer. Nil where it was settled before.
local function take(replica, id)
  local found = redis.call('HGET', held(replica), id)
  if not found then return nil end
  redis.call('HDEL', held(replica), id)
  local record = cjson.decode(found)
  add_held(record, -1)
  return record
end

-- Replicas that were not heard of for a lease are lost: their slots are free, their money is charged in full, and is
-- remembered for a day, should one of them come back and know better.
local function sweep()
  redis.call('ZADD', ALIVE, text(now), ask.replica)
  local lost = redis.call('ZRANGEBYSCORE', ALIVE, '-inf', text(now - ask.lease))
  for _, replica in ipairs(lost) do
    local all = redis.call('HGETALL', held(replica))
    for i = 1, #all, 2 do
      local record = cjson.decode(all[i + 1])
      add_held(record, -1)
      if record.k ~= 'slot' then
        add_spent(record, record.cost)
        redis.call('HSET', SWEPT, all[i], all[i + 1])
      end
    end
    if #all > 0 then redis.call('PEXPIRE', SWEPT, 90000000) end
    redis.call('DEL', held(replica))
    redis.call('ZREM', ALIVE, replica)
  end
end

-- Which memory this is. One that has just begun may have forgotten what replicas still know, so money waits until each of
-- them had the time to tell.
local function epoch()
  local found = redis.call('HGET', ORG, 'epoch')
  if found then return found end
  redis.call('HSET', ORG, 'epoch', ask.fresh)
  redis.call('SET', YOUNG, '1', 'PX', ask.youth)
  return ask.fresh
end

-- Checks -------------------------------------------------------------------------------------------------------------

-- The verdict: whether it is let in, and if not, the account (0 org, 1 user), the limit and after how many
-- microseconds the same may be let in; -1 where that hangs on what is under way.
local LET_IN = { 1, 0, 0, 0 }
local REQUESTS, TOKENS, SLOTS, DAY, MONTH, MEMORY = 0, 1, 2, 3, 4, 5
local SLICE = 'slice:' .. ask.replica

local function refused(nth, which, opens)
  return { 0, nth - 1, which, opens }
end

local function check_request()
  for nth, each in ipairs(asked()) do
    local size = limit(each.limits.requests)
    if size then
      local one = account(each.name)
      local opens = math.max(one.requests, now) + time_of(1, size) - now - MINUTE
      if opens > 0 then return refused(nth, REQUESTS, opens) end
    end
  end
end

local function take_request()
  for _, each in ipairs(asked()) do
    local size = limit(each.limits.requests)
    if size then
      local one = touch(each.name)
      one.requests = math.max(one.requests, now) + time_of(1, size)
    end
  end
end

-- What money lies in this replica's slice.
local function slice()
  local found = redis.call('HGET', held(ask.replica), SLICE)
  if not found then return nil end
  return cjson.decode(found)
end

-- What is set apart for other replicas: no call that ends will give that back.
local function apart_elsewhere(window, ends)
  local sum = 0
  for _, replica in ipairs(redis.call('ZRANGE', ALIVE, 0, -1)) do
    if replica ~= ask.replica then
      local found = redis.call('HGET', held(replica), 'slice:' .. replica)
      local record = found and cjson.decode(found)
      if record and record[window] == ends then sum = sum + record.cost end
    end
  end
  return sum
end

local function check_money(nth, each, spare)
  local one = account(each.name)
  for _, window in ipairs({ 'day', 'month' }) do
    local budget = limit(each.limits[window])
    if budget then
      local spent, reserved = one[window .. '_spent'], one[window .. '_held']
      if spent + reserved - spare + ask.cost > budget then
        local which = window == 'day' and DAY or MONTH
        local opens = -1
        local gone = spent + ask.cost
        if nth == 1 and gone <= budget then gone = gone + apart_elsewhere(window, one[window .. '_end']) end
        if gone > budget then opens = (one[window .. '_end'] - now_ms) * 1000 end
        return refused(nth, which, opens)
      end
    end
  end
end

local function check_need(spare)
  for nth, each in ipairs(asked()) do
    local one = account(each.name)
    if limit(each.limits.day) or limit(each.limits.month) then
      local youth = redis.call('PTTL', YOUNG)
      if youth > 0 then return refused(nth, MEMORY, youth * 1000) end
    end
    local cap = limit(each.limits.slots)
    if cap and limit(ask.slot) then
      local left_to_others = ask.bulk and one.bulk >= math.max(1, cap - 1)
      if one.slots >= cap or left_to_others then return refused(nth, SLOTS, -1) end
    end
    local size = limit(each.limits.tokens)
    if size then
      local opens = math.max(one.tokens, now) + time_of(ask.tokens, size) - now - MINUTE
      if opens > 0 then return refused(nth, TOKENS, opens) end
    end
    local refusal = check_money(nth, each, nth == 1 and spare or 0)
    if refusal then return refusal end
  end
end

-- What is asked ------------------------------------------------------------------------------------------------------

local ops = {}

-- One call of requests a minute.
function ops.admit()
  local refusal = check_request()
  if refusal then return refusal end
  take_request()
  return LET_IN
end

-- A slot (`slot` is its id) and tokens and money (`hold` is theirs), all of it or nothing. What this replica has set
-- apart for bad times is used before a call is refused.
function ops.reserve()
  if redis.call('HEXISTS', held(ask.replica), ask.hold) == 1 then return LET_IN end
  local apart = slice()
  local refusal = check_need(0)
  if refusal and apart and refusal[2] == 0 and (refusal[3] == DAY or refusal[3] == MONTH) then refusal = check_need(apart.cost) end
  if refusal then return refusal end
  if apart and check_need(0) then
    take(ask.replica, SLICE)
  end
  local user = ask.user and ask.user.name
  local org = account('org')
  local hold = {
    k = 'hold', tokens = ask.tokens, cost = ask.cost, day = org.day_end, month = org.month_end, user = user, at = now_ms,
  }
  add_held(hold, 1)
  keep(ask.replica, ask.hold, hold)
  for _, each in ipairs(asked()) do
    local size = limit(each.limits.tokens)
    if size then
      local one = touch(each.name)
      one.tokens = math.max(one.tokens, now) + time_of(ask.tokens, size)
    end
  end
  if limit(ask.slot) then
    local slot = { k = 'slot', bulk = ask.bulk or nil, user = user, at = now_ms, cost = 0 }
    add_held(slot, 1)
    keep(ask.replica, ask.slot, slot)
  end
  return LET_IN
end

-- What the hold `id` has really used. Once: a second time finds nothing.
function ops.settle()
  local record = take(ask.replica, ask.id)
  if record then
    add_spent(record, ask.cost)
  else
    local found = redis.call('HGET', SWEPT, ask.id)
    if not found then return LET_IN end
    redis.call('HDEL', SWEPT, ask.id)
    record = cjson.decode(found)
    add_spent(record, ask.cost - record.cost)
  end
  settle_tokens(record, ask.used)
  return LET_IN
end

-- The slot `id` is free.
function ops.leave()
  take(ask.replica, ask.id)
  return LET_IN
end

-- How things stand; the replica is alive. With `open`, what it holds beside those ids was never answered to it and is
-- given back, once it is old enough that no answer can be under way. With `replicas`, it sets money apart for bad times:
-- its share of half of what is left.
function ops.look()
  if ask.open then
    local open = {}
    for _, id in ipairs(ask.open) do open[id] = true end
    local all = redis.call('HGETALL', held(ask.replica))
    for i = 1, #all, 2 do
      local record = cjson.decode(all[i + 1])
      if not open[all[i]] and record.k ~= 'slice' and now_ms - (record.at or 0) > ask.patience then
        take(ask.replica, all[i])
        if record.k == 'hold' then settle_tokens(record, 0) end
      end
    end
  end
  -- What was set apart for it and swept while it was not heard of was not spent: that would have been told first.
  local swept = redis.call('HGET', SWEPT, SLICE)
  if swept then
    redis.call('HDEL', SWEPT, SLICE)
    local record = cjson.decode(swept)
    add_spent(record, -record.cost)
  end
  if ask.replicas and redis.call('PTTL', YOUNG) <= 0 then
    take(ask.replica, SLICE)
    local org, left = account('org'), nil
    for _, window in ipairs({ 'day', 'month' }) do
      local budget = limit(ask.org[window])
      if budget then
        local rest = budget - org[window .. '_spent'] - org[window .. '_held']
        left = math.min(left or rest, rest)
      end
    end
    local cost = left and math.floor(left / (2 * ask.replicas)) or 0
    if cost > 0 then
      local record = { k = 'slice', cost = cost, day = org.day_end, month = org.month_end }
      add_held(record, 1)
      keep(ask.replica, SLICE, record)
    end
  end
  return LET_IN
end

-- What a replica knows that this memory may have lost: what was spent in its windows, how far its rates are used, and the
-- records that it holds. Whoever knows most is right.
function ops.seed()
  for _, each in ipairs(asked()) do
    local one, known = touch(each.name), each.known
    if known then
      for _, rate in ipairs({ 'requests', 'tokens' }) do one[rate] = math.max(one[rate], known[rate]) end
      for _, window in ipairs({ 'day', 'month' }) do
        if known[window .. '_end'] == one[window .. '_end'] then
          local spent = window .. '_spent'
          one[spent] = math.max(one[spent], known[spent])
        end
      end
    end
  end
  for replica, record in pairs(ask.slices or {}) do
    local id = 'slice:' .. replica
    if redis.call('HEXISTS', held(replica), id) == 0 and redis.call('HEXISTS', SWEPT, id) == 0 then
      redis.call('ZADD', ALIVE, 'NX', text(now), replica)
      add_held(record, 1)
      keep(replica, id, record)
    end
  end
  for id, record in pairs(ask.records or {}) do
    if redis.call('HEXISTS', held(ask.replica), id) == 0 then
      local swept = redis.call('HGET', SWEPT, id)
      if swept then
        redis.call('HDEL', SWEPT, id)
        add_spent(record, -record.cost)
      end
      record.at = now_ms
      add_held(record, 1)
      keep(ask.replica, id, record)
    end
  end
  return LET_IN
end

-- What a replica has spent while it could not reach this server, out of what it had set apart; `id` counts once.
function ops.light()
  if not redis.call('SET', base .. 'light:' .. ask.id, '1', 'NX', 'PX', 90000000) then return LET_IN end
  local record = take(ask.replica, SLICE)
  local charged = 0
  if not record then
    local swept = redis.call('HGET', SWEPT, SLICE)
    if swept then
      redis.call('HDEL', SWEPT, SLICE)
      record = cjson.decode(swept)
      charged = record.cost
    end
  end
  if charged > 0 then add_spent(record, -charged) end
  add_spent({ k = 'hold', day = ask.spent.day, month = ask.spent.month }, ask.spent.cost)
  return LET_IN
end

-- A call that began in the dark has cost less than was told when the light came back; `id` counts once.
function ops.refund()
  if not redis.call('SET', base .. 'light:' .. ask.id, '1', 'NX', 'PX', 90000000) then return LET_IN end
  add_spent({ k = 'hold', day = ask.spent.day, month = ask.spent.month }, -ask.spent.cost)
  return LET_IN
end

local op = ops[ask.op]
if not op then return redis.error_reply('BELAY unknown op') end
local memory = epoch()
sweep()
roll_all()
local verdict = op()
save()

-- The answer ---------------------------------------------------------------------------------------------------------

local apart = slice()
local answer = { verdict[1], verdict[2], verdict[3], verdict[4], now, memory, apart and apart.cost or 0 }
for _, each in ipairs(asked()) do
  local one = account(each.name)
  for _, field in ipairs(FIELDS) do answer[#answer + 1] = one[field] end
end
-- What is set apart for whom, so that a memory which is lost can be told.
if ask.op == 'look' then
  local slices = {}
  for _, replica in ipairs(redis.call('ZRANGE', ALIVE, 0, -1)) do
    local found = redis.call('HGET', held(replica), 'slice:' .. replica)
    if found then slices[replica] = cjson.decode(found) end
  end
  answer[#answer + 1] = cjson.encode(slices)
end
return answer
