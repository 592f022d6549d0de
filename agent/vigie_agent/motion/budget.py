"""How many cameras may decode everything at the same time: a cap across all cameras of an agent."""

import os
import threading


class DecodeBudget:
    """Hands out slots, never waits; what finds none keeps its packets and asks again. Safe from any thread."""

    def __init__(self, slots: int | None = None) -> None:
        """`slots` may be held at once; by default two for each processor."""
        self._free = slots if slots is not None else 2 * (os.cpu_count() or 1)
        self._guard = threading.Lock()
        self.refusals = 0
        """How often a camera found no slot."""

    def take(self) -> bool:
        """A slot, if there is one; it must be given back."""
        with self._guard:
            if self._free <= 0:
                self.refusals += 1
                return False
            self._free -= 1
            return True

    def give_back(self) -> None:
        """Free a slot that was taken."""
        with self._guard:
            self._free += 1
