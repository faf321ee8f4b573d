"""The kit's law for filters finds what it is for: each filter here breaks one part of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ntio import BugCheck
from ntio.driver_kit import PENDING, DeviceObject, FilterDriver, Irp, major
from ntio.drivers.invert import Invert
from ntio.io_manager.dispatch import call_driver
from ntio.testing import FilterTests
from ntio.verifier import rules

READ, WRITE = major.IRP_MJ_READ, major.IRP_MJ_WRITE


class ReturnsTooEarly(FilterDriver):
    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        irp.pass_down()
        return 0


class SaysPendingOfWhatIsDone(FilterDriver):
    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        irp.pass_down()
        return PENDING


class ForgetsThePendingMark(FilterDriver):
    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        irp.copy_location_to_next()
        irp.set_completion_routine(lambda device, irp, context: None)
        return call_driver(device.lower, irp)  # type: ignore[arg-type]


class ChangesTheWritersBytes(FilterDriver):
    def dispatch_write(self, device: DeviceObject, irp: Irp) -> int:
        np.bitwise_not(irp.array, out=irp.array)
        return irp.pass_down()


class KeepsTheBuffer(FilterDriver):
    def dispatch_write(self, device: DeviceObject, irp: Irp) -> int:
        irp.buffer = memoryview(bytes(irp.buffer or b""))
        return irp.pass_down()


class CompletesTwice(FilterDriver):
    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        irp.complete()
        return irp.complete()


class LosesRequests(FilterDriver):
    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        irp.mark_pending()
        return PENDING


class ForgetsTheBatchForm(Invert):
    def dispatch_read_batch(self, device: DeviceObject, irp: Irp) -> int:
        return irp.pass_down()


class CountsItsOwnKind(Invert):
    made = 0

    def __init__(self) -> None:
        type(self).made += 1
        self.odd = self.made % 2

    def flip(self, device: DeviceObject, irp: Irp) -> None:
        if self.odd:
            super().flip(device, irp)


def law(broken: type[FilterDriver], *, verify: bool = False) -> Any:
    return type("Broken", (FilterTests,), {"filter": broken, "verify": verify})()


@pytest.mark.parametrize(
    ("broken", "check", "complaint"),
    [
        (
            ReturnsTooEarly,
            lambda law: law.test_a_request_ends_once_and_at_its_place(READ, False, True),
            "STATUS_SUCCESS was returned before the request was complete",
        ),
        (
            SaysPendingOfWhatIsDone,
            lambda law: law.test_a_request_ends_once_and_at_its_place(READ, False, False),
            "not marked pending",
        ),
        (
            ForgetsThePendingMark,
            lambda law: law.test_a_request_ends_once_and_at_its_place(READ, False, True),
            "not marked pending",
        ),
        (
            ChangesTheWritersBytes,
            lambda law: law.test_a_request_ends_once_and_at_its_place(WRITE, False, False),
            "the bytes the caller wrote were changed",
        ),
        (
            ChangesTheWritersBytes,
            lambda law: law.test_a_request_ends_once_and_at_its_place(WRITE, True, False),
            "the bytes the caller wrote were changed",
        ),
        (
            KeepsTheBuffer,
            lambda law: law.test_a_request_ends_once_and_at_its_place(WRITE, False, True),
            "came back with another buffer",
        ),
        (LosesRequests, lambda law: law.test_a_request_ends_once_and_at_its_place(READ, False, False), "assert"),
        pytest.param(
            ForgetsTheBatchForm,
            lambda law: law.test_batches_give_the_same_results_as_single_requests(),
            "assert",
            marks=pytest.mark.slow,
        ),
        (CountsItsOwnKind, lambda law: law.test_it_works_at_any_depth(1, 1), "assert"),
        (CountsItsOwnKind, lambda law: law.test_it_works_with_another_copy_above(), "assert"),
    ],
)
def test_a_broken_filter_is_found(broken: type[FilterDriver], check: Callable[[Any], None], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check(law(broken))


@pytest.mark.parametrize(
    ("broken", "function", "held", "rule"),
    [
        (ReturnsTooEarly, READ, True, rules.WRONG_STATUS),
        (SaysPendingOfWhatIsDone, READ, False, rules.PENDING_NOT_MARKED),
        (ForgetsThePendingMark, READ, True, rules.NOT_PROPAGATED),
        (ChangesTheWritersBytes, WRITE, False, rules.CALLERS_BYTES_CHANGED),
        (LosesRequests, READ, False, rules.UNLOADED_WITH_REQUESTS),
    ],
)
def test_the_verifier_finds_it_first(broken: type[FilterDriver], function: int, held: bool, rule: rules.Rule) -> None:
    with pytest.raises(BugCheck) as caught:
        law(broken, verify=True).test_a_request_ends_once_and_at_its_place(function, False, held)
    assert rule.text in caught.value.note


def test_a_filter_that_completes_twice_is_stopped_by_name() -> None:
    with pytest.raises(BugCheck, match="MULTIPLE_IRP_COMPLETE_REQUESTS"):
        law(CompletesTwice).test_a_request_ends_once_and_at_its_place(READ, False, False)


def test_the_kit_gives_its_classes_by_name() -> None:
    import ntio.testing

    for name in ntio.testing.__all__:
        assert getattr(ntio.testing, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'NoTests'"):
        ntio.testing.NoTests  # noqa: B018
