-- What wrk sends and tells: `wrk -s wrk.lua URL -- body=1024 headers=FILE close=1 pipeline=16`.
-- The request is made once; its figures come as one line that a program can read.

function init(args)
  local wish = {}
  for _, arg in ipairs(args) do
    local name, value = arg:match('^(%w+)=(.*)$')
    if name then wish[name] = value end
  end
  wrk.headers['Host'] = wrk.host .. ':' .. wrk.port
  if wish.headers then
    for line in io.lines(wish.headers) do
      local name, value = line:match('^(.-): (.*)$')
      wrk.headers[name] = value
    end
  end
  if wish.close then wrk.headers['Connection'] = 'close' end
  if wish.body then
    wrk.method = 'POST'
    wrk.headers['Content-Type'] = 'application/octet-stream'
    wrk.body = string.rep('x', tonumber(wish.body))
  end
  local several = string.rep(wrk.format(), tonumber(wish.pipeline or '1'))
  -- A function that wrk knows as its own is asked once, another one for every request.
  if wish.pipeline then request = function() return several end end
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format('figures %d %d %d %d %.0f %.0f %.0f',
    summary.requests, summary.duration,
    errors.connect + errors.write + errors.status + errors.timeout, errors.read,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
