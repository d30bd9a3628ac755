"""What runs on the nodes of a twin: one module a daemon, each with its configuration."""

from govnet.lab.daemons.base import Daemon, Room
from govnet.lab.daemons.registry import daemons_of

__all__ = ["Daemon", "Room", "daemons_of"]
