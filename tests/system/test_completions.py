"""What a ring gives back tells which request failed, and how."""

from __future__ import annotations

import numpy as np
import pytest

import ntio
from ntio.status import (
    STATUS_BUFFER_OVERFLOW,
    STATUS_CANCELLED,
    STATUS_DISK_FULL,
    STATUS_END_OF_FILE,
    DiskFull,
    EndOfFile,
)

pytestmark = pytest.mark.row("R6")


def completions(*statuses: int) -> ntio.Completions:
    return ntio.Completions(np.array(statuses, np.uint32), np.zeros(len(statuses), np.uint64))


def test_success_and_warnings_are_told_from_errors() -> None:
    assert completions().ok and completions(0, 0).ok and len(completions(0, 0)) == 2
    assert not completions(0, STATUS_END_OF_FILE).ok


def test_the_first_failure_is_raised() -> None:
    good = completions(0, 0)
    assert good.raise_for_status() is good
    with pytest.raises(DiskFull, match="request 1 of 4 failed; 2 of 4 failed"):
        completions(0, STATUS_DISK_FULL, STATUS_CANCELLED, 0).raise_for_status()
    with pytest.raises(EndOfFile, match=r"request 2 of 3 failed$"):
        completions(0, 0, STATUS_END_OF_FILE).raise_for_status()


def test_a_warning_is_no_success_but_does_not_hide_an_error_behind_it() -> None:
    both = completions(0, STATUS_BUFFER_OVERFLOW, STATUS_DISK_FULL)
    assert not both.ok
    with pytest.raises(ntio.NtError):
        both.raise_for_status()


def test_two_results_are_never_compared_by_value() -> None:
    assert completions(0) != completions(0)
