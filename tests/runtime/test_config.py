"""Wrong settings end in a sentence that says what to change, and never in a secret shown."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from govnet.config import Config, ConfigError, get_config, without_credentials
from govnet.runtime.status import as_json, ask_all
from tests.peers import free_port

SECRET = "Pass-Word-7"


def complaint(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> str:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        get_config.__wrapped__()
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("GOVNET_WEB_PRT", "8081", "GOVNET_WEB_PRT"),
        ("GOVNET_WEB_PORT", "99999", "99999"),
        ("GOVNET_WEB_PORT", "18124", "engine_health_port"),
        ("GOVNET_TIME_ZONE", "Asia/Beijng", "Asia/Shanghai"),
        ("GOVNET_TIME_ZONE", "Asia", "Asia/Shanghai"),
        ("GOVNET_ALLOWED_HOSTS", "a.example,b.example", "allowed_hosts"),
        ("GOVNET_DATABASE_URL", "mysql://govnet@127.0.0.1/govnet", "postgresql://"),
        ("GOVNET_TELEMETRY_URL", "ftp://127.0.0.1/", "http://"),
    ],
)
def test_a_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    for port in ("WEB", "STORE", "ENGINE_HEALTH", "WORKER_HEALTH", "WEB_HEALTH"):
        monkeypatch.delenv(f"GOVNET_{port}_PORT", raising=False)
    assert said in complaint(monkeypatch, name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GOVNET_DATABASE_URL", f"mysql://u:{SECRET}@127.0.0.1/x"),
        ("GOVNET_TELEMETRY_URL", f"ftp://u:{SECRET}@127.0.0.1/"),
        ("GOVNET_TELEMETRY_URL", f"http://u:{SECRET}/x@127.0.0.1/"),
        ("GOVNET_SECRET_KEY_FALLBACKS", SECRET),
        ("GOVNET_SECRET_KEY_FALLBACKS", f'{{"a": "{SECRET}"}}'),
        ("GOVNET_SECRETKEY", SECRET),
    ],
)
def test_a_wrong_secret_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    said = complaint(monkeypatch, name, value)
    assert name in said.upper() or name.removeprefix("GOVNET_") in said.upper()
    assert SECRET not in said


def test_status_shows_the_store_without_its_password() -> None:
    ports = {name: free_port() for name in Config.model_fields if name.endswith("_port")}
    url = f"http://operator:{SECRET}@127.0.0.1:{ports['store_port']}/?password={SECRET}"
    said = str(as_json(ask_all(Config(telemetry_url=url, **ports))))  # type: ignore[arg-type]  # ports only
    assert f"127.0.0.1:{ports['store_port']}" in said
    assert SECRET not in said
    assert without_credentials("http://[::1]:8123/x") == "http://[::1]:8123/x"


def govnet(data_dir: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GOVNET_")}
    return subprocess.run(
        [sys.executable, "-m", "govnet", *words],
        env={**kept, "GOVNET_DATA_DIR": str(data_dir), **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("command", ["up", "migrate"])
def test_a_file_in_the_way_of_the_data_directory_is_said_plainly(
    tmp_path: Path, command: str
) -> None:
    (tmp_path / "file").write_text("")
    ended = govnet(tmp_path / "file", command)
    assert ended.returncode != 0
    assert "GOVNET_DATA_DIR" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_database_that_is_away_is_said_plainly(tmp_path: Path) -> None:
    url = f"postgresql://u:{SECRET}@127.0.0.1:{free_port()}/govnet"
    ended = govnet(tmp_path / "data", "prepare", GOVNET_DATABASE_URL=url)
    assert ended.returncode == 1
    assert "GOVNET_DATABASE_URL" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert SECRET not in ended.stderr + ended.stdout


def test_no_other_local_user_can_read_an_installation(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    assert govnet(data_dir, "migrate").returncode == 0
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE((data_dir / "govnet.sqlite3").stat().st_mode) == 0o600
