"""The vendored front-end is what its README says, and pages load nothing else."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from pytest_django import Settings

VENDOR = Path(settings.BASE_DIR) / "static" / "vendor"
ROW = re.compile(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \| `([0-9a-f]{64})` \|$", re.MULTILINE)
NOT_CODE = {"README.md", "LICENSE", "NOTICE"}


def listed() -> dict[str, str]:
    text = (VENDOR / "README.md").read_text(encoding="utf-8")
    return {name: digest for name, _version, _licence, digest in ROW.findall(text)}


def test_every_vendored_file_is_listed_and_no_other() -> None:
    there = {
        str(path.relative_to(VENDOR))
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name not in NOT_CODE
    }
    assert there == set(listed())


@pytest.fixture
def overrides(request: pytest.FixtureRequest) -> Settings:
    """pytest-django's settings under a name that does not hide Django's."""
    wrapper: Settings = request.getfixturevalue("settings")
    return wrapper


@pytest.mark.parametrize("name", sorted(listed()))
def test_a_vendored_file_is_unmodified(name: str) -> None:
    assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == listed()[name]


def test_every_vendored_package_carries_its_licence() -> None:
    for folder in (path for path in VENDOR.iterdir() if path.is_dir()):
        assert (folder / "LICENSE").is_file(), folder.name


def test_static_files_collect_under_hashed_names(tmp_path: Path, overrides: Settings) -> None:
    overrides.STATIC_ROOT = tmp_path
    overrides.STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "govnet.dashboards.storage.StaticStorage"},
    }
    call_command("collectstatic", interactive=False, verbosity=0)
    names = {path.name for path in tmp_path.rglob("*")}
    assert any(re.fullmatch(r"echarts\.common\.min\.[0-9a-f]{12}\.js", name) for name in names)
    assert any(re.fullmatch(r"govnet\.[0-9a-f]{12}\.css\.gz", name) for name in names)
    css = next(tmp_path.glob("css/govnet.*.css")).read_text(encoding="utf-8")
    assert re.search(r"img/icon\.[0-9a-f]{12}\.svg", css)


def test_no_template_and_no_script_of_ours_names_another_host() -> None:
    base = Path(settings.BASE_DIR)
    ours = [*base.rglob("templates/**/*.html"), *(base / "static" / "js").glob("*.js")]
    assert len(ours) > 20
    for path in ours:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"(src|href|url)\s*[=(:]\s*[\"']?(https?:)?//", text), path


def test_no_template_holds_an_inline_script_or_handler() -> None:
    for path in Path(settings.BASE_DIR).rglob("templates/**/*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<script(?![^>]*\bsrc=)", text), path
        assert not re.search(r"\son[a-z]+\s*=\s*[\"']", text), path
        assert "hx-on" not in text, path
