"""Imports without the collector, which would look through what all stays: a third of a start."""

import gc
from collections.abc import Generator
from contextlib import contextmanager

# A run keeps what it plans and a search what it finds, and hardly any of it in circles. With
# Python's own 700 a run of 50,000 cases spends a quarter of its time on looking for some.
_ALLOCATIONS = 50_000


@contextmanager
def uncollected() -> Generator[None, None, None]:
    """Make objects that stay for good; afterwards the collector passes them over."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()
        gc.set_threshold(_ALLOCATIONS, *gc.get_threshold()[1:])
