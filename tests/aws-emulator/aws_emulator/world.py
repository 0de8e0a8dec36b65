"""What all parts share: the lock, the time things take, and what goes on in the background."""

from __future__ import annotations

import heapq
import itertools
import json
import threading
import time
import traceback
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ACCOUNT = "123456789012"

# Steps of something that goes on in the background: each yield says how many seconds later the next step comes.
Steps = Generator[float, None, None]


class World:
    """One emulator."""

    def __init__(self, delay: float = 0.0, state_events: Path | None = None) -> None:
        # Held while anything is read or changed: moto is not made for several threads.
        self.lock = threading.RLock()
        # What one slow thing takes (a resource of a stack, a cluster), in seconds.
        self.delay = delay
        # Goes up with whatever may have changed something, so that a follower need not ask for all of it.
        self.changes = 0
        self._state_events = state_events
        self._queue: list[tuple[float, int, Steps]] = []
        self._order = itertools.count()
        self._wake = threading.Condition()
        threading.Thread(target=self._work, daemon=True).start()

    def begin(self, steps: Steps) -> None:
        """Runs these steps in the background."""
        self._put(0.0, steps)

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        """Does this once, after a time."""

        def steps() -> Steps:
            yield seconds
            work()

        self.begin(steps())

    def tell(self, what: dict[str, Any]) -> None:
        """Adds a change of state to the file of such events, if there is one."""
        if self._state_events is not None:
            with self._state_events.open("a") as file:
                file.write(json.dumps({"time": time.time(), **what}) + "\n")

    def _put(self, seconds: float, steps: Steps) -> None:
        with self._wake:
            heapq.heappush(self._queue, (time.monotonic() + seconds, next(self._order), steps))
            self._wake.notify()

    def _work(self) -> None:
        while True:
            with self._wake:
                while not self._queue or self._queue[0][0] > time.monotonic():
                    self._wake.wait(self._queue[0][0] - time.monotonic() if self._queue else None)
                _, _, steps = heapq.heappop(self._queue)
            try:
                with self.lock:
                    pause = next(steps, None)
                    self.changes += 1
            except Exception:  # A fault of this program must show in its log, and the others must go on.
                traceback.print_exc()
                continue
            if pause is not None:
                self._put(pause, steps)


def now() -> datetime:
    """The time of events and objects."""
    return datetime.now(UTC)


def partition(region: str) -> str:
    """Of ARNs."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def page(items: list[Any], size: int | None, token: str | None, most: int) -> tuple[list[Any], str | None]:
    """Some of the items and the token of the next ones. The token is the number of the first."""
    start = int(token) if token and token.isdigit() else 0
    end = start + min(size or most, most)
    return items[start:end], str(end) if end < len(items) else None
