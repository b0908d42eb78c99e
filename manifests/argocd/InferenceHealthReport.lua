-- Argo CD's health of an InferenceHealthReport. Argo CD shows it below its Deployment or StatefulSet.

local words = {
  Ready = "Healthy",
  Degraded = "Healthy", -- it serves; only something optional is missing
  Busy = "Progressing",
  Loading = "Progressing",
  Asleep = "Suspended",
  Broken = "Degraded",
  Unknown = "Unknown",
}

if obj.spec.check == nil then
  return {status = "Unknown", message = "the server was not recognised, so it is not checked"}
end

local status = obj.status or {}
local seen = status.health
if seen == nil or seen.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "no checker has looked at this version yet"}
end

local counts = seen.counts or {}
if (counts.total or 0) == 0 then
  if (status.desiredPods or 0) == 0 then
    return {status = "Suspended", message = "no pod is wanted"}
  end
  return {status = "Progressing", message = seen.message}
end

local found = words[seen.verdict] or "Unknown"
if found == "Healthy" and (counts.ready or 0) + (counts.degraded or 0) < (status.desiredPods or 0) then
  found = "Progressing"
end
return {status = found, message = seen.message}
