-- What wrk sends: `wrk … -s wrk.lua URL -- BODIES FIRST`.
--
-- BODIES is a file with one body a line, sent in turn; without one, plain GETs are sent. Gaps of
-- twelve @ in a body are filled with numbers, from FIRST on, so that no row is ever sent twice.
-- Whole requests are laid out before the clock starts: only the gaps are left to fill.

local GAP = string.rep("@", 12)

local requests, turn, number = {}, 0, 0

local function pieces(text)
   local parts, from = {}, 1
   while true do
      local first, last = string.find(text, GAP, from, true)
      if not first then
         parts[#parts + 1] = string.sub(text, from)
         return parts
      end
      parts[#parts + 1] = string.sub(text, from, first - 1)
      from = last + 1
   end
end

function init(arguments)
   if not arguments[1] then
      requests[1] = { wrk.format("GET") }
      return
   end
   number = tonumber(arguments[2])
   local headers = { ["Content-Type"] = "application/json" }
   for body in io.lines(arguments[1]) do
      requests[#requests + 1] = pieces(wrk.format("POST", nil, headers, body))
   end
end

function request()
   turn = turn % #requests + 1
   local parts = requests[turn]
   if #parts == 1 then
      return parts[1]
   end
   local out = { parts[1] }
   for i = 2, #parts do
      out[2 * i - 2] = string.format("%012d", number)
      out[2 * i - 1] = parts[i]
      number = number + 1
   end
   return table.concat(out)
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '\n{"requests": %d, "us": %d, "p50_us": %d, "p99_us": %d, "errors": '
         .. '{"connect": %d, "read": %d, "write": %d, "timeout": %d, "status": %d}}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      errors.connect, errors.read, errors.write, errors.timeout, errors.status))
end
