"""Which requests are answered at all."""

import pytest

from inferencehealth.dashboard.guard import HEADERS, refusal

PORT, TOKEN = 4242, "s3cret"


@pytest.mark.parametrize(
    "host", ["127.0.0.1:4242", "localhost:4242", "[::1]:4242", "LOCALHOST:4242"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_users_own_browser_is_answered(host: str, method: str) -> None:
    assert refusal(method, host, "/s3cret/", port=PORT, token=TOKEN) is None


@pytest.mark.parametrize(
    ("method", "host", "path", "status"),
    [
        ("GET", "evil.example:4242", "/s3cret/", 421),
        ("GET", "evil.example", "/s3cret/", 421),
        ("GET", "127.0.0.1", "/s3cret/", 421),
        ("GET", "127.0.0.1:80", "/s3cret/", 421),
        ("GET", "127.0.0.1:4242.evil.example", "/s3cret/", 421),
        ("GET", "", "/s3cret/", 421),
        ("POST", "127.0.0.1:4242", "/s3cret/", 405),
        ("DELETE", "127.0.0.1:4242", "/s3cret/", 405),
        ("OPTIONS", "127.0.0.1:4242", "/s3cret/", 405),
        ("GET", "127.0.0.1:4242", "/", 403),
        ("GET", "127.0.0.1:4242", "/events", 403),
        ("GET", "127.0.0.1:4242", "/s3cre/", 403),
        ("GET", "127.0.0.1:4242", "/s3cret2/", 403),
        ("GET", "127.0.0.1:4242", "/é/", 403),
        ("GET", "127.0.0.1:4242", "//s3cret/", 403),
    ],
)
def test_others_are_refused(method: str, host: str, path: str, status: int) -> None:
    found = refusal(method, host, path, port=PORT, token=TOKEN)
    assert found is not None
    assert found.status == status


def test_the_browser_is_allowed_nothing_but_the_page_itself() -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
