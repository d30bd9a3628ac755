"""Plays a timed script of faults and records the truth as JSON lines.

A scenario is YAML: a list of steps in time order, each injecting or healing a fault::

    name: 汇聚断缆
    steps:
      - {at: 0, fault: cut, target: YS-GG-01A}
      - {at: 20, heal: cut, target: YS-GG-01A}
      - {at: 25, end: true}

``at`` is seconds from the start. Each step writes one record: time, what was done, and all
that is affected from then on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from govnet.engine.result import State
from govnet.lab import faults
from govnet.lab.description import Description
from govnet.lab.truth import Sense, Truth, work_out
from govnet.lab.twin import Twin

LONGEST_S = 6 * 3600


class ScenarioError(Exception):
    """A scenario cannot be read or played; the text says where and why."""


class Step(BaseModel):
    """One thing done at a time.

    ``expect``: what the author says is affected afterwards, ``node/probe`` to state; checked
    against the truth when the scenario is read for a twin.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: Annotated[float, Field(ge=0, le=LONGEST_S)]
    fault: str = ""
    heal: str = ""
    target: str = ""
    options: dict[str, Any] = Field(default_factory=dict)
    expect: dict[str, State] | None = None
    end: bool = False

    @model_validator(mode="after")
    def _does_one_thing(self) -> Self:
        if bool(self.fault) + bool(self.heal) + self.end != 1:
            raise ValueError("a step has one of fault, heal and end")
        if self.fault and not self.target:
            raise ValueError("a fault has a target")
        return self

    @property
    def event(self) -> str:
        """What it does, in one word."""
        return "fault" if self.fault else "heal" if self.heal else "end"


class Scenario(BaseModel):
    """A timed script."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    about: str = ""
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _in_time_order(self) -> Self:
        times = [step.at for step in self.steps]
        if times != sorted(times):
            raise ValueError("the steps are not in the order of their times")
        if any(step.end for step in self.steps[:-1]):
            raise ValueError("nothing comes after the end")
        return self


def read(path: Path) -> Scenario:
    """Read a scenario.

    Raises:
        ScenarioError: it is not one.
    """
    try:
        return Scenario.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ScenarioError(f"{path} cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "scenario"
        raise ScenarioError(f"{path}, {where}: {first['msg']}") from error


def refusals(city: Description, scenario: Scenario) -> Iterator[str]:
    """Which steps a twin would refuse, in sentences; none when it can be played there."""
    for number, step in enumerate(scenario.steps, start=1):
        if step.fault:
            try:
                faults.case_of(city, step.fault, step.target, step.options)
            except faults.FaultError as error:
                yield f"{scenario.name}, step {number}: {error}"


def truth_now(twin: Twin) -> Truth:
    """The truth about a twin with the faults that are in force."""
    return truth_with(twin.city, faults.active(twin))


def truth_with(city: Description, in_force: list[faults.Fault]) -> Truth:
    """The truth about a twin with these faults."""
    return work_out(city, faults.damage_of(city, in_force))


def record(event: str, kind: str, target: str, truth: Truth, scenario: str = "") -> dict[str, Any]:
    """One line of the recording: times are UTC, ISO 8601 with milliseconds."""
    return {
        "t": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "scenario": scenario,
        "event": event,
        "kind": kind,
        "target": target,
        "affected": {f"{node}/{sense}": state for (node, sense), state in truth.affected.items()},
        "unsettled": sorted(f"{node}/{sense}" for node, sense in truth.unsettled),
        "without_path": sorted(truth.without_path),
        "blind": truth.blind,
    }


def play(
    twin: Twin,
    scenario: Scenario,
    write: Callable[[dict[str, Any]], None],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Play a scenario; what is still broken at its end, or when it is interrupted, is healed.

    Raises:
        ScenarioError: a step is refused, or the truth is not what it expects.
    """
    start = time.monotonic()
    try:
        for number, step in enumerate(scenario.steps, start=1):
            sleep(max(0.0, start + step.at - time.monotonic()))
            write(_take(twin, scenario, step, number))
    finally:
        if faults.heal(twin):
            write(record("heal", "all", "", truth_now(twin), scenario.name))


def _take(twin: Twin, scenario: Scenario, step: Step, number: int) -> dict[str, Any]:
    try:
        if step.fault:
            faults.inject(twin, step.fault, step.target, step.options)
        elif step.heal:
            faults.heal(twin, None if step.heal == "all" else step.heal, step.target or None)
    except faults.FaultError as error:
        raise ScenarioError(f"{scenario.name}, step {number}: {error}") from error
    truth = truth_now(twin)
    for wrong in unexpected(step, truth):
        raise ScenarioError(f"{scenario.name}, step {number}: {wrong}")
    return record(step.event, step.fault or step.heal, step.target, truth, scenario.name)


def unexpected(step: Step, truth: Truth) -> Iterator[str]:
    """What a step expects and is not true, in sentences."""
    for name, state in (step.expect or {}).items():
        node, _, sense = name.partition("/")
        if sense not in set(Sense):
            yield f"{name} is no node/probe with one of {', '.join(Sense)}"
            continue
        true = truth.states.get((node, Sense(sense)))
        if true is not state:
            yield f"{name} should be {state} and truly is {true}"


def to_file(path: Path) -> Callable[[dict[str, Any]], None]:
    """A writer that adds each record to a file at once."""

    def write(line: dict[str, Any]) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

    return write
