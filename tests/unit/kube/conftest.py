from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from inferencehealth.kube.client import Client, connect
from tests.unit.kube.fake_apiserver import FakeApiServer


@pytest.fixture
async def server() -> AsyncIterator[FakeApiServer]:
    fake = FakeApiServer()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", fake.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    fake.over.set()
    await runner.cleanup()


@pytest.fixture
async def client(server: FakeApiServer) -> AsyncIterator[Client]:
    async with connect(server.access) as connected:
        yield connected
