"""Bug checks: the names and numbers of NT, and a text that shows the culprit."""

from __future__ import annotations

import pytest

from ntio.bugcheck import BugCheck, BugCheckCode


class Irp:
    def __init__(self, text: str) -> None:
        self.text = text

    def describe(self) -> str:
        return self.text


class HalfDestroyed:
    def __repr__(self) -> str:
        raise AttributeError("stack")


def test_codes_are_those_of_nt() -> None:
    assert {code.name: code.value for code in BugCheckCode} == {
        "IRQL_NOT_DISPATCH_LEVEL": 0x08,
        "IRQL_NOT_GREATER_OR_EQUAL": 0x09,
        "IRQL_NOT_LESS_OR_EQUAL": 0x0A,
        "KMODE_EXCEPTION_NOT_HANDLED": 0x1E,
        "NO_MORE_IRP_STACK_LOCATIONS": 0x35,
        "MULTIPLE_IRP_COMPLETE_REQUESTS": 0x44,
        "CANCEL_STATE_IN_COMPLETED_IRP": 0x48,
        "IRQL_GT_ZERO_AT_SYSTEM_SERVICE": 0x4A,
        "DRIVER_POWER_STATE_FAILURE": 0x9F,
        "ATTEMPTED_SWITCH_FROM_DPC": 0xB8,
        "DRIVER_VERIFIER_DETECTED_VIOLATION": 0xC4,
        "IRQL_UNEXPECTED_VALUE": 0xC8,
        "DRIVER_VERIFIER_IOMANAGER_VIOLATION": 0xC9,
        "PNP_DETECTED_FATAL_ERROR": 0xCA,
        "PAGE_FAULT_IN_FREED_SPECIAL_POOL": 0xCC,
        "DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS": 0xCE,
        "DRIVER_IRQL_NOT_LESS_OR_EQUAL": 0xD1,
        "WORKER_THREAD_RETURNED_AT_BAD_IRQL": 0xE1,
        "RESOURCE_NOT_OWNED": 0xE3,
        "DRIVER_RETURNED_STATUS_REPARSE_FOR_VOLUME_OPEN": 0xF9,
    }


def test_it_carries_code_name_and_four_parameters() -> None:
    irp = Irp("IRP")
    stop = BugCheck(BugCheckCode.MULTIPLE_IRP_COMPLETE_REQUESTS, irp)
    assert stop.code == 0x44
    assert stop.name == "MULTIPLE_IRP_COMPLETE_REQUESTS"
    assert stop.parameters == (irp, 0, 0, 0)


def test_a_number_will_do_as_the_code() -> None:
    assert BugCheck(0xC9, 0x226).code is BugCheckCode.DRIVER_VERIFIER_IOMANAGER_VIOLATION


def test_text_is_the_stop_screen() -> None:
    stop = BugCheck(0x44, Irp("IRP #7\n> location 2 log\n  location 1 disk"), 0x10, note="completed twice")
    assert str(stop).splitlines() == [
        "MULTIPLE_IRP_COMPLETE_REQUESTS (0x44): completed twice",
        "  1: IRP #7",
        "     > location 2 log",
        "       location 1 disk",
        "  2: 0x10",
    ]
    assert str(BugCheck(0xCA)) == "PNP_DETECTED_FATAL_ERROR (0xCA)"
    assert str(BugCheck(0xCA, -1, True, "name")).splitlines()[1:] == ["  1: -0x1", "  2: True", "  3: 'name'"]


def test_the_picture_is_taken_when_the_rule_is_broken() -> None:
    irp = Irp("as it was")
    stop = BugCheck(0x44, irp)
    irp.text = "reused"
    assert "as it was" in str(stop)


@pytest.mark.parametrize("culprit", [HalfDestroyed(), Irp])
def test_a_culprit_that_cannot_be_drawn_does_not_hide_the_stop(culprit: object) -> None:
    stop = BugCheck(0x35, culprit)
    assert str(stop).startswith("NO_MORE_IRP_STACK_LOCATIONS (0x35)\n  1: <")
    assert stop.parameters[0] is culprit


def test_wrong_calls_are_refused() -> None:
    with pytest.raises(ValueError, match="BugCheckCode"):
        BugCheck(0x1234)
    with pytest.raises(TypeError, match="four parameters, not 5"):
        BugCheck(0x44, 1, 2, 3, 4, 5)


def test_it_is_no_failed_request() -> None:
    assert not issubclass(BugCheck, OSError)
