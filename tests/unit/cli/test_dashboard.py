"""How the dashboard's command opens the user's browser."""

import queue
import stat
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from inferencehealth.cli import dashboard

ADDRESS = "http://127.0.0.1:1/s3cret/"


def test_the_browser_is_told_the_address_by_a_file_that_only_its_user_reads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: queue.Queue[str] = queue.Queue()
    monkeypatch.setattr(dashboard.webbrowser, "open", opened.put)
    monkeypatch.setenv("DISPLAY", ":0")
    with dashboard.door(ADDRESS):
        told = opened.get(timeout=10)
        file = Path(url2pathname(urlsplit(told).path))
        assert "s3cret" not in told
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert f"url={ADDRESS}" in file.read_text()
    assert not file.exists()


@pytest.mark.parametrize(
    ("platform", "environment", "has"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ""}, False),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("linux", {"BROWSER": "wslview"}, True),
        ("darwin", {}, True),
    ],
)
def test_without_a_screen_no_browser_is_started(
    platform: str, environment: dict[str, str], *, has: bool
) -> None:
    assert dashboard.has_screen(platform, environment) is has
