from __future__ import annotations

from pathlib import Path

import pytest

from govnet.lab import faults, scenario
from govnet.lab.plan import demo_lines, describe, with_slow_lines

CITY = describe(with_slow_lines(demo_lines()))
SHIPPED = sorted((Path(__file__).parents[1] / "e2e" / "scenarios").glob("*.yaml"))


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "scenario.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name: x\nsteps: []", "steps"),
        ("steps: [{at: 0, end: true}]", "name"),
        ("name: x\nsteps: [{at: 0, fault: cut}]", "a fault has a target"),
        ("name: x\nsteps: [{at: 0, fault: cut, target: a, heal: cut}]", "one of fault"),
        ("name: x\nsteps: [{at: 5, end: true}, {at: 9, heal: all}]", "after the end"),
        ("name: x\nsteps: [{at: 5, heal: all}, {at: 1, end: true}]", "order"),
        ("name: x\nsteps: [{at: 1, heal: all, frobnicate: 1}]", "frobnicate"),
        ("name: [", "cannot be read"),
    ],
)
def test_a_wrong_scenario_is_refused_with_the_place(
    tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(scenario.ScenarioError, match=sentence):
        scenario.read(written(tmp_path, text))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_what_each_shipped_scenario_expects_is_true_of_the_default_twin(path: Path) -> None:
    in_force: list[faults.Fault] = []
    for step in scenario.read(path).steps:
        if step.fault:
            target = faults.KINDS[step.fault].resolve(CITY, step.target)
            in_force.append(faults.Fault(step.fault, target, step.options, 0))
        elif step.heal:
            in_force = [f for f in in_force if step.heal not in ("all", f.kind)]
        truth = scenario.truth_with(CITY, in_force)
        assert list(scenario.unexpected(step, truth)) == []


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_each_shipped_scenario_heals_what_it_broke_and_waits(path: Path) -> None:
    steps = scenario.read(path).steps
    assert steps[-1].end
    assert steps[-2].heal == "all" or steps[-2].heal == steps[0].fault
    assert steps[-1].at - steps[-2].at >= 10


def test_scenarios_are_shipped() -> None:
    assert len(SHIPPED) >= 4
