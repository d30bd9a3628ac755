"""What a vendor's messages mean: patterns of ``govnet/vendors/*.yaml``, matched in linear time.

A *dialect* recognises a vendor's messages by a header inside the text (``%%01IFNET/4/…``) or by
the program's name, and maps them to events. Names of events that raise or clear an alarm are the
codes of alarm rules. Patterns are RE2: whatever a message holds, matching it costs time in
proportion to its length.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Self

import re2
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

HEADER_WITHIN: Final = 300
MATCH_WITHIN: Final = 4_096
"""Characters of a text that patterns look at."""

Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]


def compiled(pattern: str) -> Any:  # noqa: ANN401  # re2 has no types
    """A pattern ready to be searched for in octets: the binding maps every place of a text.

    Raises:
        ValueError: it is not RE2, or needs too much memory.
    """
    options = re2.Options()
    options.max_mem = 2**20
    options.log_errors = False
    try:
        return re2.compile(pattern.encode(), options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"{pattern!r} is not a pattern: {text}") from error


def _checked(pattern: str) -> str:
    compiled(pattern)
    return pattern


Pattern = Annotated[str, AfterValidator(_checked)]


class EventRule(BaseModel):
    """One meaning.

    Attributes:
        event: what happened, in our words.
        codes: the vendor's own names of the message; empty: any, or the dialect has none.
        text: must be found in the text; groups ``port`` (an interface's name) and ``object``
            (a peer, a user) say what it is about.
        raises: alarm that begins.
        clears: alarm that ends.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    event: Code
    codes: tuple[str, ...] = ()
    text: Pattern = ""
    raises: Code | None = None
    clears: Code | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.raises and self.clears:
            raise ValueError("an event either raises or clears")
        if not (self.codes or self.text):
            raise ValueError("give codes or text, or every message would match")
        return self


class Dialect(BaseModel):
    """How a vendor's messages are recognised, and what they mean.

    Attributes:
        header: found near the text's beginning; group ``code`` is the vendor's name of the message.
        marker: what stands in every such header: most messages are passed over by it.
        programs: names of programs whose messages these are, instead of a header.
        events: the first that fits counts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    header: Pattern = ""
    marker: str = ""
    programs: tuple[str, ...] = ()
    events: tuple[EventRule, ...] = ()

    @model_validator(mode="after")
    def _recognisable(self) -> Self:
        if bool(self.header) == bool(self.programs):
            raise ValueError("give either header or programs")
        if bool(self.header) != bool(self.marker):
            raise ValueError("a header needs its marker")
        return self


@dataclass(frozen=True, slots=True)
class Event:
    """What a message means.

    Attributes:
        vendor: whose dialect it is; empty when nobody's.
        event: our name, else the vendor's own code, else empty.
        about: the interface, peer or user that the message names.
        port: ``about`` is an interface.
        raises: alarm that begins.
        clears: alarm that ends.
    """

    vendor: str = ""
    event: str = ""
    about: str = ""
    port: bool = False
    raises: str = ""
    clears: str = ""


NOTHING: Final = Event()


@dataclass(frozen=True, slots=True)
class _Rule:
    rule: EventRule
    pattern: Any


class _Compiled:
    """A dialect ready for use: rules by code, and those for any code."""

    def __init__(self, vendor: str, dialect: Dialect) -> None:
        self.vendor = vendor
        self.marker = dialect.marker.encode()
        self.header = compiled(dialect.header)
        self.by_code: dict[str, list[_Rule]] = {}
        self.any: list[_Rule] = []
        for rule in dialect.events:
            ready = _Rule(rule, compiled(rule.text) if rule.text else None)
            for code in rule.codes:
                self.by_code.setdefault(code, []).append(ready)
            if not rule.codes:
                self.any.append(ready)

    def meaning(self, code: str, text: bytes) -> Event:
        for ready in (*self.by_code.get(code, ()), *self.any):
            found = ready.pattern.search(text) if ready.pattern else None
            if found is None and ready.pattern:
                continue
            groups = found.groupdict() if found else {}
            rule, port = ready.rule, groups.get(b"port")
            about = (port or groups.get(b"object") or b"").decode(errors="replace")[:80]
            return Event(
                self.vendor, rule.event, about, bool(port), rule.raises or "", rule.clears or ""
            )
        return Event(self.vendor, code[:80])


class Interpreter:
    """All dialects.

    Args:
        dialects: by the vendor's name.
    """

    def __init__(self, dialects: Iterable[tuple[str, Dialect]]) -> None:
        self._headed: list[_Compiled] = []
        self._programs: dict[str, _Compiled] = {}
        for vendor, dialect in dialects:
            ready = _Compiled(vendor, dialect)
            if dialect.header:
                self._headed.append(ready)
            self._programs.update(dict.fromkeys(dialect.programs, ready))

    def meaning(self, program: str, text: str) -> Event:
        """What a message means; never raises.

        Args:
            program: who says it.
            text: the message without its header.
        """
        octets = text[:MATCH_WITHIN].encode(errors="replace")
        known = self._programs.get(program)
        if known is not None:
            return known.meaning("", octets)
        start = octets[:HEADER_WITHIN]
        for dialect in self._headed:
            found = dialect.header.search(start) if dialect.marker in start else None
            if found is not None:
                return dialect.meaning(found.group(b"code").decode(errors="replace"), octets)
        return NOTHING
