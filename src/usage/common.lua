-- What one org used, day by day, as several replicas tell it.
--
-- KEYS[1]  the beginning of every key of the org, its hash tag inside.
-- ARGV[1]  JSON: `replica` and `nth`, by which what is told twice counts once; `keep`, how long a day is kept, in seconds;
--          `days`, for each day its lines, for each line its numbers.
--
-- A day is a hash of lines; a line's field is the JSON list of its task, model and user, its value the numbers in their
-- order with blanks between.

local base = KEYS[1]
local told = cjson.decode(ARGV[1])

local seen = base .. 'told:' .. told.replica
if tonumber(redis.call('GET', seen) or '0') >= told.nth then return 0 end

for day, lines in pairs(told.days) do
  local key = base .. 'day:' .. day
  for line, numbers in pairs(lines) do
    local nth = 0
    for number in string.gmatch(redis.call('HGET', key, line) or '', '%d+') do
      nth = nth + 1
      if numbers[nth] then numbers[nth] = numbers[nth] + tonumber(number) end
    end
    for i, number in ipairs(numbers) do numbers[i] = string.format('%.0f', number) end
    redis.call('HSET', key, line, table.concat(numbers, ' '))
  end
  redis.call('EXPIRE', key, told.keep)
end
redis.call('SET', seen, told.nth, 'EX', 86400)
return 1
