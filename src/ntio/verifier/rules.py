"""The rules a driver must keep, each with the code Windows stops with when it is broken.

    DRIVER_VERIFIER_IOMANAGER_VIOLATION (0xC9)    parameter 1 is the rule's number, here as on Windows
    DRIVER_VERIFIER_DETECTED_VIOLATION  (0xC4)    the same
    others                                        a code of their own

`severity` is Windows': fatal and non-fatal breaches stop the System, a warning is only kept in `Verifier.violations`.
`name` is that of the static rule (WDM rule set) that finds the same mistake in C, where there is one. Numbers from
0x4E54_0000 on are ours: rules of this library that Windows leaves to convention.

Source: spec iomgr.md 1.9, 1.10; WDK "Bug Check 0xC9", "Bug Check 0xC4", "Rules for WDM Drivers". Rows: R19, R22
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ..bugcheck import BugCheckCode

_IO = BugCheckCode.DRIVER_VERIFIER_IOMANAGER_VIOLATION
_DETECTED = BugCheckCode.DRIVER_VERIFIER_DETECTED_VIOLATION


#: What is no status, though some return it.
MINUS_ONE = 0xFFFF_FFFF


class Severity(enum.Enum):
    """How bad a breach is."""

    FATAL = "F"
    NON_FATAL = "N"
    WARNING = "W"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: the bug check that says it was broken, and the rule in words."""

    code: BugCheckCode
    number: int
    name: str
    text: str
    severity: Severity = Severity.FATAL


def _level_two(number: int, name: str, text: str, severity: Severity = Severity.FATAL) -> Rule:
    return Rule(_IO, number, name, text, severity)


_N, _W = Severity.NON_FATAL, Severity.WARNING

# --- on the way down --------------------------------------------------------------------------------------------------

IRQL_CHANGED = _level_two(0x05, "IrqlReturn", "the dispatch routine returned at another IRQL than it was called at")
CALLED_TOO_HIGH = _level_two(0x10, "IrqlDispatch", "a request was sent to a driver above DISPATCH_LEVEL")
BAD_IRQL_FOR_MAJOR = _level_two(0x23A, "ForwardedAtBadIrql", "this kind of request may not be sent at DISPATCH_LEVEL")
FORWARDED_WITH_CANCEL_ROUTINE = _level_two(
    0x203, "IrpCancelField", "a request was passed down with the cancel routine of the driver above still set"
)
CONTROL_NOT_ZEROED = _level_two(
    0x206, "CopyIrpStackLocation", "the next location was filled in by hand and its control field was not zeroed"
)
COPIED_COMPLETION_ROUTINE = _level_two(
    0x207, "CopyIrpStackLocation", "the next location was copied whole, with the completion routine of the driver above"
)
OUT_OF_LOCATIONS = Rule(
    BugCheckCode.NO_MORE_IRP_STACK_LOCATIONS, 0, "LowerDevice", "passed down where there is no device below"
)
SKIPPED_DEVICE = _level_two(0x211, "LowerDevice", "a request was passed over a device of the same stack", _N)
ROUTINE_AND_SKIP = _level_two(
    0x4E54_0001, "SkipWithCompletion", "a completion routine was set and then the location was skipped: it cannot run"
)

# --- what a dispatch routine returns ----------------------------------------------------------------------------------

WRONG_STATUS = _level_two(
    0x224, "LowerDriverReturn", "the dispatch routine returned another status than the request was completed with"
)
RETURNED_MINUS_ONE = _level_two(0x225, "DispatchReturn", "the dispatch routine returned -1, which is no status", _N)
LOST = _level_two(
    0x226,
    "IrpProcessingComplete",
    "the dispatch routine neither completed the request, nor passed it down, nor returned STATUS_PENDING",
)
PENDING_NOT_MARKED = _level_two(
    0x23D, "MarkIrpPending", "STATUS_PENDING was returned for a request that was not marked pending", _N
)
MARKED_NOT_PENDING = _level_two(
    0x23E, "MarkIrpPending2", "the request was marked pending, but STATUS_PENDING was not returned", _N
)
MARKED_WITHOUT_LOCATION = _level_two(
    0x4E54_0003, "MarkIrpPending", "a packet was marked pending by who has no location in it: its maker must not"
)
NO_EXCEPTIONS = Rule(
    BugCheckCode.KMODE_EXCEPTION_NOT_HANDLED, 0, "Exceptions", "a routine of the driver let an exception out"
)

