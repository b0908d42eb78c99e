"""Findings that other parts of the operator make: gates, checks, and problems of a plan."""

from inferencehealth.findings.rule import Rule

GATES = (
    Rule(
        id="ReadinessGateLeft",
        severity="warning",
        of_workload=True,
        what="The pod template carries our readiness gate, but no policy asks for it.",
        why="The operator opens it for every pod as long as it runs; without the operator new pods "
        "never become ready.",
        remedy="Remove the entry from spec.template.spec.readinessGates, or set "
        "checks.readinessGate in the policy.",
    ),
    Rule(
        id="ReadinessGateInUse",
        severity="info",
        of_workload=True,
        what="New pods get traffic only once the operator has opened their readiness gate.",
        why="That is what was asked for; it matters when the operator is to be uninstalled.",
        remedy="Before that, set checks.readinessGate to false and wait until the pods have "
        "rolled.",
    ),
    Rule(
        id="ReadinessGateNotAdded",
        severity="warning",
        of_workload=True,
        what="The readiness gate is not in the pod template, because another controller makes it.",
        why="That controller would take the gate out again.",
        remedy="Add the gate to the object that its controller reads, if it has such a field.",
    ),
)

CHECKS = (
    Rule(
        id="KubeletReadyButBroken",
        severity="warning",
        what="The kubelet calls pods ready that do not serve by the operator's checks.",
        why="Traffic goes to pods that can't answer: the readiness probe asks too little.",
        remedy="Take the readiness probe in status.probes.readiness of the report, or let the "
        "checks take such pods out of traffic (spec.checks.readinessGate).",
    ),
    Rule(
        id="KubeletNotReadyButServing",
        severity="warning",
        what="Pods serve by the operator's checks, but the kubelet calls them not ready.",
        why="They get no traffic: the startup or readiness probe asks a wrong path or port, or "
        "gives too little time.",
        remedy="See how the probe fails (kubectl describe pod), and compare it with status.probes "
        "of the report.",
    ),
    Rule(
        id="KubeletRestartsWhileLoading",
        severity="warning",
        what="The kubelet restarts pods again and again before the server has loaded.",
        why="Liveness or startup give the server less time than it takes to load.",
        remedy="Raise spec.probes.budgets.maxStartup, or take the startup probe in status.probes "
        "of the report.",
    ),
    Rule(
        id="CanaryNotSent",
        severity="warning",
        of_workload=True,
        what="The canary of the policy could not be sent.",
        why="Until then only the server's health endpoints are asked, which see no hung engine.",
        remedy="Mend what the message names, or set spec.checks.canary.mode: Off.",
    ),
    Rule(
        id="CanarySecretUnreadable",
        severity="warning",
        of_workload=True,
        what="The Secret that the canary needs can't be read.",
        why="The canary is not sent, so a hung engine is not seen.",
        remedy="Make the Secret, correct the reference, or let the checker read it.",
    ),
    Rule(
        id="CanaryBodyUnreadable",
        severity="warning",
        of_workload=True,
        what="The ConfigMap with the canary's body can't be read, or can't be sent.",
        why="The canary is not sent, so a hung engine is not seen. It says nothing about the "
        "server: no pod is called Broken for it.",
        remedy="Make the ConfigMap, correct spec.checks.canary.bodyFrom, or let the checker read "
        "it: a Role with verb get on its name.",
    ),
    Rule(
        id="CanaryNeedsKey",
        severity="warning",
        of_workload=True,
        what="The server wants an API key for inference, so it gets no canary.",
        why="Until then only the server's health endpoints are asked, which see no hung engine.",
        remedy="Set spec.checks.canary.headersFrom to a Secret with the key, or "
        "spec.checks.canary.mode: Off.",
    ),
    Rule(
        id="CanaryNotBuilt",
        severity="info",
        of_workload=True,
        what="No request can be built for a model, or the server takes none of those it might.",
        why="The model gets no canary, so that nothing sees it hang: only its health endpoints are "
        "asked. It is tried anew after ten intervals.",
        remedy="Describe a request that the model takes (spec.checks.canary.mode: Custom), or set "
        "mode: Off.",
    ),
    Rule(
        id="CanaryUnproven",
        severity="warning",
        of_workload=True,
        what="A model fails the zeros that a canary sends, and no pod has ever answered them well.",
        why="Either it is broken, or it does not bear zeros; nobody can tell, so nothing is held "
        "against the pod.",
        remedy="Send the model a real request. Where that is answered, describe it "
        "(spec.checks.canary.mode: Custom); where it fails too, load the model anew.",
    ),
)

PROBLEMS = (
    Rule(
        id="ServerNotRecognised",
        severity="error",
        of_workload=True,
        what="No profile recognises a model server in the workload.",
        why="Without a server there is nothing to check and no probe that fits. `ihp lint` without "
        "a policy passes such workloads over.",
        remedy="Name it in spec.server.profile, or describe it with profile custom.",
    ),
    Rule(
        id="ServerAmbiguous",
        severity="error",
        of_workload=True,
        what="More than one container, or more than one profile, could be the server.",
        why="A guess would put probes into the wrong container.",
        remedy="Name the container in spec.target.container, or the profile in "
        "spec.server.profile.",
    ),
    Rule(
        id="ContainerNotFound",
        severity="error",
        of_workload=True,
        what="The workload has no container of the name in spec.target.container, or only "
        "sidecars.",
        why="There is no container to give probes to.",
        remedy="Correct spec.target.container.",
    ),
    Rule(
        id="PortNotFound",
        severity="error",
        of_workload=True,
        what="The port of the server is not known, or no port has the name that was given.",
        why="Probes and checks need a port.",
        remedy="Correct spec.server.port or the name, or declare the port in the container.",
    ),
    Rule(
        id="ContradictingBudgets",
        severity="error",
        of_workload=True,
        what="What the policy promises can't be kept together.",
        why="The kubelet's arithmetic does not allow it; the message has the numbers.",
        remedy="Change the budget or the exact numbers that the message names.",
    ),
    Rule(
        id="InvalidEndpoint",
        severity="error",
        of_workload=True,
        what="An endpoint that the policy describes can't be asked as it stands.",
        why="Its body is too long, or it does not say where the model's name goes.",
        remedy="Correct the field that the message names.",
    ),
    Rule(
        id="InvalidCanary",
        severity="error",
        of_workload=True,
        what="The canary that the policy describes can't be sent.",
        why="Its body is no JSON, or too long.",
        remedy="Correct spec.checks.canary.",
    ),
    Rule(
        id="InvalidManifest",
        severity="error",
        of_workload=True,
        what="A manifest has a value that the API server would not accept.",
        why="No plan can be made from it; `ihp render` leaves it as it is.",
        remedy="Correct the field that the message names.",
    ),
    Rule(
        id="InvalidSchema",
        severity="error",
        of_workload=True,
        what="A JSON Schema in the policy can't be used.",
        why="Answers could not be judged by it.",
        remedy="Correct the schema that the message names.",
    ),
    Rule(
        id="InvalidTimeZone",
        severity="error",
        of_workload=True,
        what="The time zone of the maintenance window is not known.",
        why="It can't be told when the window is open, so no rollout is started.",
        remedy="Give a name of the IANA time zone database, such as Europe/Berlin.",
    ),
)
