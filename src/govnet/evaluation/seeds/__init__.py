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
    """Both projects, from the texts through the reader, marked as demo data."""
    return [
        take_in(
            extract(read_document(FOLDER / f"{slug}.txt")), slug, framework=framework, demo=True
        )
        for slug, framework in SEEDS.items()
    ]
