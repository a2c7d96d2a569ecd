-- What wrk sends: a publish without an id, so that each is a new event; and what it prints at the end, as JSON.
-- Arguments after --: the key's header, then a body for each tenant.
local requests = {}
local turn = 0

function init(args)
  wrk.method = "POST"
  wrk.headers["content-type"] = "application/json"
  wrk.headers["authorization"] = args[1]
  for index = 2, #args do
    requests[#requests + 1] = wrk.format(nil, nil, nil, args[index])
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"seconds":%.3f,"refused":%d,"broken":%d,"p50Ms":%.3f,"p99Ms":%.3f}\n',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