# --- completing -------------------------------------------------------------------------------------------------------

TWICE = Rule(
    BugCheckCode.MULTIPLE_IRP_COMPLETE_REQUESTS, 0, "DoubleCompletion", "the request had been completed already"
)
GOES_ON = Rule(
    BugCheckCode.MULTIPLE_IRP_COMPLETE_REQUESTS,
    0,
    "CompletionRoutine",
    "the completion routine completed the request and did not say so: it has to return STATUS_MORE_PROCESSING_REQUIRED",
)
BAD_STATUS = _level_two(0x06, "CompleteRequestStatusCheck", "the request was completed with STATUS_PENDING or -1")
CANCEL_ROUTINE_LEFT = _level_two(
    0x07, "CancelRoutine", "the request was completed while its cancel routine was still set"
)
COMPLETED_TOO_HIGH = _level_two(0x0E, "CompleteRequest", "the request was completed above DISPATCH_LEVEL")
NOT_THE_OWNER = _level_two(
    0x209, "IrpOwner", "a request was completed by a driver that had passed it down and not got it back"
)
TOO_MUCH_INFORMATION = _level_two(
    0x312, "Information", "more bytes are said to have been moved than the request has room for", _N
)
INFORMATION_OF_FAILURE = _level_two(
    0x4E54_0002, "Information", "a read or write that failed says it moved bytes; drivers above would take it for data"
)
CALLERS_BYTES_CHANGED = Rule(
    _DETECTED, 0x1010, "WriteBuffer", "the bytes the caller wrote were changed on the way: send a substitute down"
)
ROUTINE_CHANGED_IRQL = Rule(_DETECTED, 0xFA, "IrqlReturn", "the completion routine returned at another IRQL")
NOT_PROPAGATED = _level_two(
    0x228, "PendedCompletedRequest", "the completion routine did not carry the pending mark upward", _N
)
COMPLETED_AFTER_FREE = Rule(
    BugCheckCode.PAGE_FAULT_IN_FREED_SPECIAL_POOL,
    0,
    "IrpProcessingComplete",
    "a packet was touched after it had been given back",
)
FREED_IN_USE = _level_two(0x20A, "IoFreeIrp", "a packet was freed while a driver had it")

# --- devices and drivers ----------------------------------------------------------------------------------------------

FORGOT_DETACH = _level_two(0x201, "DeleteDevice", "a device was deleted that is still attached to one below it")
DETACHED_FROM_NOTHING = _level_two(0x202, "DetachDevice", "a device was detached that is attached to nothing")
DELETED_TWICE = _level_two(0x240, "DeleteDevice", "a device was deleted twice")
BUFFERING_NOT_COPIED = _level_two(
    0x244, "CheckDeviceObjectFlags", "the filter's device does not do buffered or direct I/O as the one below it does"
)
BOTH_BUFFERINGS = _level_two(
    0x245, "CheckDeviceObjectFlags", "the device claims to do both buffered and direct I/O"
)
TYPE_NOT_COPIED = _level_two(
    0x246, "CheckDeviceObjectFlags", "the filter's device is of another type than the one below it", _W
)
UNLOADED_WITH_REQUESTS = Rule(
    BugCheckCode.DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS,
    0,
    "IrpProcessingComplete",
    "the driver was unloaded while it kept a request",
)
CANCELLED_NOT_COMPLETED = Rule(
    _DETECTED, 0x135, "IrpCancel", "a request was cancelled, and its driver never completed it"
)

RULES: tuple[Rule, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Rule))
