"""A running GovNet and Debian's Chromium, shared by the browser tests of one module."""

from __future__ import annotations

import functools
import http.server
import json
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.peers import require
from tests.running import Installation, Running, running_govnet

# Chromium must neither ask its maker for anything nor need a GPU or a sandbox of its own.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
FIRST_PASSWORD = "Quiet-River-2026"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """``govnet up`` with all its processes."""
    require("chromium")
    with running_govnet(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=require("chromium"), args=ARGUMENTS)
        yield chromium
        chromium.close()


@dataclass
class Watched:
    """A page with all that went wrong in it."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)


@pytest.fixture
def watched(browser: Browser, site: Installation) -> Iterator[Watched]:
    """A page whose console must stay silent and whose requests must stay on this machine."""
    context = browser.new_context(
        base_url=site.url, viewport={"width": 1440, "height": 900}, locale="en-US"
    )
    seen = Watched(context.new_page())
    seen.page.on(
        "console",
        lambda message: (
            seen.complaints.append(f"{message.type}: {message.text}")
            if message.type in ("error", "warning")
            else None
        ),
    )
    seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    context.on(
        "request",
        lambda request: (
            None
            if urlsplit(request.url).hostname in ("127.0.0.1", None)
            else seen.strangers.append(request.url)
        ),
    )
    yield seen
    context.close()
    assert seen.complaints == []
    assert seen.strangers == []


def sign_in(page: Page, site: Installation) -> None:
    """Sign in as the first administrator, changing the generated password the first time."""
    chosen = site.data_dir / "chosen-password.json"
    first = (site.data_dir / "initial-admin-password").read_text(encoding="ascii").strip()
    password = json.loads(chosen.read_text())["password"] if chosen.exists() else first
    page.goto("/")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", password)
    page.click("button.btn-primary")
    if page.url.endswith("/accounts/password/"):
        page.fill("[name=old_password]", first)
        page.fill("[name=new_password1]", FIRST_PASSWORD)
        page.fill("[name=new_password2]", FIRST_PASSWORD)
        page.click("button.btn-primary")
        chosen.write_text(json.dumps({"password": FIRST_PASSWORD}))
    page.wait_for_selector(".shell-nav")


class Service:
    """Something to watch: a TCP listener that can go away and come back on the same port."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.port = 0
        self.open()

    def open(self) -> None:
        handler = functools.partial(http.server.SimpleHTTPRequestHandler)
        socketserver.TCPServer.allow_reuse_address = True
        self._server = socketserver.ThreadingTCPServer((self.host, self.port), handler)
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def service() -> Iterator[Service]:
    listener = Service("127.77.0.1")
    yield listener
    listener.close()
