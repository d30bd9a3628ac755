"""The two reports that GovNet was built from, names and phone numbers replaced."""

from __future__ import annotations

from pathlib import Path

from govnet.evaluation.audit.extract import extract
from govnet.evaluation.audit.readers.detect import read_document
from govnet.evaluation.intake import take_in
from govnet.evaluation.models import SelfEvaluation

SEEDS = {"yueyang-2020": "yueyang-annex-3-2", "xiangyin-2022": ""}
FOLDER = Path(__file__).parent


def load() -> list[SelfEvaluation]:
    """Both projects, from the texts through the reader, marked as demo data.

    One that is there already stays as it is, with what people added to it.
    """
    return [
        SelfEvaluation.objects.filter(slug=slug).first() or _take_in(slug, framework)
        for slug, framework in SEEDS.items()
    ]


def _take_in(slug: str, framework: str) -> SelfEvaluation:
    report = extract(read_document(FOLDER / f"{slug}.txt"))
    return take_in(report, slug, framework=framework, demo=True)
