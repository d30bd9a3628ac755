"""Notices of a twin's GovNet, heard where they arrive: at a web service in the operations room."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from govnet.lab import kernel
from tests.e2e.twins import City

SET_UP = """
from govnet.alarms.models import Rule
from govnet.monitor.models import Target
from govnet.monitor.services import bump_revision
from govnet.notices.models import Channel, Policy, Step
Target.objects.filter(reference=False).update(interval_s={interval_s})
Rule.objects.filter(source__in=("metric", "expiry")).update(enabled=False)
channel = Channel.objects.create(name="twin", kind="webhook", address={url!r}, per_minute=600)
policy = Policy.objects.create(name="twin", least="notice")
Step.objects.create(policy=policy, channel=channel, to="channel")
bump_revision()
"""


@contextmanager
def notices_heard(city: City, interval_s: int, hear: Callable[[str, str], None]) -> Iterator[None]:
    """Measure every ``interval_s``, and have each alarm of every level told to ``hear``.

    Args:
        city: the twin.
        interval_s: between two measurements of a target.
        hear: gets the object's name and "raised" or "cleared", in a thread of its own.
    """
    with _web_service(city, hear) as url:
        city.govnet.django(SET_UP.format(interval_s=interval_s, url=url))
        yield


@contextmanager
def _web_service(city: City, hear: Callable[[str, str], None]) -> Iterator[str]:
    """A server in the operations room; a socket stays in the namespace where it was made."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            for alarm in body["alarms"]:
                hear(alarm["object"]["name"], alarm["state"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    address = str(city.twin.city.address_of("noc")[0])
    with kernel.inside(city.twin.namespace("noc")):
        server = ThreadingHTTPServer((address, 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://{address}:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
