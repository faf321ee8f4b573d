"""Limits of a process on its descriptors, changed for a while."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def none_left(spare: int = 0) -> Iterator[None]:
    """No descriptor of this process is free, but for `spare` of them."""
    free = [os.dup(0) for _ in range(spare + 1)]
    for one in free:
        os.close(one)
    with limit_of(free[-1]):
        yield


@contextmanager
def limit_of(count: int | None) -> Iterator[int]:
    """So many descriptors at most (None: as many as may be); gives the limit."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = before[1] if count is None else count
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, before[1]))
    try:
        yield limit
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
