"""Writes docs/findings.md from the rules, so that page and operator can't differ."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from inferencehealth.findings.catalogue import SECTIONS
from inferencehealth.findings.rule import SEVERITIES, Rule

_HEAD: Final = """\
# Findings

<!-- Made by `make generate` from operator/inferencehealth/findings; do not edit. -->

What the operator, and `ihp lint`, may say about a workload. Ids are stable. A finding is an

- **error** where the probes will kill pods that work, or send traffic to pods that don't serve, or
  where the API server refuses them;
- **warning** where trouble is likely;
- **info** where it is advice.

In a cluster they stand in the workload's InferenceHealthReport: those of the plan in
`status.findings`, those that the checks came upon in `status.health.findings`.

## ihp lint

```console
$ ihp lint deploy/ service.yaml            # files and folders
$ helm template ./chart | ihp lint -       # whatever renders manifests
$ kustomize build . | ihp lint -
$ ihp lint --live --namespace ml           # a cluster's workloads
$ ihp lint deploy/ --policy policy.yaml    # as it will be with that policy
$ ihp lint deploy/ --severity error -o sarif > lint.sarif
```

It needs no cluster but for `--live`. Without a policy the manifests are judged as they stand.
Where a policy selects a workload, it is judged as it will be once the policy has been carried out:
what the operator writes is not complained about. With `--live` the cluster's own policies are
taken. Workloads that run no model server that we know are passed over and counted; templates that
nobody has rendered are named on standard error.

`-o json` prints a list of objects with `id`, `severity`, `kind`, `name`, `namespace`, `container`,
`message`, `remedy`, `file`, `line` and `docs`; `-o sarif` is SARIF 2.1.0 for code hosts, `-o junit`
XML for test reports. Exit code 1: a finding of severity error stands, whatever `--severity` shows.
Exit code 2: wrong usage, or nothing could be read.

"""


def page() -> str:
    """The whole page: a table to search, then a section for each finding."""
    rows = "".join(f"{_row(rule)}\n" for _, rules in SECTIONS for rule in rules)
    table = f"## All findings\n\n| finding | severity | what |\n| --- | --- | --- |\n{rows}"
    return _HEAD + table + "".join(_section(title, rules) for title, rules in SECTIONS)


def _row(rule: Rule) -> str:
    return f"| [{rule.id}](#{rule.id.lower()}) | {_severities(rule)} | {rule.what} |"


def _section(title: str, rules: tuple[Rule, ...]) -> str:
    return f"\n## {title}\n" + "".join("\n" + "\n".join(_told(rule)) + "\n" for rule in rules)


def _told(rule: Rule) -> Iterator[str]:
    yield f"### {rule.id}"
    yield ""
    yield f"**{_severities(rule)}**: {rule.what}"
    yield ""
    yield f"Why: {rule.why}"
    yield ""
    yield f"Remedy: {rule.remedy}"
    if rule.example:
        yield ""
        yield "```yaml"
        yield rule.example.rstrip("\n")
        yield "```"


def _severities(rule: Rule) -> str:
    told = {rule.severity, *rule.other_severities}
    return " or ".join(each for each in SEVERITIES if each in told)


def main() -> None:
    """Write the page to the path given."""
    Path(sys.argv[1]).write_text(page())


if __name__ == "__main__":
    main()
