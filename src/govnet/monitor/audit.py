"""Targets that people make or change are audited; of parameters only that they changed."""

from __future__ import annotations

from typing import Final

from auditlog.registry import auditlog

from govnet.monitor.models import Target, TierProof

LEFT_OUT: Final = frozenset({"id", "key"})


def register() -> None:
    """Follow targets; safe to call again. Parameters may hold request headers with secrets."""
    if auditlog.contains(Target):
        return
    fields = Target._meta.concrete_fields  # noqa: SLF001  # Django documents it
    auditlog.register(
        Target,
        include_fields=[field.name for field in fields if field.name not in LEFT_OUT],
        mask_fields=["params"],
        mask_callable="govnet.core.audit.mask",
    )
    auditlog.register(TierProof, exclude_fields=["detail"])
