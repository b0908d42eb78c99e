"""The page as a test sees it."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

T = TypeVar("T")
PATIENCE = 60.0
"""Seconds; generous, because the machine may be busy with other things."""
FOREIGN = "evil.example"
"""A name that a foreign web page made resolve to 127.0.0.1."""


@dataclass(frozen=True, slots=True)
class Page:
    """The dashboard in a browser."""

    driver: Chrome
    address: str
    program: subprocess.Popen[str]

    def go(self, fragment: str) -> None:
        """Show a part of the page, until it is drawn."""
        self.driver.get(self.address + fragment)
        self.until(lambda: self.find("#since").text, "the page is drawn")

    def until(self, so: Callable[[], T], what: str) -> T:
        """What `so` gives, once it gives something; fails the test when it never does."""
        ignored = (Exception,)
        waiting = WebDriverWait(self.driver, PATIENCE, 0.05, ignored_exceptions=ignored)
        return waiting.until(lambda _: so(), f"never: {what}")

    def find(self, selector: str) -> WebElement:
        """The first element of that kind."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        """All of that kind."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        """The texts of all of that kind, as they are seen."""
        return [each.text for each in self.all(selector)]

    def shows(self, text: str, selector: str = "main") -> None:
        """Wait until the text is there."""
        self.until(lambda: text in self.find(selector).text, f"{text!r} in {selector}")

    def run(self, script: str) -> Any:
        """What a script in the page returns."""
        return self.driver.execute_script(script)

    def press(self, *keys: str) -> None:
        """Type on the keyboard, wherever the focus is."""
        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def focused(self) -> str:
        """Name or text of what has the focus."""
        return str(
            self.run(
                "const e = document.activeElement;"
                "return e.getAttribute('aria-label') ?? e.id + '|' + e.textContent.slice(0, 60)"
            )
        )

    def errors(self) -> list[str]:
        """What the browser complained of since it was asked last."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def light(self, scheme: str = "light") -> None:
        """See it as somebody who prefers that colour scheme."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def accessible(self) -> list[tuple[str, str]]:
        """Role and name of everything that a screen reader meets."""
        self.driver.execute_cdp_cmd("Accessibility.enable", {})
        nodes = self.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        return [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in nodes
            if not node["ignored"] and "role" in node
        ]


def told(value: Any) -> str:
    """A value in a failure's message."""
    return json.dumps(value, indent=1)
