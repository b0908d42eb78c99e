"""A check without a history has a verdict for whatever a server says."""

import pytest

from inferencehealth.checker.once import VERDICTS, checked
from inferencehealth.checks.steps import Reading, Sign
from inferencehealth.checks.verdicts import SERVING, Verdict


@pytest.mark.parametrize("sign", Sign)
def test_every_sign_has_a_verdict(sign: Sign) -> None:
    found = checked(Reading(sign, "R", "m"), ())
    assert found.verdict is VERDICTS[sign]
    assert (found.verdict in SERVING) is (sign in {Sign.SERVES, Sign.DEGRADED})


def test_not_ready_is_loading_where_nothing_else_is_known() -> None:
    assert checked(Reading(Sign.NOT_READY, "ServerNotReady"), ()).verdict is Verdict.LOADING
