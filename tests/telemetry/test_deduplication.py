"""The repair forgets exactly the blocks that a table announced and does not have."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from govnet.telemetry.deduplication import repair_store, repair_table


def make_table(root: Path, parts: list[str], log: str) -> Path:
    table = root / "store" / "abc" / "abc-uuid"
    logs = table / "deduplication_logs"
    logs.mkdir(parents=True)
    for part in (*parts, "detached", "tmp_insert_20261123_9_9_0"):
        (table / part).mkdir()
    (logs / "deduplication_log_2.txt").write_text(log)
    return table


def newest_log(table: Path) -> str:
    return (table / "deduplication_logs" / "deduplication_log_2.txt").read_text()


def test_an_announced_block_without_a_part_is_forgotten(tmp_path: Path) -> None:
    log = "1\t20261123_1_1_0\ta\n1\t20261123_2_2_0\tb\n"
    table = make_table(tmp_path, ["20261123_1_1_0"], log)
    assert repair_store(tmp_path) == 1
    assert newest_log(table) == log + "2\t20261123_2_2_0\tb\n"
    assert repair_store(tmp_path) == 0, "a second repair finds nothing"


@pytest.mark.parametrize(
    "part", ["20261123_1_5_2", "20261123_3_3_0", "20261123_2_9_7_12", "20261123_0_3_1"]
)
def test_a_block_that_was_merged_is_kept(tmp_path: Path, part: str) -> None:
    table = make_table(tmp_path, [part], "1\t20261123_3_3_0\ta\n")
    assert repair_table(table) == 0


@pytest.mark.parametrize("part", ["20261122_1_5_2", "20261123_4_9_1", "20261123_1_2_1"])
def test_parts_of_other_blocks_or_partitions_do_not_count(tmp_path: Path, part: str) -> None:
    table = make_table(tmp_path, [part], "1\t20261123_3_3_0\ta\n")
    assert repair_table(table) == 1


def test_a_torn_line_is_cut_off(tmp_path: Path) -> None:
    table = make_table(tmp_path, ["20261123_1_1_0"], "1\t20261123_1_1_0\ta\n1\t2026112")
    assert repair_table(table) == 0
    assert newest_log(table) == "1\t20261123_1_1_0\ta\n"


def test_a_dropped_block_needs_no_part(tmp_path: Path) -> None:
    table = make_table(tmp_path, [], "1\t20261123_1_1_0\ta\n2\t20261123_1_1_0\ta\n")
    assert repair_table(table) == 0


spans = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 6)), max_size=8)


@given(spans=spans, blocks=st.sets(st.integers(1, 40), min_size=1))
def test_the_repair_agrees_with_a_plain_search(
    tmp_path_factory: pytest.TempPathFactory, spans: list[tuple[int, int]], blocks: set[int]
) -> None:
    parts = {f"p_{first}_{first + more}_1": (first, first + more) for first, more in spans}
    log = "".join(f"1\tp_{block}_{block}_0\tid{block}\n" for block in sorted(blocks))
    table = make_table(tmp_path_factory.mktemp("t"), list(parts), log)
    missing = {b for b in blocks if not any(lo <= b <= hi for lo, hi in parts.values())}
    assert repair_table(table) == len(missing)
    forgotten = [line for line in newest_log(table).splitlines() if line.startswith("2")]
    assert forgotten == [f"2\tp_{b}_{b}_0\tid{b}" for b in sorted(missing)]
