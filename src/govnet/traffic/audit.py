"""Every change of the traffic app's objects by a person is audited; what exporters tell is not."""

from __future__ import annotations

from auditlog.registry import auditlog

from govnet.traffic.models import AddressBlock, FlowExporter


def register() -> None:
    """Follow both models; safe to call again."""
    if not auditlog.contains(AddressBlock):
        fields = ["prefix", "unit", "access_point", "use", "notes"]
        auditlog.register(AddressBlock, include_fields=fields)
    if not auditlog.contains(FlowExporter):
        fields = ["address", "name", "device", "sampling", "notes"]
        auditlog.register(FlowExporter, include_fields=fields)
