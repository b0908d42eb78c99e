"""Reports onto the API server: what differs is written, nothing else."""

import logging
from dataclasses import dataclass

from inferencehealth.api.names import CONTROLLER_MANAGER
from inferencehealth.api.report import ProbesReport, Report
from inferencehealth.controller.reports import (
    Content,
    report_body,
    same_spec,
    same_status,
    status_body,
)
from inferencehealth.kube.client import Client
from inferencehealth.kube.errors import Invalid, NotFound
from inferencehealth.kube.requests import REPORTS
from inferencehealth.workloads import Workload

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Records:
    """The reports of the cluster, as the controller writes them."""

    client: Client

    async def write(self, content: Content, target: Workload, current: Report | None) -> Report:
        """Bring the report in line, writing only what differs; returns it as it is now.

        A report that somebody else has written into may not take ours any more: it begins anew.
        """
        try:
            return await self._write(content, target, current)
        except Invalid as refused:
            if current is None:
                raise
            logger.warning("report begins anew: %s", refused, extra={"report": content.name})
            await self.delete(target.namespace, content.name)
            return await self._write(content, target, None)

    async def _write(self, content: Content, target: Workload, current: Report | None) -> Report:
        if current is None or not same_spec(content, current):
            body = report_body(content, target)
            current = await self._apply(target.namespace, content.name, body, "")
        if not same_status(content, current):
            body = {"status": content.status()}
            current = await self._apply(target.namespace, content.name, body, "status")
        return current

    async def say(self, report: Report, probes: ProbesReport) -> Report:
        """Change what a report says about probes, whatever policy it was written for."""
        if report.status.probes == probes:
            return report
        meta, status = report.metadata, report.status
        body = status_body(status.detection, probes, status.findings, status.desired_pods)
        return await self._apply(meta.namespace, meta.name, {"status": body}, "status")

    async def delete(self, namespace: str, name: str, *, uid: str = "") -> None:
        """Delete a report; that it is gone already is just as well."""
        try:
            await self.client.delete(REPORTS, name, namespace=namespace, uid=uid)
        except NotFound:
            logger.debug("report is gone already", extra={"report": name})

    async def _apply(
        self, namespace: str, name: str, body: dict[str, object], subresource: str
    ) -> Report:
        raw = await self.client.apply(
            REPORTS,
            name,
            body,
            namespace=namespace,
            manager=CONTROLLER_MANAGER,
            force=True,  # our own fields on our own object
            subresource=subresource,
        )
        return Report.model_validate(raw)
