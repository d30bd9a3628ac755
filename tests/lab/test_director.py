"""Orders to a twin's director, over its socket; the faults themselves are replaced."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from govnet.lab import director, faults, here, kernel
from govnet.lab.control import ControlError
from govnet.lab.director import Director
from govnet.lab.plan import demo_lines, describe
from govnet.lab.scenario import refusals
from govnet.lab.twin import Twin
from tests.lab.paper import paper_twin
from tests.running import until


@pytest.fixture
def twin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Twin:
    return paper_twin(tmp_path, monkeypatch)


@pytest.fixture
def directed(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> Iterator[Twin]:
    """A director that serves in a thread and ends with the test."""
    served = Director(twin, plays_faults=False)
    ended = threading.Event()

    def run() -> None:
        while not ended.is_set():
            served.rest(0.05)

    thread = threading.Thread(target=run)
    thread.start()
    yield twin
    ended.set()
    thread.join()
    served.server.close()


def order(twin: Twin, do: str, **request: object) -> None:
    director.order(twin, {"do": do, **request})


def test_a_fault_is_injected_and_healed(directed: Twin) -> None:
    order(directed, "inject", kind="cut", target="u003", options={})
    (fault,), line = faults.active(directed), directed.city.plugs("u003")[0][2].name
    assert (fault.kind, fault.target) == ("cut", line)
    assert faults.changed_at(directed) > time.time() - 60
    order(directed, "heal", kind="cut", target=line)
    assert faults.active(directed) == []


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"do": "inject", "kind": "cut", "target": "nobody"}, "no cable nobody"),
        ({"do": "inject", "kind": "melt", "target": "u001"}, "no kind of fault"),
        ({"do": "inject", "kind": "line", "target": "u001", "options": {"loss": 7}}, "loss"),
        ({"do": "play", "name": "../../etc/passwd"}, "no scenario"),
        ({"do": "stop"}, "No scenario"),
        ({"do": "format"}, "format"),
        ({}, "do"),
    ],
)
def test_a_wrong_order_is_refused_in_a_sentence(
    directed: Twin, request_: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ControlError, match=sentence):
        director.order(directed, request_)
    assert faults.active(directed) == []


def test_without_a_director_an_order_says_so(twin: Twin) -> None:
    with pytest.raises(ControlError, match="Nobody answers"):
        order(twin, "heal")


def test_a_scenario_plays_tells_how_far_it_is_and_heals_when_it_is_stopped(directed: Twin) -> None:
    order(directed, "play", name="backbone-cut")
    until(lambda: (now := director.progress(directed)) and now.done == 1, 5, "the first step")
    assert [fault.target for fault in faults.active(directed)] == ["YS-GG-01A"]
    with pytest.raises(ControlError, match="stop it first"):
        order(directed, "play", name="egress")
    order(directed, "inject", kind="cut", target="u002", options={})  # by hand, meanwhile
    order(directed, "stop")
    until(lambda: (now := director.progress(directed)) and now.ended == "stopped", 5, "its end")
    assert faults.active(directed) == []
    recording = (directed.directory / director.RECORDING).read_text(encoding="utf-8")
    assert '"event": "fault"' in recording


def test_every_shipped_scenario_can_be_played_in_a_twin_of_40_and_of_163() -> None:
    for units in (40, 163):
        city = describe(demo_lines(units), "t")
        found = [why for each in director.shipped().values() for why in refusals(city, each)]
        assert found == []


def test_what_fails_by_itself_waits_for_whoever_works_with_the_twin(
    twin: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = Director(twin, plays_faults=True)
    programme = alone._programme()
    first = [next(programme) for _ in range(30)]
    assert {kind for _, kind, _, _ in first} == {"cut", "mute"}
    assert all(faults.case_of(twin.city, kind, target) for _, kind, target, _ in first)
    monkeypatch.setattr(alone, "rest", lambda _seconds: None)
    monkeypatch.setattr(alone, "_programme", lambda: iter(first))
    faults.inject(twin, "cut", "u001")
    healed: list[str] = []
    monkeypatch.setattr(alone, "_let_fail", lambda kind, _target, _for_s: healed.append(kind))
    alone.run()
    assert healed == []
    faults.heal(twin)
    alone.run()
    assert len(healed) == 30
    alone.server.close()


def test_a_played_fault_is_healed(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = Director(twin, plays_faults=True)
    seen: list[list[str]] = []
    monkeypatch.setattr(
        alone, "rest", lambda _seconds: seen.append([f.kind for f in faults.active(twin)])
    )
    alone._let_fail("cut", "u001", 30)
    assert seen == [["cut"]]
    assert faults.active(twin) == []
    alone.server.close()


def test_a_process_knows_the_twin_whose_room_it_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin = paper_twin(tmp_path, monkeypatch)
    rooms = tmp_path / "netns"
    rooms.mkdir()
    monkeypatch.setattr(kernel, "NAMESPACES", rooms)
    own = tmp_path / "own"
    own.touch()
    monkeypatch.setattr(here, "OWN", own)
    here._described.cache_clear()
    assert here.twin_here() is None
    (rooms / f"gn-{twin.city.name}-noc").touch()
    assert here.twin_here() is None
    (rooms / f"gn-{twin.city.name}-noc").unlink()
    os.link(own, rooms / f"gn-{twin.city.name}-noc")
    found = here.twin_here()
    here._described.cache_clear()
    assert found is not None
    assert found.city == twin.city
