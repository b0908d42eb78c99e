-- Argo CD's health of an InferenceHealthPolicy, from its conditions and its worst verdict.

local function condition(name)
  for _, each in ipairs((obj.status or {}).conditions or {}) do
    if each.type == name then
      return each
    end
  end
  return {status = "Unknown", reason = "", message = ""}
end

local function health(status, message)
  return {status = status, message = message}
end

local status = obj.status or {}
if status.observedGeneration == nil or status.observedGeneration ~= obj.metadata.generation then
  return health("Progressing", "the operator has not looked at this version yet")
end

local ready = condition("Ready")
local stalled = condition("Stalled")
local reconciling = condition("Reconciling")
local verdict = (status.summary or {}).verdict

if stalled.status == "True" then
  return health("Degraded", stalled.message)
end
-- A model that does not serve ends the sync as failed, also while others are still on their way.
if ready.status ~= "True" and ((status.pods or {}).broken or 0) > 0 then
  return health("Degraded", ready.message)
end
if reconciling.status == "True" then
  return health("Progressing", reconciling.message)
end
if ready.status == "True" then
  return health("Healthy", ready.message)
end
if ready.reason == "NoWorkloads" then
  -- In mode Initial the policy has to be there before its workloads: waiting would be for ever.
  if ((obj.spec or {}).probes or {}).mode == "Initial" then
    return health("Healthy", "no workload yet; probes go into those that come")
  end
  return health("Progressing", ready.message)
end
if ready.reason == "NoPods" or verdict == "Asleep" then
  return health("Suspended", ready.message)
end
if ready.status == "False" then
  -- Broken was told above: what is left mends itself, by loading, by less load, by a new pod.
  return health("Progressing", ready.message)
end
return health("Unknown", ready.message)
