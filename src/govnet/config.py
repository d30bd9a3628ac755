"""Settings, by environment (``GOVNET_…``) or one TOML file (``GOVNET_CONFIG``), typed.

The environment wins over the file. A wrong value stops the start with a sentence that says
what to change. What must be secret and per installation is generated on first use into
``<data_dir>/secrets.json`` (mode 0600); nothing has a default password.
"""

from __future__ import annotations

import json
import os
import secrets
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    Field,
    IPvAnyNetwork,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

Port = Annotated[int, Field(ge=1, le=65535)]


SECRET: Final = frozenset({"database_url", "telemetry_url", "secret_key_fallbacks"})
"""Settings whose values may hold a password: no message repeats them."""

NOT_SETTINGS: Final = frozenset(
    {
        "GOVNET_CONFIG",
        "GOVNET_SUPERVISOR_PID",  # ``govnet up`` to its own processes
        "GOVNET_RECORD_FLOWS",  # the tests' three
        "GOVNET_RECORD_QUERY_COUNTS",
        "GOVNET_RECORD_SCHEMA",
    }
)


class ConfigError(Exception):
    """A setting is wrong; the message says which one and what to change."""


class Config(BaseSettings):
    """Every setting of an installation; ``docs/reference/settings.md`` explains each."""

    model_config = SettingsConfigDict(env_prefix="GOVNET_", extra="forbid")

    data_dir: Path = Path("var")
    database_url: str = ""
    telemetry_url: str = ""
    web_host: str = "127.0.0.1"
    web_port: Port = 8080
    store_port: Port = 18123
    engine_health_port: Port = 18124
    worker_health_port: Port = 18125
    web_health_port: Port = 18126
    receiver_health_port: Port = 18127
    correlator_health_port: Port = 18128
    receiver_hosts: list[str] = Field(
        default_factory=lambda: ["127.0.0.1", "::1"],
        description="addresses that flows, logs and traps are received on; 0.0.0.0 and :: for all",
    )
    netflow_ports: list[Port] = Field(default_factory=lambda: [2055, 4739])
    sflow_port: Port = 6343
    syslog_ports: list[Port] = Field(
        default_factory=lambda: [1514], description="UDP and TCP ports of syslog; 514 needs a right"
    )
    syslog_tls_port: Port = 6514
    syslog_tls_certificate: Path | None = Field(
        default=None, description="PEM file with chain; without it no TLS port is opened"
    )
    syslog_tls_key: Path | None = None
    syslog_tls_clients: Path | None = Field(
        default=None, description="PEM file of authorities; then senders must show a certificate"
    )
    trap_ports: list[Port] = Field(
        default_factory=lambda: [1162], description="UDP ports of SNMP traps; 162 needs a right"
    )
    receiver_buffer_mib: int = Field(
        default=32, ge=1, le=256, description="receive buffer asked of the kernel, each socket"
    )
    receiver_queue_mib: int = Field(
        default=48, ge=4, le=1024, description="datagrams that wait for decoding, each protocol"
    )
    allowed_hosts: list[str] = Field(default_factory=lambda: ["localhost", "127.0.0.1", "[::1]"])
    csrf_trusted_origins: list[str] = Field(default_factory=list)
    trusted_proxies: list[IPvAnyNetwork] = Field(
        default_factory=list, description="reverse proxies that are believed who asks"
    )
    https_only: bool = False
    public_url: str = Field(default="", description="where people open the pages, for notices")
    notice_loopback: bool = Field(
        default=False, description="let notice channels talk to this machine"
    )
    debug: bool = False
    time_zone: str = "Asia/Shanghai"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["console", "json"] = "console"
    store_memory_mib: int = Field(
        default=640, ge=256, description="ceiling of one query and of caches"
    )
    spool_max_mib: int = Field(default=1024, ge=16, description="disk that one writer may fill")
    flush_seconds: float = Field(
        default=5.0, ge=0.1, le=60, description="samples wait so long for others before the disk"
    )
    probe_concurrency: int = Field(default=500, ge=1)
    sweep_minutes: int = Field(
        default=10, ge=1, le=1440, description="between two readings of the devices' neighbours"
    )
    secret_key_fallbacks: list[SecretStr] = Field(
        default_factory=list, description="old secret keys, kept while credentials are re-encrypted"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before the TOML file that ``GOVNET_CONFIG`` names."""
        del dotenv_settings, file_secret_settings
        toml_file = os.environ.get("GOVNET_CONFIG")
        toml = (TomlConfigSettingsSource(settings_cls, Path(toml_file)),) if toml_file else ()
        return (init_settings, env_settings, *toml)

    @field_validator("telemetry_url")
    @classmethod
    def _telemetry_is_http(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://, e.g. http://127.0.0.1:8123/")
        return _addressed(value)

    @field_validator("public_url")
    @classmethod
    def _public_url_is_http(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://, e.g. https://noc.example.gov.cn")
        return value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _database_is_postgresql(cls, value: str) -> str:
        if value and not value.startswith("postgresql://"):
            raise ValueError(
                "must start with postgresql://, e.g. postgresql://govnet:…@127.0.0.1/govnet;"
                " leave it empty for SQLite"
            )
        return _addressed(value)

    @field_validator("time_zone")
    @classmethod
    def _zone_is_known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):  # unknown, malformed, a directory of zones
            raise ValueError("is no time zone; write one such as Asia/Shanghai") from None
        return value

    @model_validator(mode="after")
    def _ports_are_distinct(self) -> Self:
        used: dict[int, str] = {}
        for name, port in self.tcp_ports.items():
            other = used.setdefault(port, name)
            if other != name:
                raise ValueError(f"{other} and {name} are both {port}")
        return self

    @property
    def tcp_ports(self) -> dict[str, int]:
        """What its processes serve on, by the name of the setting; all but the pages' loopback."""
        names = ["web_port", "web_health_port", "engine_health_port", "receiver_health_port"]
        names += ["worker_health_port", "correlator_health_port"]
        names += ["store_port"] if self.embedded_store else []
        return {name: getattr(self, name) for name in names}

    @property
    def embedded_store(self) -> bool:
        """True when this installation runs its own chdb store process."""
        return not self.telemetry_url

    @property
    def telemetry_endpoint(self) -> str:
        """URL of the ClickHouse HTTP interface that every process uses."""
        return self.telemetry_url or f"http://127.0.0.1:{self.store_port}/"

    @property
    def telemetry_dir(self) -> Path:
        """Where the embedded store keeps its tables."""
        return self.data_dir / "telemetry"

    def spool_dir(self, process: str) -> Path:
        """Where one process's telemetry writer keeps batches not yet acknowledged."""
        return self.data_dir / "spool" / process


def _addressed(url: str) -> str:
    """The URL, when its host and port can be read; the reason never repeats a part of it."""
    try:
        urlsplit(url).port  # noqa: B018  # reading it is the check
    except ValueError:
        raise ValueError(
            "has no readable host or port; write / @ : of a password as %2F %40 %3A"
        ) from None
    return url


def without_credentials(url: str) -> str:
    """A URL to show: no user, password or query."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl()


class Secrets(BaseModel):
    """Generated once per installation, kept in ``<data_dir>/secrets.json``, mode 0600."""

    django_secret_key: str = Field(default_factory=lambda: secrets.token_urlsafe(50))
    telemetry_token: str = Field(default_factory=lambda: secrets.token_urlsafe(32))
    salt_key: str = Field(default_factory=lambda: secrets.token_urlsafe(32))


def _sentence(error: ValidationError) -> str:
    lines = []
    for item in error.errors(include_url=False):
        name = ".".join(str(part) for part in item["loc"])
        field = name.partition(".")[0]
        subject = (
            f"Setting {name!r} (environment GOVNET_{field.upper()}) is" if name else "A port is"
        )
        shown = field in Config.model_fields and field not in SECRET
        got = f" Got {item.get('input')!r}." if shown else ""
        lines.append(f"{subject} wrong: {item['msg']}.{got}")
    return "\n".join(lines)


def _refuse_unknown_names() -> None:
    """A misspelt name would otherwise leave a default in force unnoticed."""
    known = {f"GOVNET_{name.upper()}" for name in Config.model_fields} | NOT_SETTINGS
    names = (name for name in os.environ if name.upper().startswith("GOVNET_"))
    unknown = sorted(name for name in names if name.upper() not in known)
    if unknown:
        raise ConfigError(
            f"The environment has {', '.join(unknown)}, which is no setting of GovNet."
            " Correct the name or unset it."
        )


@lru_cache(maxsize=1)
def get_config() -> Config:
    """Read the settings once per process.

    Raises:
        ConfigError: a setting is wrong or the TOML file cannot be read.
    """
    toml_file = os.environ.get("GOVNET_CONFIG")
    if toml_file and not Path(toml_file).is_file():
        raise ConfigError(f"GOVNET_CONFIG names {toml_file!r}, which is not a readable file.")
    _refuse_unknown_names()
    try:
        config = Config()
    except ValidationError as error:
        raise ConfigError(_sentence(error)) from error
    except SettingsError as error:  # it names the setting, not the value
        raise ConfigError(f'{error}: write a list as JSON, e.g. ["one", "two"].') from error
    except ValueError as error:  # malformed TOML
        raise ConfigError(f"The settings file {toml_file!r} cannot be read: {error}") from error
    return config.model_copy(update={"data_dir": config.data_dir.expanduser().resolve()})


def open_data_dir(data_dir: Path) -> Path:
    """The data directory, made for this user alone when it is missing.

    Raises:
        ConfigError: it cannot be made or written to.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(data_dir, error.strerror or str(error)) from error
    if not os.access(data_dir, os.R_OK | os.W_OK | os.X_OK):
        raise _unusable(data_dir, "this user may not write there")
    return data_dir


def _unusable(data_dir: Path, why: str) -> ConfigError:
    return ConfigError(
        f"The data directory {data_dir} cannot be used: {why}."
        " Correct it or set GOVNET_DATA_DIR to another directory."
    )


@lru_cache(maxsize=1)
def get_secrets() -> Secrets:
    """Read this installation's secrets, generating the file on first use.

    Safe when several processes start at once: the file is created exclusively, and a process
    that loses that race reads the winner's.
    """
    path = open_data_dir(get_config().data_dir) / "secrets.json"
    if not path.exists():
        _create_secrets(path)
    return Secrets.model_validate(json.loads(path.read_text(encoding="utf-8")))


def _create_secrets(path: Path) -> None:
    temporary = path.with_name(f"secrets.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(Secrets().model_dump_json(indent=1))
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
