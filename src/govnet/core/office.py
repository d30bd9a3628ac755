"""Word files: filled from a template, and turned into PDF."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from govnet.core.errors import ToldError, gettext_noop

if TYPE_CHECKING:
    from docxtpl import DocxTemplate

PDF_SECONDS = 60


class PrintingError(ToldError):
    """A document could not be printed; the message says what is missing."""


def fill(template: bytes, data: Mapping[str, Any]) -> DocxTemplate:
    """A Word template filled with values; what the values hold is text, never a template.

    Raises:
        PrintingError: the template has an error.
    """
    from docxtpl import DocxTemplate
    from jinja2 import TemplateError
    from jinja2.exceptions import SecurityError
    from jinja2.sandbox import SandboxedEnvironment

    filled = DocxTemplate(io.BytesIO(template))
    try:
        filled.render(dict(data), autoescape=True, jinja_env=SandboxedEnvironment())
    except (TemplateError, SecurityError) as error:
        raise PrintingError(
            gettext_noop("The Word template has an error: %(error)s"), error=str(error)
        ) from error
    return filled


def as_docx(filled: DocxTemplate) -> bytes:
    """The file of a filled template."""
    buffer = io.BytesIO()
    filled.save(buffer)
    return buffer.getvalue()


def as_pdf(document: bytes) -> bytes:
    """A Word file as PDF, by LibreOffice.

    Raises:
        PrintingError: LibreOffice is not installed, or it failed.
    """
    office = shutil.which("soffice") or shutil.which("libreoffice")
    if office is None:
        raise PrintingError(
            gettext_noop("PDF needs LibreOffice: apt-get install libreoffice-writer-nogui")
        )
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "report.docx"
        source.write_bytes(document)
        profile = f"-env:UserInstallation=file://{folder}/profile"
        convert = ("--headless", "--convert-to", "pdf", "--outdir", folder, str(source))
        try:
            subprocess.run(  # noqa: S603  # a fixed program on our own file
                [office, profile, *convert], check=True, capture_output=True, timeout=PDF_SECONDS
            )
            return source.with_suffix(".pdf").read_bytes()
        except (subprocess.SubprocessError, OSError) as error:
            raise PrintingError(
                gettext_noop("LibreOffice could not convert the report.")
            ) from error
