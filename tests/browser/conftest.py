"""The dashboard as its user has it: the real command on a real API server, in a real Chromium."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from e2e.cluster.model import Cluster
from inferencehealth.kube.client import Client
from tests.browser import fleet
from tests.browser.given import FOREIGN, Page
from tests.integration.conftest import client, cluster, cluster_of, namespace

__all__ = ["client", "cluster", "cluster_of", "namespace"]

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,860",
    "--force-device-scale-factor=1",
    f"--host-resolver-rules=MAP {FOREIGN} 127.0.0.1",
)


def _program(*names: str) -> str:
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.fail(
            f"{names[0]} is not installed; install it by: make setup-browser", pytrace=False
        )
    return found


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A browser with a fresh profile, for the session."""
    options = ChromeOptions()
    options.binary_location = _program("chromium", "google-chrome", "chromium-browser")
    profile = tmp_path_factory.mktemp("profile")
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=ChromeService(_program("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture
async def world(client: Client, namespace: str) -> str:
    """A namespace whose reports are believed."""
    await fleet.checker(client)
    return namespace


Open = Callable[[str], AbstractContextManager[Page]]


@pytest.fixture
def opened(cluster: Cluster, chromium: Chrome) -> Open:
    """Opens the dashboard of a namespace in the browser, until the block ends."""

    @contextmanager
    def opening(space: str) -> Iterator[Page]:
        command = [sys.executable, "-m", "inferencehealth.cli", "dashboard", "--no-browser"]
        command += ["--kubeconfig", str(cluster.kubeconfig), "-n", space]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
            try:
                assert program.stdout is not None
                address = program.stdout.readline().strip()
                assert address, "ihp dashboard ended"
                found = Page(chromium, address, program)
                chromium.get("about:blank")
                chromium.get_log("browser")
                found.light()
                found.go("")
                yield found
            finally:
                program.terminate()

    return opening


@pytest.fixture
def shots() -> Path | None:
    """Where screenshots go: SCREENSHOTS names a folder; None when nobody wants them."""
    folder = os.environ.get("SCREENSHOTS")
    return Path(folder) if folder else None
