"""What a cable is and in what condition its two directions are; plain data that becomes JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Ways = Literal["both", "forward", "backward"]
FASTEST_MBPS = 100_000
LONGEST_DELAY_MS = 5_000.0


@dataclass(frozen=True, slots=True)
class End:
    """One end of a cable: an interface in a network namespace of ``ip netns``."""

    namespace: str
    interface: str

    def __str__(self) -> str:
        return f"{self.namespace}:{self.interface}"


@dataclass(frozen=True, slots=True)
class Condition:
    """What one direction does to its frames besides the rate.

    ``delay_ms`` and ``jitter_ms`` are milliseconds: a frame takes between delay - jitter and
    delay + jitter, uniformly, and never overtakes another. ``loss`` is the share of frames lost
    (0 to 1); ``burst`` the mean number of frames lost in a row (Gilbert's model); 0 loses them
    independently of each other.
    """

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    burst: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.delay_ms <= LONGEST_DELAY_MS:
            raise ValueError(f"A delay is 0 to {LONGEST_DELAY_MS:.0f} ms, not {self.delay_ms}.")
        if not 0 <= self.jitter_ms <= self.delay_ms:
            raise ValueError(f"Jitter is 0 to the delay, not {self.jitter_ms} ms.")
        if not 0 <= self.loss <= 1:
            raise ValueError(f"Loss is a share of 0 to 1, not {self.loss}.")
        if self.burst != 0 and not 1 <= self.burst <= 1000:
            raise ValueError(f"Frames lost in a row are 1 to 1000, or 0: not {self.burst}.")


@dataclass(frozen=True, slots=True)
class Cable:
    """A cable of ``mbps`` Mbit/s between ends ``a`` and ``z``; forward is from a to z."""

    name: str
    a: End
    z: End
    mbps: int = 1000
    forward: Condition = field(default_factory=Condition)
    backward: Condition = field(default_factory=Condition)
    cut: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.mbps <= FASTEST_MBPS:
            raise ValueError(f"A rate is 1 to {FASTEST_MBPS} Mbit/s, not {self.mbps}.")

    def as_dict(self) -> dict[str, Any]:
        """The cable as JSON holds it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Cable:
        """The inverse of ``as_dict``; ``ValueError`` or ``TypeError`` for anything else."""
        parts = {
            "a": End(**value["a"]),
            "z": End(**value["z"]),
            "forward": Condition(**value.get("forward", {})),
            "backward": Condition(**value.get("backward", {})),
        }
        return cls(**(value | parts))
