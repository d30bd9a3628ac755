"""The correlator process: turns states, rules and reports into alarms.

It looks about once a second, and at once when the engine or the receiver rings.

A second thread tells people of them, so that a peer that hangs never holds up the looking.
"""

from __future__ import annotations

import signal
import threading
import time
from typing import Final

import structlog
from django.db import Error as DatabaseError
from django.db import close_old_connections, connection
from prometheus_client import Counter

from govnet.alarms.correlator import Correlator
from govnet.config import Config
from govnet.core.bell import CORRELATOR, Bell
from govnet.runtime.collector import calm_collector
from govnet.runtime.health import Condition, PerMinute, serving_health
from govnet.runtime.locks import only_one
from govnet.runtime.notifier import keep_notifying

log = structlog.get_logger()

STEP_S: Final = 1.0
REST_S: Final = 0.1
"""At least so long, and as long as the step took, nothing is done between two steps: however
often it rings, half of a processor is left to others."""

HUNG_S: Final = 30.0
RETRY_S: Final = 5.0
STOP_S: Final = 1.5
"""How long what is being sent may take to end."""

_FAILED = Counter("govnet_correlator_failed_steps_total", "Steps that the database refused")


class Loop:
    """Steps until told to stop, and knows how late it is."""

    def __init__(self, bell: Bell) -> None:
        self.stopping = threading.Event()
        self.news = threading.Event()
        self._bell = bell
        self._beat = time.monotonic()
        self._raised = PerMinute()
        self._counters: dict[str, float] = {}
        self._trouble = ""

    def stop(self, *_signal: object) -> None:
        """End after the present step."""
        self.stopping.set()
        self.news.set()
        self._bell.ring()

    def run(self) -> None:
        """Step once a second or when it rings; a database that is away is asked again."""
        correlator: Correlator | None = None
        while not self.stopping.is_set():
            wait, began = STEP_S, time.monotonic()
            try:
                correlator = correlator or Correlator()
                self._step(correlator)
                self._trouble = ""
                wait = min(STEP_S, correlator.due_in_s())
            except DatabaseError as error:
                _FAILED.inc()
                log.warning("cannot look, trying again", reason=str(error))
                self._trouble = f"The database does not answer: {error}"
                wait = RETRY_S
            finally:
                close_old_connections()
            self._beat = time.monotonic()
            self._rest(self._beat - began, wait)
        connection.close()

    def _rest(self, took: float, wait: float) -> None:
        """Until the next step is due, or it rings."""
        least = max(REST_S, took)
        self.stopping.wait(least)
        if wait > least and not self.stopping.is_set():
            self._bell.wait(wait - least)

    def _step(self, correlator: Correlator) -> None:
        done = correlator.step()
        if done is None:
            return
        self._raised.add(done.raised)
        if done.notices:
            self.news.set()
        if any((done.raised, done.repeated, done.cleared, done.notices)):
            log.info(
                "alarms changed",
                raised=done.raised,
                repeated=done.repeated,
                cleared=done.cleared,
                notices=done.notices,
            )
        self._counters = {
            **correlator.open_alarms(),
            "raised_per_minute": float(self._raised.value()),
            "blind": float(correlator.blind),
        }

    def condition(self) -> Condition:
        """What ``/healthz`` says."""
        lag_s = max(time.monotonic() - self._beat - STEP_S, 0.0)
        hung = f"No step for {lag_s:.0f} s." if lag_s > HUNG_S else ""
        return Condition(lag_s, dict(self._counters), self._trouble or hung)


def run_correlator(config: Config) -> int:
    """Correlate until told to stop.

    Returns:
        the exit code.

    Raises:
        AlreadyRunningError: this data directory has a correlator.
    """
    loop = Loop(Bell(config.data_dir, CORRELATOR))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, loop.stop)
    with (
        only_one(config.data_dir, "correlator"),
        serving_health("correlator", config.correlator_health_port, loop.condition),
    ):
        calm_collector()
        notifying = threading.Thread(
            target=keep_notifying, args=(loop.stopping, loop.news), name="notify"
        )
        notifying.start()
        loop.run()
        notifying.join(STOP_S)
    return 0
