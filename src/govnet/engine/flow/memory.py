"""Templates and sampling on disk, so that a restart need not wait for exporters to repeat them.

Exporters send templates every few minutes to half an hour; what came meanwhile would be lost.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import structlog

from govnet.engine.flow.decoder import Decoder
from govnet.engine.flow.exporters import Domain
from govnet.engine.flow.templates import BadTemplateError, Field

log = structlog.get_logger()

MAX_FILE: Final = 64 * 2**20


def save(decoder: Decoder, path: Path) -> None:
    """Write what all exporters described, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    domains = [
        _as_json(domain)
        for exporter in decoder.exporters
        for domain in exporter.domains.values()
        if domain.templates or domain.sampling.told
    ]
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(domains), encoding="ascii")
    temporary.replace(path)
    decoder.templates_changed = False


def _as_json(domain: Domain) -> dict[str, Any]:
    return {
        "exporter": domain.exporter.address.hex(),
        "version": domain.version,
        "number": domain.number,
        "rate": domain.sampling.rate if domain.sampling.told else 0,
        "selectors": list(domain.sampling.by_selector.items()),
        "templates": [
            [t.number, t.scopes, [[f.enterprise, f.element, f.length] for f in t.fields]]
            for t in domain.templates.values()
        ],
    }


def load(decoder: Decoder, path: Path, now: float) -> int:
    """Read what :func:`save` wrote; a file that does not make sense is left alone.

    Returns:
        How many templates are known again.
    """
    try:
        kept = path.read_bytes()[:MAX_FILE]  # a file cut short is no JSON
        return sum(_recall(decoder, said, now) for said in json.loads(kept))
    except FileNotFoundError:
        return 0
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("kept templates cannot be read", file=path.name, reason=str(error))
        return 0


def _recall(decoder: Decoder, said: dict[str, Any], now: float) -> int:
    exporter = decoder.exporters.at(bytes.fromhex(said["exporter"]), now)
    domain = exporter.domain(int(said["version"]), int(said["number"])) if exporter else None
    if domain is None:
        return 0
    if said["rate"]:
        domain.sampling.tell(int(said["rate"]))
    for selector, rate in said["selectors"]:
        domain.sampling.tell(int(rate), int(selector))
    known = 0
    for number, scopes, fields in said["templates"]:
        try:
            domain.learn(int(number), [Field(*map(int, one)) for one in fields], int(scopes))
            known += 1
        except BadTemplateError as error:
            raise ValueError(str(error)) from error
    return known
