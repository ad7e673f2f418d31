"""Ctrl-C and termination requests, kept until the step is done: half a step cannot be saved."""

import signal
import sys
import threading
from types import FrameType
from typing import Any


class Signals:
    """Remembers the first SIGINT or SIGTERM; a second SIGINT stops at once."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def catch(self) -> None:
        """Begin to keep signals; does nothing outside the main thread, where Python does not allow it."""
        self.asked = False
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._keep)

    def release(self) -> None:
        """Put the former handlers back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _keep(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True
        print("finishing this step to save it; press Ctrl-C again to stop at once", file=sys.stderr, flush=True)


__all__ = ["Signals"]
