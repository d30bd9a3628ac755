"""Keeps the Chinese catalogue complete: ``uv run python -m govnet.locale_tools merge``.

``merge`` collects every marked string of the package, takes each translation from
``locale/fragments/*.po`` or else from the present ``django.po``, writes ``django.po`` sorted
and without line numbers (so that a moved line is no change), compiles ``django.mo``, and lists
what is still untranslated. ``check`` writes nothing and fails when ``merge`` would change
anything or a string has no translation. Both need GNU gettext's ``xgettext``; running GovNet
does not, because the compiled catalogue is part of the package.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polib
from django.utils.translation.template import templatize

PACKAGE = Path(__file__).resolve().parent
CATALOGUE = PACKAGE / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
FRAGMENTS = PACKAGE / "locale" / "fragments"
METADATA = {
    "Project-Id-Version": "govnet",
    "Language": "zh_Hans",
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=UTF-8",
    "Content-Transfer-Encoding": "8bit",
    "Plural-Forms": "nplurals=1; plural=0;",
}
# The functions that django.utils.translation offers, with the places of their arguments; ``_now``
# is ``gettext`` in a module where ``_`` is lazy.
KEYWORDS = (
    "_now",
    "gettext_noop",
    "gettext_lazy",
    "ngettext_lazy:1,2",
    "pgettext:1c,2",
    "npgettext:1c,2,3",
    "pgettext_lazy:1c,2",
    "npgettext_lazy:1c,2,3",
)
Key = tuple[str | None, str, str]


def key_of(entry: polib.POEntry) -> Key:
    """What makes two entries the same string: context, singular, plural."""
    return (entry.msgctxt, entry.msgid, entry.msgid_plural)


def _sources(package: Path) -> Iterator[tuple[Path, str]]:
    """Python sources as they are, templates as the pseudo-Python that xgettext reads."""
    for path in sorted(package.rglob("*.py")):
        yield path, path.read_text(encoding="utf-8")
    for suffix in ("*.html", "*.txt"):
        for path in sorted(package.rglob(suffix)):
            if "templates" in path.parts:
                yield path, templatize(path.read_text(encoding="utf-8"))


def extract(package: Path = PACKAGE) -> polib.POFile:
    """Every string of the package that is marked for translation.

    Raises:
        subprocess.CalledProcessError: xgettext refused a file; its message names file and line.
        FileNotFoundError: xgettext is not installed (Debian: ``gettext``).
    """
    with tempfile.TemporaryDirectory() as scratch:
        names = []
        for number, (path, text) in enumerate(_sources(package)):
            flat = "_".join(path.relative_to(package).parts)
            copy = Path(scratch) / f"{number:04}_{flat}.py"
            copy.write_text(text, encoding="utf-8")
            names.append(copy.name)
        output = Path(scratch) / "out.pot"
        subprocess.run(  # noqa: S603  # fixed program, our own files
            [  # noqa: S607  # found on PATH like every development tool
                "xgettext",
                "--language=Python",
                "--from-code=UTF-8",
                "--no-location",
                f"--output={output}",
                *(f"--keyword={keyword}" for keyword in KEYWORDS),
                *names,
            ],
            cwd=scratch,
            check=True,
            capture_output=True,
        )
        return polib.pofile(str(output), encoding="utf-8")


def _translated(entry: polib.POEntry) -> bool:
    if entry.fuzzy:
        return False
    return bool(entry.msgstr or (entry.msgstr_plural and all(entry.msgstr_plural.values())))


def translations(
    catalogue: Path = CATALOGUE, fragments: Path = FRAGMENTS
) -> tuple[dict[Key, polib.POEntry], list[str]]:
    """The known translations, a fragment's before the catalogue's, and what contradicts."""
    known: dict[Key, polib.POEntry] = {}
    conflicts = []
    for path in sorted(fragments.glob("*.po")):
        for entry in polib.pofile(str(path), encoding="utf-8"):
            if not _translated(entry) or entry.obsolete:
                continue
            first = known.setdefault(key_of(entry), entry)
            if first.msgstr != entry.msgstr:
                conflicts.append(f"{path.name}: {entry.msgid!r}: {entry.msgstr} / {first.msgstr}")
    if catalogue.exists():
        for entry in polib.pofile(str(catalogue), encoding="utf-8"):
            if _translated(entry) and not entry.obsolete:
                known.setdefault(key_of(entry), entry)
    return known, conflicts


def build() -> tuple[polib.POFile, list[str]]:
    """The catalogue as it should be, and the contradictions between fragments."""
    known, conflicts = translations()
    # wrapwidth: one line per string, so that a merge of two branches is by string.
    merged = polib.POFile(wrapwidth=10_000)
    merged.metadata = dict(METADATA)
    for entry in sorted(extract(), key=lambda each: (each.msgid, each.msgctxt or "")):
        found = known.get(key_of(entry))
        fresh = polib.POEntry(
            msgctxt=entry.msgctxt, msgid=entry.msgid, msgid_plural=entry.msgid_plural
        )
        fresh.flags = [flag for flag in entry.flags if flag.endswith("-format")]
        if found is not None:
            fresh.msgstr = found.msgstr
            fresh.msgstr_plural = dict(found.msgstr_plural)
        elif entry.msgid_plural:
            fresh.msgstr_plural = {0: ""}
        merged.append(fresh)
    return merged, conflicts


def untranslated(catalogue: polib.POFile) -> list[str]:
    """The strings without a Chinese translation."""
    return [entry.msgid for entry in catalogue if not _translated(entry)]


def merge() -> int:
    """Write catalogue and compiled catalogue; the number of untranslated strings."""
    catalogue, conflicts = build()
    CATALOGUE.parent.mkdir(parents=True, exist_ok=True)
    catalogue.save(str(CATALOGUE))
    catalogue.save_as_mofile(str(CATALOGUE.with_suffix(".mo")))
    missing = untranslated(catalogue)
    for line in conflicts:
        sys.stderr.write(f"two translations: {line}\n")
    for msgid in missing:
        sys.stderr.write(f"untranslated: {msgid!r}\n")
    sys.stdout.write(f"{len(catalogue)} strings, {len(missing)} untranslated\n")
    return len(missing)


def check() -> int:
    """The number of strings that are untranslated or missing from the written catalogue."""
    catalogue, _conflicts = build()
    written = CATALOGUE.read_text(encoding="utf-8") if CATALOGUE.exists() else ""
    problems = [f"untranslated: {msgid!r}" for msgid in untranslated(catalogue)]
    if str(catalogue).strip() != written.strip():
        problems.append("django.po is not up to date: uv run python -m govnet.locale_tools merge")
    sys.stderr.write("".join(f"{problem}\n" for problem in problems))
    return len(problems)


if __name__ == "__main__":
    commands = {"merge": merge, "check": check}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        sys.exit("usage: python -m govnet.locale_tools merge|check")
    sys.exit(1 if commands[sys.argv[1]]() else 0)
