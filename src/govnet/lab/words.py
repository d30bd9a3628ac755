"""What people call the twin's faults, their options and the probes."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from govnet.lab.scenario import Step
from govnet.lab.truth import Sense

KINDS: Final[dict[str, tuple[str | Promise, str | Promise]]] = {
    "cut": (_("Cut a cable"), _("Both ends lose their light.")),
    "line": (_("Make a line bad"), _("Loss, delay or jitter, one way or both.")),
    "flap": (_("Let a line flap"), _("It comes and goes for a while.")),
    "port-down": (_("Shut a port"), _("Its neighbour loses carrier.")),
    "off": (_("Power off a node"), _("Healing boots it again.")),
    "kill": (_("Kill a daemon"), _("It stays dead until it is healed.")),
    "mute": (_("Let an SNMP agent hang"), _("Everything else of the node works.")),
    "acl": (_("Filter a node's probes"), _("Ping and SNMP are dropped; it goes on forwarding.")),
    "isp-down": (_("A carrier's network is dead"), _("Its line still has light.")),
    "blind": (_("Cut off the probe point"), _("GovNet sees nothing: all is unknown, not down.")),
    "portal-500": (_("The portal answers 500"), _("Every page is an error.")),
    "portal-slow": (_("The portal is slow"), _("A page takes seconds.")),
    "defaced": (_("The portal is defaced"), _("Another page, with status 200.")),
    "certificate": (_("The portal's certificate expired"), _("Half a day ago.")),
    "syn-flood": (_("SYN flood"), _("Forged sources; bounded in rate and time.")),
    "amplification": (_("UDP amplification"), _("Large answers that nobody asked for.")),
    "scan": (_("Port scan"), _("One source tries the ports one by one.")),
}
GROUPS: Final[tuple[tuple[str | Promise, tuple[str, ...]], ...]] = (
    (_("Lines and ports"), ("cut", "line", "flap", "port-down")),
    (_("Nodes"), ("off", "kill", "mute", "acl", "isp-down", "blind")),
    (_("Portal"), ("portal-500", "portal-slow", "defaced", "certificate")),
    (_("Attack traffic"), ("syn-flood", "amplification", "scan")),
)
OPTIONS: Final[dict[str, str | Promise]] = {
    "delay_ms": _("Delay (ms)"),
    "jitter_ms": _("Jitter (ms)"),
    "loss": _("Loss (0 to 1)"),
    "burst": _("Mean run of losses (packets)"),
    "way": _("Direction"),
    "down_s": _("Down for (s)"),
    "up_s": _("Up for (s)"),
    "seconds": _("Seconds"),
    "source": _("Who sends"),
    "rate": _("Packets a second"),
}
CHOICES: Final[dict[str, str | Promise]] = {
    "both": _("both ways"),
    "up": _("from the unit to the network"),
    "down": _("from the network to the unit"),
}
SENSES: Final[dict[Sense, str | Promise]] = {
    Sense.ICMP4: _("Ping over IPv4"),
    Sense.ICMP6: _("Ping over IPv6"),
    Sense.SNMP: "SNMP",
    Sense.HTTP: "HTTPS",
    Sense.DNS: "DNS",
    Sense.SIP: "SIP",
}
ENDINGS: Final[dict[str, str | Promise]] = {"done": _("played to its end"), "stopped": _("stopped")}


def step_words(step: Step) -> str:
    """What a step of a scenario does, for people."""
    if step.end:
        return str(_("end"))
    what = kind_word(step.fault) if step.fault else _("heal: %s") % kind_word(step.heal)
    return f"{what} {step.target}".strip()


def kind_word(kind: str) -> str:
    """What people call a kind of fault."""
    if kind == "all":
        return str(_("all"))
    return str(KINDS[kind][0]) if kind in KINDS else kind


def option_words(name: str, value: object) -> str:
    """An option of a fault and its value, for people."""
    return f"{OPTIONS.get(name, name)} {CHOICES.get(str(value), value)}"
