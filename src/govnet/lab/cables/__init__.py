"""Cables of the city twin: two interfaces in two namespaces, joined by one process for all.

``plug`` says what a cable is, ``way`` how one direction delays and loses frames, ``tap`` talks
to the kernel, ``process`` moves the frames, ``control`` is how others command the process.
"""

from govnet.lab.cables.control import CableError, Cables
from govnet.lab.cables.plug import Cable, Condition, End, Ways

__all__ = ["Cable", "CableError", "Cables", "Condition", "End", "Ways"]
