"""Whatever is read in whatever order, a verdict comes of it: never an exception, never too much."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from inferencehealth.checks.history import History, PodFacts, Thresholds, begin
from inferencehealth.checks.steps import Item, Reading, Sign
from inferencehealth.checks.verdict import judge, outdated
from inferencehealth.checks.verdicts import SERVING, Verdict

TEXTS = st.text(max_size=8) | st.sampled_from(["NoAnswer", "ConnectionReset", "NotServing"])
ITEMS = st.lists(st.builds(Item, TEXTS, st.sampled_from(Sign), TEXTS, st.booleans()), max_size=3)
READINGS = st.builds(
    Reading,
    st.sampled_from(Sign),
    TEXTS,
    TEXTS,
    models=ITEMS.map(tuple),
    components=ITEMS.map(tuple),
    timed=st.booleans(),
)
PODS = st.builds(
    PodFacts,
    uid=st.sampled_from(["a", "b"]),
    ip=st.sampled_from(["", "10.0.0.1"]),
    phase=st.sampled_from(["Running", "Pending", "Failed", ""]),
    started_at=st.none() | st.floats(-1e6, 1e6),
    waiting=st.sampled_from(["", "CrashLoopBackOff", "ErrImagePull", "RunContainerError", "?"]),
    last_termination=TEXTS,
    restarts=st.integers(0, 3),
    unschedulable=st.sampled_from(["", "no GPU"]),
    ready=st.booleans(),
    missing=st.sampled_from(["", "server"]),
)
THRESHOLDS = st.builds(
    Thresholds,
    failures=st.integers(1, 4),
    successes=st.integers(1, 4),
    startup_budget=st.floats(0, 1e5),
)
STEPS = st.tuples(
    st.none() | READINGS,
    PODS,
    st.floats(-100, 1000),
    st.sampled_from([0.0, 0.0, 40.0]),
)


@settings(max_examples=100, deadline=None)
@given(steps=st.lists(STEPS, min_size=1, max_size=20), thresholds=THRESHOLDS)
def test_any_sequence_has_a_verdict(
    steps: list[tuple[Reading | None, PodFacts, float, float]], thresholds: Thresholds
) -> None:
    now = 0.0
    history = begin(steps[0][1], now)
    for reading, pod, passed, gap in steps:
        now += passed
        history = judge(reading, pod, history, thresholds, now, gap=gap)
        _is_sound(history, reading, pod)
        stale = outdated(history, now, 60.0)
        assert stale.verdict not in SERVING
        assert isinstance(hash(replace(stale)), int)


def _is_sound(history: History, reading: Reading | None, pod: PodFacts) -> None:
    assert history.verdict in set(Verdict)
    assert history.uid == pod.uid
    assert 0 <= history.alike <= 21
    assert 0 <= history.repeats <= 21
    if reading is not None and reading.sign is Sign.FAILS and history.fresh:
        assert history.verdict not in SERVING
