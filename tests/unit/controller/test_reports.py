from inferencehealth.controller.reports import policy_label, report_name


def test_a_report_is_named_after_its_workload() -> None:
    assert report_name("Deployment", "triton") == "deployment-triton"


def test_a_long_name_is_shortened_without_clashing() -> None:
    one, other = (report_name("StatefulSet", "a" * 250 + end) for end in ("xyz", "abc"))
    assert len(one) == len(other) == 253
    assert one != other


def test_a_long_policy_name_still_fits_a_label() -> None:
    assert policy_label("triton") == "triton"
    one, other = (policy_label("p" * 100 + end) for end in "ab")
    assert len(one) == len(other) == 63
    assert one != other
