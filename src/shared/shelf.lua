-- The shelf of one org: answers that any replica may give, who is asking for one, and what was purged.
--
-- KEYS[1]  the beginning of every key of the org, its hash tag inside: all of them live in one slot.
-- ARGV[1]  what is asked; the comment at each says what goes with it.
--
-- Every question is one step on the server, and time is the server's, in microseconds. Nothing that somebody else has put
-- in place of ours is an error: it is taken away.

local base, op = KEYS[1], ARGV[1]
local PURGED = base .. 'purged'   -- marks of purged records, each with its moment; no two moments are equal
local MARK = 24                   -- characters of a mark
local MOST = 10000                -- marks that are kept; past that, everything is purged
local HEAD = '^(%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d)(%d%d%d%d)'

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function text(number) return string.format('%.0f', number) end

-- Whether `key` holds what it should; anything else is taken away.
local function is(key, kind)
  local found = redis.call('TYPE', key)['ok']
  if found == kind then return true end
  if found ~= 'none' then redis.call('DEL', key) end
  return false
end

local function purge(mark)
  local last = redis.call('ZREVRANGE', PURGED, 0, 0, 'WITHSCORES')[2]
  local at = now
  if last and tonumber(last) >= at then at = tonumber(last) + 1 end
  redis.call('ZADD', PURGED, text(at), mark)
end

local found = redis.call('TYPE', PURGED)['ok']
if found ~= 'zset' and found ~= 'none' then
  -- Nobody knows any more what was purged, so all of it was.
  redis.call('DEL', PURGED)
  purge('all')
  found = 'zset'
end

-- Whether an answer asked for at `asked` speaks of anything that was purged since.
local function is_purged(asked, marks)
  if found == 'none' then return false end
  local function since(mark)
    local at = redis.call('ZSCORE', PURGED, mark)
    return at and tonumber(at) >= asked
  end
  if since('all') then return true end
  for from = 1, #marks, MARK do
    if since(string.sub(marks, from, from + MARK - 1)) then return true end
  end
  return false
end

-- An answer as it lies there: when it was asked for, of how many records it speaks, their marks, and itself, sealed.
local function read(key)
  if not is(key, 'string') then return nil end
  local entry = redis.call('GET', key)
  local asked, count = string.match(entry, HEAD)
  local left = redis.call('PTTL', key)
  if not asked or left <= 0 then return nil end
  local ends = 20 + tonumber(count) * MARK
  local marks = string.sub(entry, 21, ends)
  if is_purged(tonumber(asked), marks) then
    redis.call('DEL', key)
    return nil
  end
  return { now, string.sub(entry, ends + 1), left, marks }
end

-- Whether there is room for an answer: everything else that replicas share must never find the store full.
local function has_room()
  local info = redis.pcall('INFO', 'memory')
  if type(info) ~= 'string' then return true end
  local used, most = string.match(info, 'used_memory:(%d+)'), string.match(info, 'maxmemory:(%d+)')
  most = tonumber(most) or 0
  return most == 0 or (tonumber(used) or 0) < most * 0.8
end

local function holds(key, token) return is(key, 'string') and redis.call('GET', key) == token end

-- name, token, lease in ms -> { now, the answer, what is left of its time in ms, its marks }, or { now, nil, whether the
-- flight is the asker's }. `look` wants no flight, and `take` no answer.
if op == 'look' or op == 'lead' or op == 'take' then
  local name, token, lease = ARGV[2], ARGV[3], ARGV[4]
  if op ~= 'take' then
    local entry = read(base .. 'answer:' .. name)
    if entry then return entry end
  end
  local flight = base .. 'flight:' .. name
  local leads = 0
  if op ~= 'look' then
    is(flight, 'string')
    if redis.call('SET', flight, token, 'NX', 'PX', lease) then leads = 1 end
  end
  return { now, false, leads }
end

-- name, token, when it was asked for, its time in ms, how many marks, the marks, itself -> whether it may be given. The
-- flight of `token` has landed by that.
if op == 'keep' then
  local name, token, asked, ttl, count, marks, sealed = unpack(ARGV, 2, 8)
  local kept = 0
  if not is_purged(tonumber(asked), marks) and has_room() then
    redis.call('SET', base .. 'answer:' .. name, asked .. count .. marks .. sealed, 'PX', ttl)
    kept = 1
  end
  local flight = base .. 'flight:' .. name
  if holds(flight, token) then redis.call('DEL', flight) end
  return kept
end

-- name, token, lease in ms -> whether the flight is still the asker's.
if op == 'renew' then
  local flight = base .. 'flight:' .. ARGV[2]
  if not holds(flight, ARGV[3]) then return 0 end
  return redis.call('PEXPIRE', flight, ARGV[4])
end

-- name, token -> whether the flight was the asker's.
if op == 'leave' then
  local flight = base .. 'flight:' .. ARGV[2]
  if not holds(flight, ARGV[3]) then return 0 end
  return redis.call('DEL', flight)
end

-- mark, the longest time of an answer in ms.
if op == 'purge' then
  local mark, longest = ARGV[2], tonumber(ARGV[3])
  purge(mark)
  if redis.call('ZCARD', PURGED) > MOST then
    redis.call('DEL', PURGED)
    purge('all')
  end
  redis.call('ZREMRANGEBYSCORE', PURGED, '-inf', text(now - longest * 1000))
  redis.call('PEXPIRE', PURGED, ARGV[3])
  return 1
end

-- a moment -> { now, mark, its moment, mark, its moment … }, of what was purged after it.
if op == 'news' then
  local news = { now }
  if found == 'none' then return news end
  for nth, value in ipairs(redis.call('ZRANGEBYSCORE', PURGED, '(' .. ARGV[2], '+inf', 'WITHSCORES')) do
    news[nth + 1] = value
  end
  return news
end

return redis.error_reply('nobody asks that')
