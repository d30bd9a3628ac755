"""The three people of every access test: who sees everything, who sees a part, who sees nothing."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import Group

from govnet.accounts.models import User
from govnet.inventory.models import Region, Unit

PASSWORD = "Correct-Horse-7"


def person(
    username: str,
    *roles: str,
    whole_site: bool = False,
    superuser: bool = False,
    regions: Iterable[Region] = (),
    units: Iterable[Unit] = (),
    **fields: object,
) -> User:
    """An account with roles by name (``govnet.accounts.roles``) and a part of the network."""
    user = User(username=username, whole_site=whole_site, is_superuser=superuser, **fields)
    user.set_password(PASSWORD)
    user.save()
    user.groups.set(Group.objects.filter(name__in=roles))
    user.regions.set(regions)
    user.units.set(units)
    return user
