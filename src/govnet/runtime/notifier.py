"""Tells people: once a second what happened to alarms becomes notices, and due ones are sent.

A thread of the correlator process: what it does is wait for the database and for peers.
"""

from __future__ import annotations

import threading
from typing import Final

import structlog
from django.db import DatabaseError, close_old_connections
from prometheus_client import Counter

from govnet.notices.dispatch import dispatch
from govnet.notices.links import list_url
from govnet.notices.sender import Sender

log = structlog.get_logger()

LOOK_S: Final = 1.0
STOP_S: Final = 1.0

_MISSED = Counter("govnet_notices_looks_missed_total", "Looks that the database did not answer")


def keep_notifying(stop: threading.Event, news: threading.Event) -> None:
    """Dispatch and send until ``stop`` is set; what is under way then gets a moment to end.

    Args:
        stop: set together with ``news``.
        news: set when there is something to tell, so that it does not wait for the next second.
    """
    sender = Sender()
    list_url()  # now, for the first time takes long, and not when there is something to tell
    while True:
        news.wait(LOOK_S)
        news.clear()
        if stop.is_set():
            break
        try:
            dispatch()
            sender.step()
        except DatabaseError as error:
            _MISSED.inc()
            log.warning("cannot read what to tell, going on", reason=str(error))
        finally:
            close_old_connections()
    sender.wait(STOP_S)
    sender.close()
