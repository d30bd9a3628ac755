"""The page of benchmarks is what they judged, section by section."""

from __future__ import annotations

from pathlib import Path

from benchmarks.figures import Figure, judged, section, write_page
from benchmarks.icinga import configuration, parents

from govnet.lab.description import Role
from govnet.lab.plan import demo_lines, describe

STORED = {
    "verdicts": [
        {"text": "CPU | of it", "value": 0.0421, "limit": 1, "unit": "ms", "verdict": "PASS"},
        {"text": "a round ends after 4.5 s (target 6 s)", "verdict": "FAIL"},
        {"name": "peer", "value": None, "limit": 2.5, "verdict": "NOT MEASURED"},
    ],
    "rounds": {"deep": [{"name": "x", "value": 12_345.6, "limit": 20_000, "verdict": "PASS"}]},
    "note": "PASS",
}


def test_figures_are_found_wherever_a_benchmark_puts_them() -> None:
    found = list(judged(STORED))
    assert [figure.row for figure in found] == [
        "| CPU / of it | 0.0421 ms | ≤ 1 ms | pass |",
        "| a round ends after 4.5 s (target 6 s) |  |  | **fail** |",
        "| peer |  | ≤ 2.5 | not measured |",
        "| x | 12,346 | ≤ 20,000 | pass |",
    ]
    assert found[0].line == "PASS          CPU | of it: 0.0421 ms (target <= 1 ms)"


def test_a_section_is_renewed_and_the_others_stay(tmp_path: Path) -> None:
    page, order = tmp_path / "page.md", ("icmp", "flows", "idle")
    one = section("flows", 0, 12.4, [Figure("first", 1.0, 2.0, "s", "PASS")])
    assert "cores of" in one
    assert "Python 3" in one
    write_page(page, {"idle": section("idle", 1, 3, []), "flows": one}, order)
    first = page.read_text()
    assert first.index("## flows") < first.index("## idle")
    assert "code 1" in first
    two = section("flows", 0, 9, [Figure("second", 1.0, 2.0, "s", "PASS")])
    write_page(page, {"flows": two}, order)
    second = page.read_text()
    assert "second" in second
    assert "first" not in second
    assert second[second.index("## idle") :] == first[first.index("## idle") :]


def test_the_peer_of_alarms_gets_every_node_with_the_routers_before_it() -> None:
    city = describe(demo_lines(40))
    above = parents(city)
    assert above["core1"] == []
    assert above["agg1"] == ["core1", "core2"]
    assert {len(above[node.name]) for node in city.of_role(Role.ACCESS)} == {1, 2}
    text = configuration(city, Path("/told"))
    assert text.count("object Host ") == len(city.nodes) - 1
    assert text.count("object Dependency ") == sum(map(len, above.values()))
