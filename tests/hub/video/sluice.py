"""A link in a test's hand: of clips, so many bytes leave as it was opened for, in small messages."""

from collections import deque
from collections.abc import Callable

from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.uplink.link_settings import LinkSettings
from vigie_agent.uplink.turns import Wish
from vigie_shared.link import Priority

CHUNK_BYTES = 8192


class Sluice(LinkBudget):
    """Shut at first. What is no part of a clip passes at once."""

    def __init__(self) -> None:
        super().__init__(LinkSettings(), limited=False)
        self.passed_bytes = 0
        self._open_to = 0
        self._held: deque[Wish] = deque()

    def open(self, size: int = 1 << 40) -> None:
        """Let so many bytes more pass, about."""
        self._open_to = self.passed_bytes + size
        self._flow()

    def shut(self) -> None:
        """Let none pass."""
        self._open_to = 0

    def ask(self, priority: Priority, size: int, on_granted: Callable[[], None], *, tracked: bool = False) -> Wish:
        if not tracked:
            return super().ask(priority, size, on_granted, tracked=tracked)
        wish = Wish(priority, size, tracked=tracked)
        self._wakers[wish] = on_granted
        self._held.append(wish)
        self._flow()
        return wish

    def withdraw(self, wish: Wish) -> None:
        if wish in self._held:
            self._held.remove(wish)
            self._wakers.pop(wish)
        else:
            super().withdraw(wish)

    def chunk_bytes(self, most: int) -> int:
        return min(most, CHUNK_BYTES)

    def _flow(self) -> None:
        while self._held and self.passed_bytes < self._open_to:
            wish = self._held.popleft()
            self.passed_bytes += wish.size
            self._turns.ask(wish)
            self._pump()
