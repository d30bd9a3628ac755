"""net-snmp: v2c and v3 on every router and on some units' devices, traps to the operations room."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from govnet.demo.layout import DemoSecrets
from govnet.lab.daemons.base import AGENTX, TRAP_PORT, Daemon, Room
from govnet.lab.description import Role

LINK_DOWN: Final = ".1.3.6.1.6.3.1.1.5.3"
LINK_UP: Final = ".1.3.6.1.6.3.1.1.5.4"
IF_INDEX, IF_ADMIN, IF_OPER = (f".1.3.6.1.2.1.2.2.1.{column}" for column in (1, 7, 8))
WATCH_S: Final = 2
"""How often the agent looks at its interfaces for traps; a real router is told by its hardware."""


def daemons(room: Room) -> Iterator[Daemon]:
    """The agent, of nodes that have one."""
    if room.node.role is Role.OPERATIONS:
        room.write("snmp/snmp.conf", _client(room.secrets), 0o600)
    if not room.node.agent:
        return
    room.write("snmp/snmpd.conf", _configuration(room), 0o600)
    yield Daemon(
        name="snmpd",
        argv=("/usr/sbin/snmpd", "-f", "-LS4d", "-C", "-c", "/run/etc/snmp/snmpd.conf"),
        ready="/run/agentx",
        environment={"MIBS": "", "SNMPCONFPATH": "/run/etc/snmp"},
    )


def _client(secrets: DemoSecrets) -> str:
    """What net-snmp's commands ask with in the operations room."""
    lines = [
        f"defCommunity {secrets.community}",
        f"defSecurityName {secrets.v3_user}",
        "defSecurityLevel authPriv",
        "defAuthType SHA-256",
        f"defAuthPassphrase {secrets.auth_key}",
        "defPrivType AES",
        f"defPrivPassphrase {secrets.priv_key}",
    ]
    return "\n".join(lines) + "\n"


def _configuration(room: Room) -> str:
    node, secrets = room.node, room.secrets
    collector = room.collector[0]
    watch = f"monitor -S -r {WATCH_S} -o {IF_INDEX} -o {IF_ADMIN} -o {IF_OPER}"
    lines = [
        "agentAddress udp:161,udp6:161",
        f"rocommunity {secrets.community}",
        f"rocommunity6 {secrets.community}",
        f'createUser {secrets.v3_user} SHA-256 "{secrets.auth_key}" AES "{secrets.priv_key}"',
        f"rouser {secrets.v3_user} priv",
        f"sysName {node.system_name}",
        f"sysDescr {node.role} of a GovNet city twin (net-snmp)",
        f"sysLocation {node.region_code or 'city'}",
        "sysContact lab",
        "master agentx",
        f"agentXSocket {AGENTX}",
        "agentXPerms 0777 0777",
        # From the address that the ledger knows, as a router's "trap source" is set.
        f"[snmp] clientaddr {room.city.address_of(node.name)[0]}",
        f"trap2sink {collector}:{TRAP_PORT} {secrets.community}",
        "authtrapenable 1",
        'createUser watcher SHA-256 "only-inside-this-agent"',
        "rouser watcher auth",
        "iquerySecName watcher",
        f"notificationEvent down {LINK_DOWN} {IF_INDEX} {IF_ADMIN} {IF_OPER}",
        f"notificationEvent up {LINK_UP} {IF_INDEX} {IF_ADMIN} {IF_OPER}",
        f'{watch} -e down "link down" {IF_OPER} == 2',
        f'{watch} -e up "link up" {IF_OPER} != 2',
    ]
    return "\n".join(lines) + "\n"
