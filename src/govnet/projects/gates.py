"""Gates of instalments: what must be so before money is paid, each kind registered by name.

A gate never guesses: what cannot be decided is not met, and the reason says what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from govnet.core.errors import Note, gettext_noop
from govnet.projects.choices import ACCEPTANCES, DocumentKind, MilestoneKind
from govnet.projects.models import Gate, GateOverride, Instalment
from govnet.projects.standing import ContractFacts

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a gate is met, and why or why not."""

    met: bool
    reason: Note


Check = Callable[[ContractFacts, Instalment, str], Verdict]


@dataclass(frozen=True, slots=True)
class GateKind:
    """A kind of gate.

    Attributes:
        key: kept in the database for ever.
        label: what people call it.
        check: decides.
        arguments: what may be chosen, as value and label; empty when the argument is typed.
        valid: whether a typed argument makes sense.
    """

    key: str
    label: StrPromise
    check: Check
    arguments: tuple[tuple[str, StrPromise | str], ...] = ()
    valid: Callable[[str], bool] | None = None

    def accepts(self, argument: str) -> bool:
        """Whether an argument fits."""
        if self.arguments:
            return argument in {value for value, _label in self.arguments}
        return self.valid(argument) if self.valid else not argument


GATES: dict[str, GateKind] = {}


def register(kind: GateKind) -> None:
    """Add a kind of gate; other apps call it in ``AppConfig.ready``."""
    GATES[kind.key] = kind


@dataclass(frozen=True, slots=True)
class GateStatus:
    """A gate with its verdict and the override that lets it pass all the same."""

    gate: Gate
    label: str
    verdict: Verdict
    override: GateOverride | None

    @property
    def passed(self) -> bool:
        """Met, or overridden by two people."""
        return self.verdict.met or self.override is not None


def label_of(gate: Gate) -> str:
    """A gate in words."""
    kind = GATES.get(gate.kind)
    if kind is None:
        return str(gate)
    argument = dict(kind.arguments).get(gate.argument, gate.argument)
    if not argument:
        return str(kind.label)
    return gettext("%(gate)s: %(argument)s") % {"gate": kind.label, "argument": argument}


def status(gate: Gate, instalment: Instalment, facts: ContractFacts) -> GateStatus:
    """How one gate stands; a kind that nobody registers any more is not met."""
    kind = GATES.get(gate.kind)
    if kind is None:
        verdict = Verdict(False, Note(gettext_noop("This kind of gate is not installed.")))
    else:
        verdict = kind.check(facts, instalment, gate.argument)
    return GateStatus(gate, label_of(gate), verdict, facts.overrides.get(gate.pk))


def statuses(instalment: Instalment, facts: ContractFacts) -> list[GateStatus]:
    """How the gates of an instalment stand."""
    return [status(gate, instalment, facts) for gate in instalment.gates.all()]


def blocking(found: Iterable[GateStatus]) -> list[GateStatus]:
    """The gates that stand in the way."""
    return [item for item in found if not item.passed]


# ---- Kinds ---------------------------------------------------------------------------------


def _milestone(facts: ContractFacts, instalment: Instalment, argument: str) -> Verdict:
    del instalment
    reached = facts.milestones.get(argument)
    if reached is None:
        return Verdict(False, Note(gettext_noop("The milestone is not reached.")))
    return Verdict(True, Note(gettext_noop("Reached on %(day)s."), {"day": str(reached)}))


def _acceptance(facts: ContractFacts, instalment: Instalment, argument: str) -> Verdict:
    del instalment
    if not facts.has(argument):
        return Verdict(False, Note(gettext_noop("The certificate is not uploaded.")))
    signed = facts.signed(argument)
    if signed is None:
        return Verdict(False, Note(gettext_noop("The certificate is uploaded but not signed.")))
    return Verdict(True, Note(gettext_noop("Signed on %(day)s."), {"day": str(signed)}))


def _document(facts: ContractFacts, instalment: Instalment, argument: str) -> Verdict:
    del instalment
    if facts.has(argument):
        return Verdict(True, Note(gettext_noop("The document is there.")))
    return Verdict(False, Note(gettext_noop("The document is not uploaded.")))


def _not_before(facts: ContractFacts, instalment: Instalment, argument: str) -> Verdict:
    del instalment
    day = date.fromisoformat(argument)
    if facts.today >= day:
        return Verdict(True, Note(gettext_noop("%(day)s has come."), {"day": argument}))
    left = (day - facts.today).days
    return Verdict(
        False,
        Note(gettext_noop("%(day)s is %(left)d days away."), {"day": argument, "left": left}),
    )


def is_date(text: str) -> bool:
    """Whether a text is an ISO date."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


register(GateKind("milestone", _("Milestone reached"), _milestone, tuple(MilestoneKind.choices)))
register(
    GateKind(
        "acceptance",
        _("Acceptance signed"),
        _acceptance,
        tuple((kind.value, kind.label) for kind in ACCEPTANCES),
    )
)
register(
    GateKind(
        "document",
        _("Document present"),
        _document,
        tuple((k.value, k.label) for k in DocumentKind if k not in ACCEPTANCES),
    )
)
register(GateKind("not_before", _("Not before"), _not_before, valid=is_date))
