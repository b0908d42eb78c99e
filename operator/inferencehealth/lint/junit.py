"""Findings as JUnit XML: a suite for each workload, a failed case for each error."""

import re
from typing import Final
from xml.etree import ElementTree as ET

from inferencehealth.lint.linting import Linted, Located

_NOT_XML: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(linted: Linted) -> str:
    """All workloads that were judged; warnings and advice are cases that passed."""
    root = ET.Element("testsuites", name="ihp lint")
    for ref, file in dict.fromkeys(linted.judged):
        found = [one for one in linted.findings if (one.ref, one.file) == (ref, file)]
        _suite(root, ref, file, found)
    cases = root.findall("testsuite/testcase")
    failures = root.findall("testsuite/testcase/failure")
    root.set("tests", str(len(cases)))
    root.set("failures", str(len(failures)))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(root: ET.Element, ref: str, file: str, found: list[Located]) -> None:
    errors = sum(one.finding.severity == "error" for one in found)
    counts = {"tests": str(len(found) or 1), "failures": str(errors), "errors": "0"}
    suite = ET.SubElement(root, "testsuite", {"name": _clean(ref), **counts})
    if not found:
        ET.SubElement(suite, "testcase", classname=_clean(ref), name="no findings")
    for one in found:
        _case(suite, one, file)


def _case(suite: ET.Element, one: Located, file: str) -> None:
    found = one.finding
    name = f"{found.id} ({found.container})" if found.container else found.id
    case = ET.SubElement(suite, "testcase", classname=_clean(one.ref), name=_clean(name))
    if file:
        case.set("file", _clean(file))
        case.set("line", str(one.line))
    told = _clean("\n".join(part for part in (found.message, found.remedy) if part))
    if found.severity == "error":
        failure = ET.SubElement(case, "failure", message=_clean(found.message), type=found.id)
        failure.text = told
    else:
        ET.SubElement(case, "system-out").text = f"{found.severity}: {told}"


def _clean(text: str) -> str:
    """The text without characters that XML can't hold."""
    return _NOT_XML.sub("?", text)
