"""Gives orders to the twin for a person, and keeps them."""

from __future__ import annotations

from typing import Any

from govnet.accounts.models import User
from govnet.lab import director
from govnet.lab.control import ControlError
from govnet.lab.models import Order
from govnet.lab.twin import Twin

LENGTH = 300


def give(twin: Twin, person: User, what: Order.What, subject: str, **request: Any) -> Order:  # noqa: ANN401  # JSON
    """Give an order and wait until it is carried out; a scenario only begins.

    Returns:
        the order as it is kept; its ``refusal`` says whether it was refused.
    """
    refusal = ""
    try:
        director.order(twin, {"do": what.value, **request})
    except ControlError as error:
        refusal = str(error)
    return Order.objects.create(
        person=person, what=what, subject=subject[:LENGTH], refusal=refusal[:LENGTH]
    )
