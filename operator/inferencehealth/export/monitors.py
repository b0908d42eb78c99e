"""Uptime monitors and pipelines: settings to type in, and a step that waits until a server serves.

The step is in the format of GitHub Actions (workflow syntax, `jobs.<id>.steps`).
"""

import shlex

from inferencehealth.export.subject import Grpc, Subject
from inferencehealth.export.text import comment, head, quoted

KEYWORDS = {"asr": '"healthy"'}
"""The text that only a server which serves has in its body, by profile."""
TRAP = (
    "With the double quotes: the word alone also stands in unhealthy, so the monitor would stay "
    "green for ever. Where quotes can't be typed in, leave the keyword out: the status tells."
)


def uptime(subject: Subject) -> str:
    """Settings of an uptime monitor, under the names that most of them use."""
    asked = subject.question
    if isinstance(asked, Grpc):
        what = f"type: grpc\naddress: {quoted(subject.url)}\nservice: {quoted(asked.service)}\n"
    else:
        what = f"type: http\nmethod: GET\nurl: {quoted(subject.url)}\nexpected_status: [200]\n"
        what += "follow_redirects: false\n"
    keyword = KEYWORDS.get(subject.profile.name, "")
    told = f"{comment(TRAP)}\nkeyword: {quoted(keyword)}\n" if keyword else ""
    return f"""\
{head(subject, "Settings of an uptime monitor")}
name: {quoted(subject.name)}
{what}{told}\
interval_seconds: {subject.schedule.uptime}
timeout_seconds: {subject.schedule.balancer.timeout}
"""


def github(subject: Subject) -> str:
    """A step that waits until the server really serves, and fails the job if it does not."""
    words = ["ihp", "wait", subject.address, "--profile", subject.profile.name]
    for model in subject.models:
        words += ["--model", model]
    schedule = subject.schedule
    words += ["--tries", str(schedule.tries), "--interval", f"{schedule.pause}s"]
    words += ["--request-timeout", f"{schedule.balancer.timeout}s"]
    told = (
        "The deep check: a green endpoint would let a server pass whose models are missing. Before "
        "this step, install inferencehealth so that the runner has the command ihp."
    )
    return f"""\
{head(subject, "A step for GitHub Actions")}
{comment(told)}
- name: {quoted(f"Wait until {subject.name} serves")}
  shell: bash
  run: {quoted(shlex.join(words))}
"""
