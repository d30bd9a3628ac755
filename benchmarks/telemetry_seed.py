"""A year of rolled-up telemetry, made inside the store: ``python -m benchmarks.telemetry_seed``.

Hours for a year, five minutes and minutes for their last days, for every target (``probe_result``)
and one interface per device (``interface_sample``). Values have a daily and a weekly rhythm, and
every 97th target has a gap and losses. Only for measuring; the tables must be empty.
"""

from __future__ import annotations

import argparse
import time

from clickhouse_connect.driver.client import Client

from govnet.config import get_config
from govnet.telemetry.client import connect

_PROBE = """
INSERT INTO probe_result_{suffix} (ts, target_id, samples, runs_ok, runs_degraded, runs_failed,
    runs_unknown, sent_total, received_total, rtt_sum, rtt_count, rtt_min, rtt_max,
    jitter_sum, jitter_count)
SELECT toDateTime({{first:UInt32}} + intDiv(number, {{objects:UInt32}}) * {seconds}, 'UTC') AS ts,
    number % {{objects:UInt32}} + 1 AS target_id,
    {runs} AS samples, samples - lost, 0, lost, 0, samples, samples - lost,
    (2 + target_id % 7 + 3 * rhythm) * (samples - lost), samples - lost,
    1 + target_id % 7, 9 + target_id % 7 + rhythm, 0.3 * samples, samples,
FROM (
    SELECT number, sin(toHour(toDateTime({{first:UInt32}} + intDiv(number, {{objects:UInt32}})
        * {seconds}, 'UTC')) / 24 * 6.2832) + 1 AS rhythm,
        if(number % {{objects:UInt32}} % 97 = 0, number % 5, 0) AS lost
    FROM numbers({{rows:UInt64}})
)
WHERE NOT (target_id % 97 = 0 AND toHour(ts) = 3)
"""

_INTERFACE = """
INSERT INTO interface_sample_{suffix} (ts, device_id, if_index, samples, samples_valid, samples_up,
    seconds_total, in_octets_total, out_octets_total, in_packets_total, out_packets_total,
    in_bps_min, in_bps_max, out_bps_min, out_bps_max, speed_mbps_max)
SELECT toDateTime({{first:UInt32}} + intDiv(number, {{objects:UInt32}}) * {seconds}, 'UTC'),
    number % {{objects:UInt32}} + 1, 1, {seconds} / 60 AS samples, samples, samples, {seconds},
    toUInt64(load * {seconds} / 8), toUInt64(load * {seconds} / 24), toUInt64(load / 6400),
    toUInt64(load / 6400), load * 0.5, load * 1.8, load * 0.2, load * 0.6, 1000
FROM (
    SELECT number, (number % {{objects:UInt32}} % 50 + 1) * 1e6
        * (1.2 + sin(intDiv(number, {{objects:UInt32}}) * {seconds} / 86400 * 6.2832)) AS load
    FROM numbers({{rows:UInt64}})
)
"""

_SLICE_ROWS = 250_000


def seed(client: Client, objects: int, days: dict[str, int]) -> int:
    """Fill the rollups of ``objects`` targets and interfaces; returns the rows written."""
    now = int(time.time())
    rows = 0
    for suffix, seconds in (("1h", 3600), ("5m", 300), ("1m", 60)):
        first = (now - days[suffix] * 86_400) // seconds * seconds
        buckets = (now - first) // seconds
        step = max(1, _SLICE_ROWS // objects)
        for begin in range(0, buckets, step):
            count = min(step, buckets - begin) * objects
            values = {"first": first + begin * seconds, "objects": objects, "rows": count}
            for template in (_PROBE, _INTERFACE):
                sql = template.format(suffix=suffix, seconds=seconds, runs=seconds // 10)
                client.command(sql, parameters=values, settings={"insert_deduplicate": 0})
                rows += count
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=2000)
    parser.add_argument("--hours-days", type=int, default=365)
    parser.add_argument("--five-minutes-days", type=int, default=14)
    parser.add_argument("--minutes-days", type=int, default=2)
    args = parser.parse_args()
    days = {"1h": args.hours_days, "5m": args.five_minutes_days, "1m": args.minutes_days}
    began = time.perf_counter()
    rows = seed(connect(get_config()), args.objects, days)
    print(f"{rows:,} rows in {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
