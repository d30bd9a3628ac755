"""Debian's icinga2 in the operations room of a twin: hosts, and dependencies declared by hand.

Everything that an experienced administrator would write down is generated from the twin's
description: each node as a host that is pinged every 10 s, the website as a service, and the
routers that lead to a node as its parents. This version (2.13) knows no redundancy among parents:
a node with two is taken for unreachable when one of them is down. A notification appends a line
to a file.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from govnet.lab import kernel
from govnet.lab.description import INSIDE, Description, Role
from govnet.lab.twin import Twin

PLUGINS: Final = Path("/usr/lib/nagios/plugins")
PROGRAM: Final = Path("/usr/sbin/icinga2")
STATE: Final = ("/run", "/var/lib", "/var/cache", "/var/log", "/var/spool")
"""Where it keeps its state; hidden behind empty file systems, so that several can run."""

COMMON: Final = """
object CheckerComponent "checker" { }
object NotificationComponent "notification" { }
object User "duty" { }
object CheckCommand "ping" {
  command = [ "%(plugins)s/check_icmp", "-H", "$address$", "-n", "3", "-i", "200", "-t", "3",
              "-w", "500,40%%", "-c", "2000,100%%" ]
}
object CheckCommand "page" {
  command = [ "%(plugins)s/check_http", "-I", "$address$", "-S", "-t", "5" ]
}
object NotificationCommand "append" {
  command = [ "/bin/sh", "-c",
    "printf '%%s\\t%%s\\t%%s\\n' $$(date +%%s.%%N) $$KIND $$HOST >> %(told)s" ]
  env = { KIND = "$notification.type$", HOST = "$host.name$" }
}
template Notification "told" {
  command = "append"
  users = [ "duty" ]
  interval = 0
  types = [ Problem, Recovery ]
}
apply Notification "host" to Host { import "told", assign where true }
apply Notification "service" to Service { import "told", assign where true }
"""
CHECKED: Final = "check_interval = 10s, retry_interval = 2s, max_check_attempts = 3"


def parents(city: Description) -> dict[str, list[str]]:
    """For each node the routers that are one step nearer to the operations room."""
    (start,) = (node.name for node in city.of_role(Role.OPERATIONS))
    steps, waiting = {start: 0}, deque([start])
    while waiting:
        name = waiting.popleft()
        if city.by_name[name].role in INSIDE:
            for _, far, _ in city.plugs(name):
                if far.node not in steps:
                    steps[far.node] = steps[name] + 1
                    waiting.append(far.node)
    return {
        name: sorted(
            far.node
            for _, far, _ in city.plugs(name)
            if steps.get(far.node, away) < away
            and far.node != start
            and city.by_name[far.node].role in INSIDE
        )
        for name, away in steps.items()
        if name != start
    }


def configuration(city: Description, told: Path) -> str:
    """The whole configuration file."""
    lines = [COMMON % {"plugins": PLUGINS, "told": told}]
    for name, above in parents(city).items():
        address = city.address_of(name)[0]
        lines.append(
            f'object Host "{name}" {{ address = "{address}", check_command = "ping", {CHECKED} }}'
        )
        lines += [
            f'object Dependency "{name}-{parent}" {{ child_host_name = "{name}",'
            f' parent_host_name = "{parent}", states = [ Up ],'
            " ignore_soft_states = false, disable_notifications = true }"
            for parent in above
        ]
    for node in city.of_role(Role.PORTAL):
        lines.append(
            f'object Service "page" {{ host_name = "{node.name}", check_command = "page",'
            f" {CHECKED} }}"
        )
    return "\n".join(lines)


@dataclass(frozen=True)
class Icinga:
    """One that runs."""

    told: Path

    def notices(self, since: float) -> list[tuple[float, str]]:
        """Problems that it told since a moment: when, and of which host."""
        if not self.told.exists():
            return []
        rows = [line.split("\t") for line in self.told.read_text().splitlines()]
        found = [(float(at), host) for at, kind, host in rows if kind == "PROBLEM"]
        return [(at, host) for at, host in found if at >= since]


@contextmanager
def icinga(twin: Twin, folder: Path, settle_s: float = 30) -> Iterator[Icinga]:
    """Run it in the twin's operations room; it has checked everything when the block begins."""
    told = folder / "icinga-told"
    file = folder / "icinga2.conf"
    file.write_text(configuration(twin.city, told), encoding="utf-8")
    places = " ".join(f"{parent}/icinga2" for parent in STATE)
    script = (
        f"mkdir -p {places}; for place in {places}; do mount -t tmpfs tmpfs $place; done;"
        f" exec {PROGRAM} daemon -c {file}"
    )
    with kernel.inside(twin.namespace("noc")), (folder / "icinga2.log").open("wb") as log:
        process = subprocess.Popen(
            ["unshare", "--mount", "--kill-child", "--fork", "--pid", "--mount-proc",
             "/bin/sh", "-c", script],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            env={**os.environ, "ICINGA2_USER": "root", "ICINGA2_GROUP": "root"},
        )  # fmt: skip
    try:
        time.sleep(settle_s)
        said = (folder / "icinga2.log").read_text()
        if process.poll() is not None or "critical" in said:
            raise RuntimeError(f"icinga2 does not run: {said[-2000:]}")
        yield Icinga(told)
    finally:
        process.kill()  # unshare passes nothing on; with it all of its namespace ends
        process.wait(20)
