-- What wrk asks: TEST is one of four calls of the API, RUN the run that is written to.
local test, run = os.getenv("TEST"), os.getenv("RUN")
local headers = {["Content-Type"] = "application/json"}
local step = math.floor(os.time() * 1000) % 1000000000

local function metric()
  step = step + 1
  return string.format('"key":"loss","value":0.5,"timestamp":%d,"step":%d', 1700000000000 + step, step)
end

local calls = {
  ["log-metric"] = function()
    return wrk.format("POST", "/api/2.0/mlflow/runs/log-metric", headers, string.format('{"run_id":"%s",%s}', run, metric()))
  end,
  ["log-batch"] = function()
    local metrics = {}
    for index = 1, 10 do metrics[index] = "{" .. metric() .. "}" end
    return wrk.format("POST", "/api/2.0/mlflow/runs/log-batch", headers,
      string.format('{"run_id":"%s","metrics":[%s]}', run, table.concat(metrics, ",")))
  end,
  ["experiments/get"] = function()
    return wrk.format("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0")
  end,
  ["runs/search"] = function()
    return wrk.format("POST", "/api/2.0/mlflow/runs/search", headers, '{"experiment_ids":["0"],"max_results":20}')
  end,
}

request = calls[test]
