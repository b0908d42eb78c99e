"""Docker Compose: the healthcheck of a service (Compose Specification, `services.healthcheck`)."""

from inferencehealth.export.subject import Grpc, Subject
from inferencehealth.export.text import comment, head, quoted

WHY = (
    "Runs inside the container, so the image needs {program}. Compose only marks the container "
    "unhealthy: nothing restarts it. Others wait for it by depends_on with condition: "
    "service_healthy."
)


def compose(subject: Subject) -> str:
    """A `services` entry with the healthcheck, to be merged into a Compose file."""
    rounds = subject.schedule.compose
    command = _command(subject)
    return f"""\
{head(subject, "A healthcheck for Docker Compose")}
services:
  {quoted(subject.name)}:
    healthcheck:
{comment(WHY.format(program=command[1]), 6)}
      test: {_literal(command)}
      interval: {rounds.interval}s
      timeout: {rounds.timeout}s
      retries: {rounds.failures}
{comment("Failures while the server loads do not count for so long.", 6)}
      start_period: {subject.schedule.grace}s
"""


def _literal(words: list[str]) -> str:
    """The words, in which Compose is to replace no variables."""
    return quoted([word.replace("$", "$$") for word in words])


def _command(subject: Subject) -> list[str]:
    """The test as a list, which no shell interprets."""
    asked = subject.question
    if isinstance(asked, Grpc):
        service = [f"-service={asked.service}"] if asked.service else []
        tls = ["-tls", "-tls-no-verify"] if subject.https else []
        return ["CMD", "grpc_health_probe", f"-addr=127.0.0.1:{asked.port}", *service, *tls]
    scheme, trust = ("https", ["--insecure"]) if subject.https else ("http", [])
    url = f"{scheme}://127.0.0.1:{asked.port}{asked.path}"
    # --fail: a status from 400 on is a failure.
    return ["CMD", "curl", "--fail", "--silent", "--output", "/dev/null", *trust, url]
