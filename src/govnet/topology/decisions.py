"""What people decide about a difference: bring the ledger in line, or leave it with a reason."""

from __future__ import annotations

from django.db import transaction

from govnet.accounts.models import User
from govnet.inventory.models import Carrier, Circuit, Port
from govnet.inventory.services import correct_end, port_of, register_circuit
from govnet.topology.differences import Difference, Socket
from govnet.topology.models import Dismissal


def may_accept(user: User, difference: Difference) -> bool:
    """Whether the person may write what accepting writes."""
    if not difference.acceptable:
        return False
    wanted = "inventory.change_circuit" if difference.end else "inventory.add_circuit"
    sockets = _sockets(difference)
    new_port = any(socket.port is None for socket in sockets)
    return user.has_perm(wanted) and (not new_port or user.has_perm("inventory.add_port"))


def _sockets(difference: Difference) -> tuple[Socket, ...]:
    if difference.line is not None:
        return difference.line.near, difference.line.far
    return (difference.target,) if difference.target else ()


def _port(socket: Socket) -> Port:
    assert socket.device is not None  # only what the ledger knows can be accepted
    return socket.port or port_of(socket.device, socket.name, socket.if_index)


@transaction.atomic
def correct(difference: Difference) -> Circuit:
    """Put the circuit's end where it was seen.

    Raises:
        ValidationError: the ledger's rules forbid it.
    """
    assert difference.circuit is not None
    assert difference.end is not None
    assert difference.target is not None
    # Read anew: what the comparison annotated is not the ledger's.
    circuit = Circuit.objects.get(pk=difference.circuit.pk)
    correct_end(circuit, difference.end, _port(difference.target))
    return circuit


@transaction.atomic
def enter(difference: Difference, number: str, kind: str, carrier: Carrier) -> Circuit:
    """Enter an unregistered line as a circuit.

    Raises:
        ValidationError: the number is taken.
    """
    assert difference.line is not None
    near, far = _port(difference.line.near), _port(difference.line.far)
    return register_circuit(number, kind, carrier, near, far)


def dismiss(user: User, difference: Difference, reason: str) -> Dismissal:
    """Leave it as it is; it comes back when the ledger or what is seen changes."""
    row, _made = Dismissal.objects.update_or_create(
        key=difference.key, defaults={"reason": reason, "user": user}
    )
    return row


def restore(difference: Difference) -> None:
    """Take a dismissal back."""
    if difference.dismissal is not None:
        difference.dismissal.delete()
