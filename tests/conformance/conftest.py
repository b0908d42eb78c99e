"""What a run says at its end of servers that it left out."""

import pytest

from e2e.servers.llamacpp import build as llamacpp


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for the server that CI has only where it was built before."""
    if not llamacpp.is_cached():
        terminalreporter.write_line(
            "left out: llama-server, which takes minutes to compile; "
            "`python -m e2e.servers install llamacpp` brings it into the cache"
        )
