"""Faults of the government portal: what a visitor, and the veto rules, would find.

Each rewrites the web server's configuration and lets it reload; of several in force the last
one injected is seen.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import Annotated, ClassVar, Final

from pydantic import Field

from govnet.engine.result import State
from govnet.lab.daemons.portal import NGINX, PAGE
from govnet.lab.daemons.portal import SITE as TITLE
from govnet.lab.description import Description, Role
from govnet.lab.faults.base import Kind, Options, node_named, register
from govnet.lab.truth import Damage, Sense
from govnet.lab.twin import Twin

SITE: Final = "root /run/etc/site;"
HEAD_BYTES: Final = 240
"""About what the web server puts before a page; it trickles with it."""
DEFACED: Final = "<!doctype html><h1>HACKED</h1>"


class _OfPortal(Kind):
    targets = "the portal"
    state: ClassVar[State]

    @classmethod
    def resolve(cls, city: Description, target: str) -> str:
        """Only the portal."""
        return node_named(city, target, Role.PORTAL).name

    def configuration(self) -> str:
        """The web server's configuration with the fault in it."""
        raise NotImplementedError

    def inject(self, twin: Twin) -> None:
        """Load the faulty configuration."""
        _load(twin, self.target, self.configuration())

    def heal(self, twin: Twin) -> None:
        """Load the right one."""
        _load(twin, self.target, NGINX)

    def damage(self, damage: Damage) -> None:
        """What a check of the page and its certificate says."""
        damage.states[self.target, Sense.HTTP] = self.state


@register
class Certificate(_OfPortal):
    """The certificate ran out half a day ago; everything else is right."""

    name = "certificate"
    summary = "the portal's certificate has expired"
    state = State.DOWN

    def configuration(self) -> str:
        """Another certificate of the same authority."""
        return NGINX.replace("/run/etc/portal.", "/run/etc/expired.")


@register
class ServerError(_OfPortal):
    """Every page is an error 500."""

    name = "portal-500"
    summary = "the portal answers 500"
    state = State.DOWN

    def configuration(self) -> str:
        """Instead of any page."""
        return NGINX.replace(SITE, f"{SITE}\n    return 500;")


@register
class Defaced(_OfPortal):
    """The page is another one, with status 200."""

    name = "defaced"
    summary = "the portal's page is replaced, with status 200"
    state = State.DEGRADED

    def configuration(self) -> str:
        """Somebody else's page."""
        return NGINX.replace(SITE, f"{SITE}\n    return 200 '{DEFACED}';")


class SlowOptions(Options):
    """How long the page takes, about: the server counts whole seconds."""

    seconds: Annotated[float, Field(ge=1, le=60)] = 4.0


@register
class Slow(_OfPortal):
    """The page trickles."""

    name = "portal-slow"
    summary = "the portal takes seconds for a page"
    model = SlowOptions
    options: SlowOptions
    state = State.DEGRADED

    def configuration(self) -> str:
        """A page that arrives in drops."""
        size = len(PAGE.format(site=TITLE).encode()) + HEAD_BYTES
        # The first second is sent at once.
        rate = max(1, int(size / (self.options.seconds + 1)))
        return NGINX.replace(SITE, f"{SITE}\n    limit_rate {rate};\n    postpone_output 0;")


def _load(twin: Twin, node: str, configuration: str) -> None:
    room = twin.room(twin.city.by_name[node])
    room.write("nginx.conf", configuration)
    with suppress(FileNotFoundError, ProcessLookupError):  # it was killed: it reads it at start
        os.kill(int((room.directory / "run" / "nginx.pid").read_text()), signal.SIGHUP)
