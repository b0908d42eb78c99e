"""Which transport a request takes; the rounds of the checker ask through here."""

from inferencehealth.checks import grpc, http
from inferencehealth.checks.steps import Answer, Peer, Request


def check_request(request: Request) -> None:
    """Raises ValueError for a request that its transport refuses."""
    if request.grpc:
        grpc.check_request(request)
    else:
        http.prepare(request)


async def ask(peer: Peer, port: int, request: Request, *, timeout: float) -> Answer:  # noqa: ASYNC109
    """What the server at the peer answers to the request, by HTTP or gRPC."""
    transport = grpc.ask if request.grpc else http.ask
    return await transport(peer, port, request, timeout=timeout)
