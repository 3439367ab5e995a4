"""Modules are imported without a look for garbage among them."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

__all__ = ["quick_imports"]


@contextlib.contextmanager
def quick_imports() -> Iterator[None]:
    """Let the garbage collector rest, and then take all that is there for old.

    There is no garbage in modules. Python would look at them 200 times while it imports what a lake needs, and at all
    of them again soon after that. A collector that somebody has switched off stays so, and so do frozen objects.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():
            gc.freeze()
            gc.unfreeze()  # into the oldest generation
        gc.enable()
