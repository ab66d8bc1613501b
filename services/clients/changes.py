"""How the coroutines of a client wait for each other, and where trouble waits for the caller."""

import asyncio
from collections.abc import Callable


class Changes:
    """Lets coroutines of one loop wait for what others change; keeps the first trouble until somebody asks."""

    def __init__(self) -> None:
        self._told = asyncio.Event()
        self._trouble: Exception | None = None

    def tell(self) -> None:
        """Make everybody who waits look again."""
        self._told.set()
        self._told = asyncio.Event()

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so."""
        while not is_so():
            await self._told.wait()

    async def until_or_trouble(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so; raise trouble that is there, or comes meanwhile."""
        await self.until(lambda: self._trouble is not None or is_so())
        self.raise_trouble()

    def report(self, trouble: Exception) -> None:
        """Keep trouble for the caller; what came first is told first, and what comes while it waits is not."""
        self._trouble = self._trouble or trouble
        self.tell()

    def raise_trouble(self) -> None:
        """Raise the trouble that waits, once."""
        trouble, self._trouble = self._trouble, None
        if trouble is not None:
            raise trouble
