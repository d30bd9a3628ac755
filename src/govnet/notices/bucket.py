"""How often a channel may send: robots refuse more than 20 messages a minute."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class TokenBucket:
    """Tokens that fill up at a steady rate; a message takes one.

    Attributes:
        per_minute: how many a minute; also how many it holds at most.
    """

    per_minute: int
    _tokens: float = field(default=0.0, init=False)
    _at: float | None = field(default=None, init=False)

    def take(self, now_s: float) -> bool:
        """Take a token if there is one.

        Args:
            now_s: the present moment of a clock that never goes back.
        """
        if self._at is None:
            self._tokens = float(self.per_minute)
        else:
            filled = self._tokens + (now_s - self._at) * self.per_minute / 60
            self._tokens = min(filled, float(self.per_minute))
        self._at = now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
