"""The language of rules: a small grammar, parsed and never evaluated as code.

    cpu > 90% for 10m, clear when cpu < 80% for 5m
    use > 80% and use < 95% for 30m
    latency > 3 * baseline(latency) + 20ms for 15m
    missing(cpu) for 30m
    rate(memory) > 1/s

Names are those of ``govnet.alarms.metrics``. ``baseline(x)`` is the mean of x in the same hour
of last week, ``rate(x)`` its change per second, ``missing(x)`` is true where nothing was
measured. A comparison with something that was not measured is neither true nor false: it
neither raises nor clears. ``and``, ``or``, ``not`` follow Kleene's three-valued logic.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from django.utils.translation import gettext as _
from lark import Lark, Token, Transformer
from lark.exceptions import (
    UnexpectedCharacters,
    UnexpectedInput,
    UnexpectedToken,
    VisitError,
)

from govnet.alarms.metrics import METRICS, Metric

Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Times: TypeAlias = npt.NDArray[np.int64]

GRAMMAR: Final = r"""
    start: expression [held] [","? "clear" "when" expression [held]]
    held: "for" DURATION
    ?expression: conjunction ("or" conjunction)*  -> any
    ?conjunction: negation ("and" negation)*      -> all
    ?negation: "not" negation                     -> negate
             | "missing" "(" NAME ")"             -> missing
             | sum OPERATOR sum                   -> compare
             | "(" expression ")"
    ?sum: product (SIGN product)*                 -> chain
    ?product: atom (FACTOR atom)*                 -> chain
    ?atom: NUMBER UNIT?                           -> number
         | NAME                                   -> metric
         | "baseline" "(" NAME ")"                -> baseline
         | "rate" "(" NAME ")"                    -> rate
         | "(" sum ")"
    OPERATOR: "<=" | ">=" | "==" | "!=" | "<" | ">"
    SIGN: "+" | "-"
    FACTOR: "*" | "/"
    DURATION: /\d{1,4}(s|m|h|d)\b/
    NUMBER: /\d{1,15}(\.\d{1,6})?/
    UNIT: /%|ms\b|s\b|C\b|d\b|Mbps\b|\/s\b/
    NAME: /[a-z][a-z_0-9]*/
    %ignore /\s+/
