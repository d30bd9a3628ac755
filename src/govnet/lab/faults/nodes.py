"""Faults of nodes and of what runs on them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from typing import Final

from govnet.engine.result import State
from govnet.lab import kernel
from govnet.lab.description import INSIDE, Description, Role
from govnet.lab.faults.base import FaultError, Kind, node_named, register, revive
from govnet.lab.truth import Damage, Sense, senses
from govnet.lab.twin import Twin

OTHERS: Final = tuple(role for role in Role if role is not Role.OPERATIONS)
"""The operations room is GovNet's own: its fault is ``blind``."""


class _OfNode(Kind):
    targets = "node"
    roles: tuple[Role, ...] = OTHERS

    @classmethod
    def resolve(cls, city: Description, target: str) -> str:
        """The node's name."""
        return node_named(city, target, *cls.roles).name


@register
class Off(_OfNode):
    """A node without power: its processes are gone and its ports dark."""

    name = "off"
    summary = "power off a node; healing powers it on"

    def inject(self, twin: Twin) -> None:
        """Kill everything and darken every port."""
        kernel.end_processes_in([twin.namespace(self.target)], grace_s=0)
        with kernel.inside(twin.namespace(self.target)):
            kernel.ip(
                f"link set {end.interface} down" for end, _, _ in twin.city.plugs(self.target)
            )

    def heal(self, twin: Twin) -> None:
        """Boot: ports, addresses, then the daemons as when the twin was built."""
        twin.plug_in(self.target)
        revive(twin, self.target)

    def damage(self, damage: Damage) -> None:
        """It neither answers nor forwards."""
        damage.off.add(self.target)


SENSES_OF_DAEMON: Final = {
    "snmpd": Sense.SNMP,
    "nginx": Sense.HTTP,
    "dnsmasq": Sense.DNS,
    "kamailio": Sense.SIP,
}
CLIENTS_OF_ZEBRA: Final = ("ospfd", "ospf6d", "bgpd")
VERSION_OF_DAEMON: Final = {"ospfd": 4, "ospf6d": 6}


@register
class Kill(Kind):
    """A daemon dies and stays dead."""

    name = "kill"
    summary = "kill a daemon of a node; healing starts it again"
    targets = "node:daemon"

    @classmethod
    def resolve(cls, city: Description, target: str) -> str:
        """Node and daemon; which daemons a node has is asked of the twin."""
        node_named(city, target.partition(":")[0], *OTHERS)
        return target

    def inject(self, twin: Twin) -> None:
        """Kill it."""
        node, _, daemon = self.target.partition(":")
        known = [d.name for d in twin.daemons(node)]
        if daemon not in known:
            raise FaultError(f"{node} has no daemon {daemon!r}. Its daemons: {', '.join(known)}.")
        _signal(twin, node, daemon, signal.SIGKILL)

    def heal(self, twin: Twin) -> None:
        """Start it if it is not there; zebra's clients start anew with it, as FRR's watch does."""
        node, _, daemon = self.target.partition(":")
        if (node, daemon) not in twin.dead_daemons():
            return
        if daemon == "zebra":
            for client in CLIENTS_OF_ZEBRA:
                _signal(twin, node, client, signal.SIGKILL)
        revive(twin, node)

    def damage(self, damage: Damage) -> None:
        """What only this daemon did."""
        node, _, daemon = self.target.partition(":")
        if daemon in VERSION_OF_DAEMON:
            damage.unrouted.add((node, VERSION_OF_DAEMON[daemon]))
        elif daemon in SENSES_OF_DAEMON:
            damage.states[node, SENSES_OF_DAEMON[daemon]] = State.DOWN
        elif daemon == "bgpd":
            damage.cut.update(_sessions(self.city, node))


def _sessions(city: Description, node: str) -> set[str]:
    """Cables to another autonomous system: without BGP nothing is sent over them."""
    here = city.by_name[node]
    found = set()
    for _, far, cable in city.plugs(node):
        there = city.by_name[far.node]
        if there.asn is not None and (here.role in INSIDE) != (there.role in INSIDE):
            found.add(cable.name)
    return found


ACL: Final = """\
add table inet {table}
flush table inet {table}
table inet {table} {{
  chain input {{
    type filter hook input priority 0;
    icmp type echo-request drop
    icmpv6 type echo-request drop
    udp dport 161 drop
  }}
}}
"""
DEAD: Final = """\
add table inet {table}
flush table inet {table}
table inet {table} {{
  chain input {{ type filter hook input priority 0; policy drop; }}
  chain forward {{ type filter hook forward priority 0; policy drop; }}
  chain output {{ type filter hook output priority 0; policy drop; }}
}}
"""


MUTE: Final = """\
add table inet {table}
flush table inet {table}
table inet {table} {{
  chain input {{ type filter hook input priority 0; udp dport 161 drop; }}
  chain output {{ type filter hook output priority 0; udp dport 162 drop; }}
}}
"""


class _Filtered(_OfNode):
    """A packet filter in the node's namespace; healing takes the table away."""

    rules: str

    def inject(self, twin: Twin) -> None:
        """Load the rules."""
        _nft(twin, self.target, self.rules.format(table=self._table))

    def heal(self, twin: Twin) -> None:
        """Take them away."""
        _nft(twin, self.target, f"add table inet {self._table}\ndelete table inet {self._table}\n")

    @property
    def _table(self) -> str:
        return "fault_" + self.name.replace("-", "_")


@register
class Acl(_Filtered):
    """A filter drops ping and SNMP to the node itself; it forwards as before."""

    name = "acl"
    summary = "a filter drops ping and SNMP to a node, which goes on forwarding"
    rules = ACL

    def damage(self, damage: Damage) -> None:
        """Its probes fail though it works."""
        for seen in senses(self.city):
            if seen[0] == self.target and seen[1] in (Sense.ICMP4, Sense.ICMP6, Sense.SNMP):
                damage.states[seen] = State.DOWN


@register
class Mute(_Filtered):
    """An SNMP agent hangs: neither answer nor trap comes, nor any word that it is not there.

    The agent itself goes on: FRR and lldpd wait for a stopped one, and routing would fail, too.
    """

    name = "mute"
    summary = "the SNMP agent hangs; everything else works"
    targets = "node with an SNMP agent"
    rules = MUTE

    @classmethod
    def resolve(cls, city: Description, target: str) -> str:
        """Only nodes with an agent."""
        if not node_named(city, target, *OTHERS).agent:
            raise FaultError(f"{target} has no SNMP agent.")
        return target

    def damage(self, damage: Damage) -> None:
        """SNMP does not answer."""
        damage.states[self.target, Sense.SNMP] = State.DOWN


@register
class IspDown(_Filtered):
    """A carrier's network is dead behind a line that still has light."""

    name = "isp-down"
    summary = "a carrier's network is dead while its line has light"
    targets = "isp1 or isp2"
    roles = (Role.ISP,)
    rules = DEAD

    def damage(self, damage: Damage) -> None:
        """It neither answers nor forwards."""
        damage.off.add(self.target)


def _nft(twin: Twin, node: str, rules: str) -> None:
    program = shutil.which("nft", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None:
        raise FaultError("This fault needs nft: apt-get install nftables.")
    with kernel.inside(twin.namespace(node)):
        done = subprocess.run(  # noqa: S603  # rules of our own
            [program, "-f", "-"], input=rules, text=True, capture_output=True, check=False
        )
    if done.returncode:
        raise FaultError(f"nft in {node}: {done.stderr.strip()}")


def _signal(twin: Twin, node: str, daemon: str, number: signal.Signals) -> None:
    for pid in twin.processes()[node].get(daemon, []):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
