"""Forms of the traffic app."""

from __future__ import annotations

from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from govnet.core.forms import ObjectForm
from govnet.traffic import models

Texts = dict[str, str | Promise]


class AddressBlockForm(ObjectForm):
    """An address block."""

    class Meta:
        model = models.AddressBlock
        fields = ("prefix", "unit", "access_point", "use", "notes")
        help_texts: ClassVar[Texts] = {
            "prefix": _("E.g. 10.20.0.0/16 or 2001:db8:20::/48."),
            "unit": _("Whose addresses these are; empty for reserved or shared ones."),
            "use": _("E.g. office terminals, cameras, server zone."),
        }


class FlowExporterForm(ObjectForm):
    """A flow exporter."""

    class Meta:
        model = models.FlowExporter
        fields = ("address", "name", "device", "sampling", "notes")
        help_texts: ClassVar[Texts] = {
            "address": _("Where its datagrams come from, e.g. 10.0.0.1."),
            "device": _("The device whose interfaces it reports; tells circuit and carrier."),
        }
