"""The store's HTTP interface, as clickhouse-connect and plain HTTP clients use it."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import clickhouse_connect
import httpx
import numpy as np
import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from govnet.config import Config, get_secrets
from govnet.runtime import store as store_module
from govnet.telemetry.client import TelemetryUnavailableError, connect, endpoint, migrate_store
from govnet.telemetry.columns import to_batch
from govnet.telemetry.migrations import SchemaTooNewError
from govnet.telemetry.queries import latest_probe
from govnet.telemetry.spool import Spool
from govnet.telemetry.writer import http_sender
from tests.store_process import StoreProcess, free_port, installation, store_process
from tests.telemetry.samples import number, probe_columns


@pytest.fixture
def http(store: Config) -> httpx.Client:
    headers = {"X-ClickHouse-User": "govnet", "X-ClickHouse-Key": get_secrets().telemetry_token}
    return httpx.Client(base_url=store.telemetry_endpoint, headers=headers, timeout=30)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"X-ClickHouse-User": "govnet", "X-ClickHouse-Key": "wrong"}, 403),
        ({"Authorization": "Bearer wrong"}, 403),
        ({"Authorization": "Basic bm90IGJhc2U2NA"}, 401),
        ({"Authorization": "Basic !!!"}, 401),
    ],
)
def test_nobody_gets_in_without_the_token(
    store: Config, headers: dict[str, str], status: int
) -> None:
    answer = httpx.post(store.telemetry_endpoint, content="SELECT 1", headers=headers)
    assert answer.status_code == status
    assert answer.headers["X-ClickHouse-Exception-Code"] == "516"
    assert "1\n" not in answer.text.splitlines(keepends=True)


def test_a_store_that_does_not_know_us_does_not_answer(store: Config) -> None:
    stranger = store.model_copy(
        update={"telemetry_url": f"http://govnet:stranger@127.0.0.1:{store.store_port}/govnet"}
    )
    with pytest.raises(TelemetryUnavailableError, match="GOVNET_STORE_PORT"):
        connect(stranger)


def test_another_user_with_the_token_is_refused(store: Config) -> None:
    token = get_secrets().telemetry_token
    answer = httpx.post(store.telemetry_endpoint, content="SELECT 1", auth=("default", token))
    assert answer.status_code == 403


def test_the_store_listens_on_loopback_only(store: Config) -> None:
    listening = subprocess.run(
        ["ss", "-Hltn", f"sport = :{store.store_port}"], capture_output=True, text=True, check=True
    ).stdout.split()
    assert f"127.0.0.1:{store.store_port}" in listening
    assert not any(word.startswith(("0.0.0.0", "*", "[::]")) for word in listening[3:4])


def test_queries_come_by_get_post_url_body_and_form(http: httpx.Client) -> None:
    assert http.get("/", params={"query": "SELECT 1 + 1"}).text == "2\n"
    assert http.post("/", content="SELECT 1 + 1").text == "2\n"
    assert http.post("/", params={"query": "SELECT 1"}, content=" + 1").text == "2\n"
    form = http.post("/", files={"query": (None, "SELECT {x:UInt8}"), "param_x": (None, "7")})
    assert form.text == "7\n"
    broken = http.post("/", content=b"--", headers={"Content-Type": "multipart/form-data"})
    assert broken.status_code == 400


def test_ten_thousand_ids_fit_in_one_parameter(client: Client) -> None:
    ids = list(range(4_000_000_000, 4_000_010_000))
    assert latest_probe(client, ids) == {}


def test_an_answer_does_not_wait_for_the_clients_acknowledgement(client: Client) -> None:
    took = []
    for _ in range(30):
        began = time.perf_counter()
        client.raw_query("SELECT 1")
        took.append(time.perf_counter() - began)
    assert min(took) < 0.03, "40 ms is what Nagle's algorithm and delayed ACK cost together"


def test_the_format_comes_from_the_query_or_the_default(http: httpx.Client) -> None:
    body = http.post("/", params={"default_format": "JSONCompactEachRow"}, content="SELECT 1, 'a'")
    assert body.json() == [1, "a"]
    assert body.headers["X-ClickHouse-Format"] == "JSONCompactEachRow"
    body = http.post(
        "/", params={"default_format": "JSONCompactEachRow"}, content="SELECT 1 FORMAT CSV"
    )
    assert (body.text, body.headers["X-ClickHouse-Format"]) == ("1\n", "CSV")


def test_parameters_are_values_and_never_sql(http: httpx.Client) -> None:
    hostile = "'; DROP TABLE probe_result; -- 岳阳"
    answer = http.post("/", params={"param_s": hostile}, content="SELECT {s:String}")
    assert answer.text == hostile.replace("'", "\\'") + "\n"
    assert (
        http.post("/", content="EXISTS probe_result", params={"database": "govnet"}).text == "1\n"
    )


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("SELEC 1", 400, 62),
        ("SELECT * FROM nosuch", 404, 60),
        ("SELECT nosuch", 400, 47),
        ("", 400, 62),
        ("SELECT throwIf(1)", 500, 395),
        ("SELECT uniqExact(number) FROM numbers(200000000)", 500, 241),
    ],
)
def test_errors_are_told_as_clickhouse_tells_them(
    http: httpx.Client, sql: str, status: int, code: int
) -> None:
    answer = http.post("/", content=sql)
    assert answer.status_code == status
    assert answer.headers["X-ClickHouse-Exception-Code"] == str(code)
    assert answer.text.startswith(f"Code: {code}.")
    assert http.post("/", content="SELECT 1").text == "1\n", "the store goes on"


def test_settings_hold_for_one_request(http: httpx.Client) -> None:
    ask = "SELECT getSetting('max_result_rows'), getSetting('max_execution_time')"
    before = http.post("/", content=ask).text
    changed = http.post(
        "/", params={"max_result_rows": "5", "max_execution_time": "7"}, content=ask
    )
    assert changed.text == "5\t7\n"
    for _ in range(store_module.READERS * 2):
        assert http.post("/", content=ask).text == before
    assert before == f"0\t{store_module.QUERY_SECONDS}\n"


@pytest.mark.parametrize("name", ["max_memory_usage", "max_threads", "nosuch", "readonly"])
def test_a_client_cannot_lift_the_stores_limits(http: httpx.Client, name: str) -> None:
    answer = http.post("/", params={name: "0"}, content="SELECT 1")
    assert answer.headers["X-ClickHouse-Exception-Code"] == "115"
    assert name in answer.text


def test_inserts_carry_statement_and_data_in_one_body_or_apart(
    http: httpx.Client, client: Client
) -> None:
    client.command("CREATE TABLE both (a UInt32, b String) ENGINE = MergeTree ORDER BY a")
    database = {"database": "govnet"}
    head = "INSERT INTO both (a, b) FORMAT CSV"
    http.post(
        "/", params=database, content=f"{head}\n1,one\n2,INSERT FORMAT x\n"
    ).raise_for_status()
    http.post("/", params=database | {"query": head}, content="3,three\n").raise_for_status()
    compressed = gzip.compress(b"4,four\n")
    http.post(
        "/",
        params=database | {"query": head},
        content=compressed,
        headers={"Content-Encoding": "gzip"},
    ).raise_for_status()
    http.post(
        "/", params=database, content="INSERT INTO both VALUES (5, 'five')"
    ).raise_for_status()
    http.post("/", params=database, content="INSERT INTO both SELECT 6, 'six'").raise_for_status()
    rows = http.post("/", params=database, content="SELECT * FROM both ORDER BY a").text
    assert rows == "1\tone\n2\tINSERT FORMAT x\n3\tthree\n4\tfour\n5\tfive\n6\tsix\n"


@pytest.mark.parametrize("compress", [False, "lz4", "zstd", "gzip"])
def test_clickhouse_connect_inserts_and_reads_with_every_compression(
    store: Config, compress: str | bool
) -> None:
    target = endpoint(store)
    client = clickhouse_connect.get_client(
        host=target.host,
        port=target.port,
        username=target.user,
        password=target.password,
        database=target.database,
        compress=compress,
    )
    table = f"codec_{str(compress).lower()}"
    client.command(
        f"CREATE TABLE {table} (n UInt64, s LowCardinality(String), f Nullable(Float32),"
        " t DateTime64(3, 'UTC')) ENGINE = MergeTree ORDER BY n"
    )
    rows = [[n, f"值{n % 5}", None if n % 2 else n / 4, 1_700_000_000] for n in range(5000)]
    client.insert(table, rows, column_names=["n", "s", "f", "t"])
    result = client.query(f"SELECT n, s, f FROM {table} ORDER BY n")
    assert [list(row) for row in result.result_rows] == [row[:3] for row in rows]
    frame = client.query_arrow(f"SELECT n, s FROM {table} ORDER BY n")
    assert frame["s"][4].as_py() == "值4"
    client.insert_arrow(table, pa.table({"n": pa.array([9], pa.uint64()), "s": ["x"]}))
    assert number(client, f"SELECT count() FROM {table}") == 5001


def test_a_broken_or_hostile_body_is_an_error_and_stores_nothing(
    http: httpx.Client, client: Client
) -> None:
    client.command("CREATE TABLE hostile (a UInt32) ENGINE = MergeTree ORDER BY a")
    head = {"query": "INSERT INTO hostile (a) FORMAT ArrowStream", "database": "govnet"}
    for body in (b"", b"\x00" * 100, b"\xff" * 4096, os.urandom(2000)):
        answer = http.post("/", params=head, content=body)
        assert answer.is_error or number(client, "SELECT count() FROM hostile") == 0
    bomb = gzip.compress(bytes(200 * 2**20), 9)
    answer = http.post("/", params=head, content=bomb, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 413
    answer = http.post("/", params=head, content=b"junk", headers={"Content-Encoding": "zstd"})
    assert answer.status_code == 400
    answer = http.post("/", params=head, content=b"x", headers={"Content-Encoding": "rot13"})
    assert answer.status_code == 400
    answer = http.post("/", content=b"SELECT '\xff\xfe'")
    assert answer.status_code == 400
    assert number(client, "SELECT count() FROM hostile") == 0


def test_a_body_over_the_limit_is_refused(http: httpx.Client) -> None:
    too_much = bytes(store_module.MAX_BODY_BYTES + 1)
    answer = http.post("/", params={"query": "INSERT INTO x FORMAT CSV"}, content=too_much)
    assert answer.status_code == 413
    answer = http.post("/", content=b"SELECT " + b"1+" * store_module.MAX_SQL_BYTES + b"1")
    assert answer.status_code == 413


def test_the_same_batch_twice_is_stored_once_in_raw_and_rollups(
    store: Config, client: Client
) -> None:
    ts = time.time() - 3600 + np.arange(500.0)
    batch = to_batch("probe_result", probe_columns(ts, 4_000_000))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    data = sink.getvalue().to_pybytes()
    spool = Spool(store.data_dir / "twice", 2**20)
    spooled = spool.put("probe_result", 500, data)
    for _ in range(3):
        http_sender(store)(spooled, data)
    where = "WHERE target_id = 4000000"
    assert number(client, f"SELECT count() FROM probe_result {where}") == 500
    for rollup in ("_1m", "_5m", "_1h"):
        assert number(client, f"SELECT sum(samples) FROM probe_result{rollup} {where}") == 500
    again = spool.put("probe_result", 500, data)  # the same rows as a new batch are new rows
    http_sender(store)(again, data)
    assert number(client, f"SELECT count() FROM probe_result {where}") == 1000


def test_a_batch_over_midnight_and_month_end_is_stored_once(store: Config, client: Client) -> None:
    midnight = 1_793_491_200  # 2026-11-01 00:00 UTC
    client.command(
        "CREATE TABLE months (ts DateTime('UTC'), n UInt32) ENGINE = MergeTree"
        " PARTITION BY toYYYYMM(ts) ORDER BY n SETTINGS non_replicated_deduplication_window = 10"
    )
    rows = "".join(f"{midnight + second}\t{second}\n" for second in range(-50, 50))
    body = "INSERT INTO months (ts, n) FORMAT TabSeparated\n" + rows.replace("\t-", "\t")
    for _ in range(2):
        client.raw_insert("", insert_block=body, settings={"insert_deduplication_token": "one"})
    assert number(client, "SELECT count() FROM months") == 100


def test_every_table_expires_and_remembers_its_blocks(client: Client) -> None:
    sql = (
        "SELECT name, create_table_query FROM system.tables"
        " WHERE database = 'govnet' AND match(name, '_(result|sample)(_1m|_5m|_1h)?$')"
    )
    tables = {str(name): str(ddl) for name, ddl in client.query(sql).result_rows}
    assert len(tables) == 12
    days = {"": 35, "_1m": 90, "_5m": 400, "_1h": 2192}
    for name, ddl in tables.items():
        suffix = name[name.rindex("_") :] if name[-1] in "mh" else ""
        assert f"TTL toDateTime(ts) + toIntervalDay({days[suffix]})" in ddl
        assert "non_replicated_deduplication_window = 10000" in ddl


def test_expired_rows_disappear(client: Client) -> None:
    old = int(time.time()) - 36 * 86400
    client.command(
        "INSERT INTO device_sample (ts, device_id, uptime_s) VALUES", data=f"({old}, 77, 1)"
    )
    client.command("OPTIMIZE TABLE device_sample FINAL")
    assert number(client, "SELECT count() FROM device_sample WHERE device_id = 77") == 0
    assert number(client, "SELECT sum(samples) FROM device_sample_1h WHERE device_id = 77") == 1


def test_health_and_metrics_tell_rows_and_disk(store: Config, client: Client) -> None:
    time.sleep(2.1)  # the report is cached for two seconds
    health = httpx.get(f"{store.telemetry_endpoint}healthz").json()
    assert health["ok"] is True
    assert health["process"] == "store"
    assert health["counters"]["rows"] == number(
        client,
        "SELECT (SELECT count() FROM probe_result) + (SELECT count() FROM interface_sample)"
        " + (SELECT count() FROM device_sample)",
    )
    assert health["counters"]["disk_bytes"] > 0
    metrics = httpx.get(f"{store.telemetry_endpoint}metrics").text
    assert 'govnet_store_rows{table="probe_result_1h"}' in metrics
    assert 'govnet_store_queries_total{kind="select",outcome="ok"}' in metrics


def test_memory_is_bounded_by_the_setting(tmp_path: Path) -> None:
    with store_process(tmp_path, store_memory_mib=256) as store:
        client = connect(store.config)
        with pytest.raises(DatabaseError, match="memory limit exceeded"):
            client.query("SELECT groupArray(number) FROM numbers(100000000)")
        status = Path(f"/proc/{store.process.pid}/status").read_text() if store.process else ""
        peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
        assert peak < 256 + 450, f"{peak} MiB with a ceiling of 256 MiB"


def test_a_second_store_on_the_same_data_says_so_and_stops(tmp_path: Path) -> None:
    with store_process(tmp_path) as first:
        second = subprocess.run(
            StoreProcess(first.config).command(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert second.returncode != 0
        assert "already runs" in second.stderr
        assert httpx.get(f"{first.config.telemetry_endpoint}ping").text == "Ok.\n"


def test_a_taken_port_is_a_clear_message(tmp_path: Path) -> None:
    with (
        store_process(tmp_path / "first") as first,
        installation(tmp_path / "second", store_port=first.config.store_port) as config,
    ):
        config.data_dir.mkdir()
        second = StoreProcess(config)
        with second.log_path.open("wb") as log:
            code = subprocess.run(
                second.command(), stderr=log, stdout=log, timeout=60, check=False
            ).returncode
        assert code == 1
        assert "Address already in use" in second.log_path.read_text()


def test_sigterm_stops_within_five_seconds_under_load(tmp_path: Path) -> None:
    with store_process(tmp_path) as store:
        client = connect(store.config)
        client.command("CREATE TABLE t (n UInt32) ENGINE = MergeTree ORDER BY n")
        slow = "SELECT sleepEachRow(1) FROM numbers(20) SETTINGS max_block_size = 1"
        url, token = store.config.telemetry_endpoint, get_secrets().telemetry_token
        request = subprocess.Popen(
            ["curl", "-s", "-u", f"govnet:{token}", url, "--data-binary", slow],
            stdout=subprocess.DEVNULL,
        )
        time.sleep(0.5)
        began = time.monotonic()
        code = store.stop()
        assert time.monotonic() - began < 5
        assert code == 0
        request.wait(5)


def test_damaged_data_are_a_clear_message(tmp_path: Path) -> None:
    with store_process(tmp_path) as store:
        assert store.stop() == 0
        metadata = store.config.telemetry_dir / "chdb" / "store"
        for definition in metadata.glob("*/*/probe_result.sql"):
            definition.write_text("ATTACH TABLE nonsense")
        with pytest.raises(RuntimeError, match=r"cannot be opened|not started"):
            store.start()


def repeat(work: Callable[[], object], times: int) -> None:
    for _ in range(times):
        work()


@pytest.mark.root
def test_a_full_disk_is_an_error_and_the_store_goes_on(tmp_path: Path) -> None:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("needs root to mount a small file system")
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(small)], check=True)
    try:
        with store_process(small / "data") as store:
            client = connect(store.config)
            client.command(
                "CREATE TABLE fill (s String CODEC(NONE)) ENGINE = MergeTree ORDER BY ()"
            )
            grow = "INSERT INTO fill SELECT randomString(1000) FROM numbers(4000)"
            with pytest.raises(DatabaseError) as full:
                repeat(lambda: client.command(grow), 20)
            assert full.value.code in {75, 243, 1001}, full.value
            assert number(client, "SELECT count() > 0 FROM fill") == 1
            client.command("TRUNCATE TABLE fill SYNC")
            client.command("INSERT INTO fill VALUES ('room again')")
            assert number(client, "SELECT count() FROM fill") == 1
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_migrating_over_http_finds_nothing_to_do_after_the_store_did_it(store: Config) -> None:
    assert migrate_store(store) == []


MIGRATE = """
from govnet.cli import main
from govnet.runtime import prepare
prepare.call_command = lambda *_words, **_options: None  # the SQL database is others' test
main()
"""


def test_a_remote_store_gets_its_tables_by_migrate(store: Config, tmp_path: Path) -> None:
    """This store stands for a ClickHouse elsewhere, with a database of its own in it."""

    def migrate(port: int) -> subprocess.CompletedProcess[str]:
        url = f"http://govnet:{get_secrets().telemetry_token}@127.0.0.1:{port}/elsewhere"
        env = {**os.environ, "GOVNET_DATA_DIR": str(tmp_path), "GOVNET_TELEMETRY_URL": url}
        command = [sys.executable, "-c", MIGRATE, "migrate"]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    done = migrate(store.store_port)
    assert done.returncode == 0, done.stderr
    client = connect(store, database="elsewhere")
    assert number(client, "SELECT count() FROM probe_result_1h") == 0
    refused = migrate(free_port())
    assert refused.returncode == 1
    assert "GOVNET_TELEMETRY_URL" in refused.stderr
    assert get_secrets().telemetry_token not in refused.stderr + done.stderr + done.stdout
    client.command("DROP DATABASE elsewhere")


def test_a_store_of_a_newer_govnet_is_not_touched(tmp_path: Path) -> None:
    with store_process(tmp_path) as store:
        client = connect(store.config)
        client.command("INSERT INTO schema_object VALUES", data="('future', 999, '', now())")
        with pytest.raises(SchemaTooNewError, match="version 999"):
            migrate_store(store.config)
        store.stop()
        with pytest.raises(RuntimeError, match="version 999"):
            store.start()
