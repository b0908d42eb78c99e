"""`python -m e2e.servers.asr api-server|lightning-asr|license-proxy`: run one of the programs."""

import sys
import time
from collections.abc import Callable, Mapping

from aiohttp import web

from . import api_server, license_proxy, lightning_asr, settings

Application = Callable[[settings.Settings], web.Application]

PROGRAMS: Mapping[str, tuple[int, Application]] = {
    "api-server": (settings.API_SERVER_PORT, api_server.app),
    "lightning-asr": (settings.LIGHTNING_ASR_PORT, lightning_asr.app),
    "license-proxy": (settings.LICENSE_PROXY_PORT, license_proxy.app),
}


def main(argv: list[str]) -> int:
    """Run the named program until it is told to stop."""
    if len(argv) != 1 or argv[0] not in PROGRAMS:
        print(f"usage: python -m e2e.servers.asr {'|'.join(PROGRAMS)}", file=sys.stderr)
        return 2
    default_port, application = PROGRAMS[argv[0]]
    chosen = settings.from_environment(default_port)
    if unknown := settings.unresolved(chosen):
        print(f"{unknown}: this Service did not exist when the container started", file=sys.stderr)
        return 1
    time.sleep(chosen.load_seconds)
    web.run_app(
        application(chosen), host=chosen.host, port=chosen.port, shutdown_timeout=1.0, print=None
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