"""
SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
MAX_HELD_S: Final = 86_400
MAX_LENGTH: Final = 1000
MAX_PARENTHESES: Final = 20

_COMPARE: Final[Mapping[str, Callable[[Floats, Floats], Bools]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_ARITHMETIC: Final[Mapping[str, Callable[[Floats, Floats], Floats]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


class ConditionError(ValueError):
    """A condition cannot be read; the message says where and what was expected."""


@dataclass(frozen=True, slots=True)
class Values:
    """What was measured of several objects, aligned on one time grid.

    Attributes:
        times: start of each bucket, seconds since the epoch, regular.
        step_s: width of a bucket.
        now: by name of the metric: objects in rows, buckets in columns; NaN for nothing.
        week_ago: the baselines, likewise.
    """

    times: Times
    step_s: int
    now: Mapping[str, Floats]
    week_ago: Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class Truth:
    """Where something is known to be true and where known to be false."""

    yes: Bools
    no: Bools


Amount: TypeAlias = Callable[[Values], Floats]
Claim: TypeAlias = Callable[[Values], Truth]


@dataclass(frozen=True, slots=True)
class Condition:
    """A rule's condition, ready to be applied.

    Attributes:
        fires: what must hold.
        for_s: for how long.
        clears: what ends it; None means that ``fires`` is false.
        clear_for_s: for how long that must hold.
        metrics: everything that it reads.
        baselines: those of which it also needs last week.
    """

    fires: Claim
    for_s: int
    clears: Claim | None
    clear_for_s: int
    metrics: tuple[Metric, ...]
    baselines: frozenset[str]

    @property
    def memory_s(self) -> int:
        """Seconds of the past that decide about the present."""
        return max(self.for_s, self.clear_for_s)


def firing(condition: Condition, values: Values) -> Bools:
    """In which buckets the rule is raised, for each object; at first it is not."""
    rising, falling = _edges(condition, values)
    raised = np.zeros_like(rising)
    state = np.zeros(len(rising), np.bool_)
    for bucket in range(rising.shape[1]):
        state = np.where(state, ~falling[:, bucket], rising[:, bucket])
        raised[:, bucket] = state
    return raised


def firing_now(condition: Condition, values: Values, before: Bools) -> Bools:
    """For which objects the rule is raised in the last bucket.

    Args:
        condition: the rule's.
        values: what was measured in at least the last ``memory_s`` seconds.
        before: for which it was raised until now.
    """
    rising, falling = _edges(condition, values)
    return np.where(before, ~falling[:, -1], rising[:, -1])


def _edges(condition: Condition, values: Values) -> tuple[Bools, Bools]:
    """Where it would rise if it was not raised, and fall if it was."""
    fires = condition.fires(values)
    clears = condition.clears(values) if condition.clears else Truth(fires.no, fires.yes)
    return (
        _held(fires, condition.for_s, values.step_s),
        _held(clears, condition.clear_for_s, values.step_s),
    )


def _held(truth: Truth, held_s: int, step_s: int) -> Bools:
    """Where something is true and has been for ``held_s`` without being known to be false."""
    found = np.zeros_like(truth.yes)
    since = np.full(len(truth.yes), -1)
    for bucket in range(truth.yes.shape[1]):
        yes, no = truth.yes[:, bucket], truth.no[:, bucket]
        since = np.where(no, -1, np.where(yes & (since < 0), bucket, since))
        found[:, bucket] = yes & ((bucket - since + 1) * step_s >= held_s)
    return found


# Reading


@lru_cache(maxsize=256)
def parse(text: str) -> Condition:
    """Read a condition.

    Raises:
        ConditionError: it cannot be read; the message is for the person who wrote it.
    """
    if len(text) > MAX_LENGTH or text.count("(") > MAX_PARENTHESES:
        raise ConditionError(_("The condition is too long."))
    builder = _Builder()
    try:
        condition: Condition = builder.transform(_parser().parse(text))
    except UnexpectedInput as error:
        raise ConditionError(_where(text, error)) from error
    except VisitError as error:
        if isinstance(error.orig_exc, ConditionError):
            raise error.orig_exc from error
        raise
    return condition


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", maybe_placeholders=True)


def _where(text: str, error: UnexpectedInput) -> str:
    """A syntax error as a sentence with its position."""
    at: Any = error.pos_in_stream  # lark's class attribute is typed None
    ended = isinstance(error, UnexpectedToken) and error.token.type == "$END"
    if ended or at is None or not 0 <= at < len(text):
        return _("The condition ends too early: write something like “cpu > 90% for 10m”.")
    found = text[at : at + 12].split(maxsplit=1)
    return _("At character %(column)d, “%(found)s” does not fit: %(expected)s.") % {
        "column": at + 1,
        "found": found[0] if found else " ",
        "expected": _expected(error),
    }


def _expected(error: UnexpectedInput) -> str:
    names: set[str] = set()
    if isinstance(error, UnexpectedToken):
        names = set(error.accepts or error.expected)
    elif isinstance(error, UnexpectedCharacters):
        names = set(error.allowed or ())
    if "WHEN" in names:
        return _("“when” belongs here")
    if "FOR" in names or "$END" in names:
        return _("expected “and”, “or”, “for” or “clear when”")
    if "DURATION" in names:
        return _("a duration such as 30s, 10m or 2h belongs here")
    if "OPERATOR" in names:
        return _("a comparison such as > or <= belongs here")
    if "NAME" in names:
        return _("the name of a value or a number belongs here")
    return _("it cannot stand here")


class _Builder(Transformer[Token, Condition]):
    """Turns the parse tree into functions over arrays."""

    def __init__(self) -> None:
        super().__init__()
        self._metrics: dict[str, Metric] = {}
        self._baselines: set[str] = set()
        self._units: list[tuple[Token, str]] = []

    def _known(self, name: Token) -> str:
        metric = METRICS.get(str(name))
        if metric is None:
            raise ConditionError(
                _("At character %(column)d: nothing measured is called “%(name)s”. Known: %(all)s.")
                % {"column": (name.start_pos or 0) + 1, "name": name, "all": ", ".join(METRICS)}
            )
        self._metrics[metric.name] = metric
        return metric.name

    def start(self, parts: list[object]) -> Condition:
        """The whole condition."""
        fires, held, clears, clear_held = parts
        metrics = tuple(self._metrics.values())
        self._check(metrics)
        return Condition(
            fires,  # type: ignore[arg-type]  # the grammar says so
            int(held or 0),  # type: ignore[call-overload]
            clears,  # type: ignore[arg-type]
            int(clear_held or 0),  # type: ignore[call-overload]
            metrics,
            frozenset(self._baselines),
        )

    def _check(self, metrics: tuple[Metric, ...]) -> None:
        if not metrics:
            raise ConditionError(_("The condition names nothing that is measured."))
        if len({metric.subject for metric in metrics}) > 1:
            said = ", ".join(f"{m.name} ({m.subject.label})" for m in metrics)
            raise ConditionError(
                _("One rule is about one kind of object; this one mixes %s.") % said
            )
        units = {metric.unit for metric in metrics}
        for token, unit in self._units:
            if unit not in units and unit != "/s":
                raise ConditionError(
                    _("At character %(column)d, the unit “%(unit)s” does not fit: %(metrics)s.")
                    % {
                        "column": (token.start_pos or 0) + 1,
                        "unit": unit,
                        "metrics": ", ".join(f"{m.name} [{m.unit}]" for m in metrics),
                    }
                )

    def held(self, parts: list[Token]) -> int:
        """``for 10m`` in seconds."""
        text = str(parts[0])
        seconds = int(text[:-1]) * SECONDS[text[-1]]
        if seconds > MAX_HELD_S:
            raise ConditionError(_("“for” reaches back one day at most."))
        return seconds

    def any(self, parts: list[Claim]) -> Claim:
        """``or``."""
        return lambda v: _fold(parts, v, np.logical_or, np.logical_and)

    def all(self, parts: list[Claim]) -> Claim:
        """``and``."""
        return lambda v: _fold(parts, v, np.logical_and, np.logical_or)

    def negate(self, parts: list[Claim]) -> Claim:
        """``not``."""

        def claim(values: Values) -> Truth:
            truth = parts[0](values)
            return Truth(truth.no, truth.yes)

        return claim

    def missing(self, parts: list[Token]) -> Claim:
        """Nothing was measured."""
        name = self._known(parts[0])

        def claim(values: Values) -> Truth:
            nothing = np.isnan(values.now[name])
            return Truth(nothing, ~nothing)

        return claim

    def compare(self, parts: tuple[Amount, Token, Amount]) -> Claim:
        """A comparison; unknown where a side is."""
        left, sign, right = parts
        compared = _COMPARE[str(sign)]

        def claim(values: Values) -> Truth:
            with np.errstate(invalid="ignore"):
                a, b = np.broadcast_arrays(left(values), right(values))
                known = ~(np.isnan(a) | np.isnan(b))
                holds = compared(a, b)
            return Truth(holds & known, ~holds & known)

        return claim

    def chain(self, parts: list[Amount | Token]) -> Amount:
        """Sums and products, from left to right."""
        first, rest = parts[0], parts[1:]
        steps = [
            (_ARITHMETIC[str(sign)], amount)
            for sign, amount in zip(rest[::2], rest[1::2], strict=True)
        ]

        def amount(values: Values) -> Floats:
            result = first(values)  # type: ignore[operator]  # amounts stand at even places
            with np.errstate(divide="ignore", invalid="ignore"):
                for apply, other in steps:
                    result = apply(result, other(values))  # type: ignore[operator]
            return np.where(np.isfinite(result), result, np.nan)

        return amount

    def number(self, parts: list[Token]) -> Amount:
        """A number with the unit of what it is compared with, or none."""
        if len(parts) > 1 and parts[1] is not None:
            self._units.append((parts[1], str(parts[1])))
        constant = np.full((1, 1), float(parts[0]))
        return lambda _values: constant

    def metric(self, parts: list[Token]) -> Amount:
        """What was measured."""
        name = self._known(parts[0])
        return lambda values: values.now[name]

    def baseline(self, parts: list[Token]) -> Amount:
        """The same hour of last week."""
        name = self._known(parts[0])
        self._baselines.add(name)
        return lambda values: values.week_ago[name]

    def rate(self, parts: list[Token]) -> Amount:
        """Change per second since the bucket before."""
        name = self._known(parts[0])

        def amount(values: Values) -> Floats:
            measured = values.now[name]
            before = np.full((len(measured), 1), np.nan)
            return np.diff(measured, axis=1, prepend=before) / values.step_s

        return amount


_Fold: TypeAlias = Callable[[Bools, Bools], Bools]


def _fold(claims: list[Claim], values: Values, yes: _Fold, no: _Fold) -> Truth:
    result = claims[0](values)
    for claim in claims[1:]:
        other = claim(values)
        result = Truth(yes(result.yes, other.yes), no(result.no, other.no))
    return result
