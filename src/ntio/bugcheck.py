"""Bug checks: how the system stops when a driver breaks a rule.

    NtError   a request failed          an answer, handled by whoever asked
    BugCheck  a driver broke a rule     no answer is possible; the driver's author must read it

NT stops the machine with a blue screen: a code, its name, and four parameters whose meaning the code decides. Here the
System stops: the first bug check is latched in it, every waiter wakes, and every later call on that System raises the
same one, so that a driver's broad `except` cannot hide it. The screen's content is the exception's text:

    MULTIPLE_IRP_COMPLETE_REQUESTS (0x44)
      1: IRP #7 …            drawn by the parameter itself, when it can describe() itself
      2: 0x0

A parameter may be a number, as on Windows, or the culprit itself (an IRP, a device): it is then drawn, and stays
reachable as `.parameters[0]` in a debugger. It is drawn when the rule is broken, not when the text is read, because an
IRP is reused afterwards. A bug check holds live objects of one System and is therefore not meant to be pickled.

Codes and names are Microsoft's public bug-check reference and `bugcodes.h`; which rule gives which code is in the I/O
manager specification 1.10.
"""

from __future__ import annotations

from enum import IntEnum


class BugCheckCode(IntEnum):
    """The stop codes this system can raise, by NT's names (I/O manager specification 1.10)."""

    IRQL_NOT_DISPATCH_LEVEL = 0x08
    IRQL_NOT_GREATER_OR_EQUAL = 0x09
    IRQL_NOT_LESS_OR_EQUAL = 0x0A
    KMODE_EXCEPTION_NOT_HANDLED = 0x1E
    NO_MORE_IRP_STACK_LOCATIONS = 0x35
    MULTIPLE_IRP_COMPLETE_REQUESTS = 0x44
    CANCEL_STATE_IN_COMPLETED_IRP = 0x48
    IRQL_GT_ZERO_AT_SYSTEM_SERVICE = 0x4A
    DRIVER_POWER_STATE_FAILURE = 0x9F
    ATTEMPTED_SWITCH_FROM_DPC = 0xB8
    DRIVER_VERIFIER_DETECTED_VIOLATION = 0xC4
    IRQL_UNEXPECTED_VALUE = 0xC8
    DRIVER_VERIFIER_IOMANAGER_VIOLATION = 0xC9
    PNP_DETECTED_FATAL_ERROR = 0xCA
    PAGE_FAULT_IN_FREED_SPECIAL_POOL = 0xCC
    DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS = 0xCE
    DRIVER_IRQL_NOT_LESS_OR_EQUAL = 0xD1
    WORKER_THREAD_RETURNED_AT_BAD_IRQL = 0xE1
    RESOURCE_NOT_OWNED = 0xE3
    DRIVER_RETURNED_STATUS_REPARSE_FOR_VOLUME_OPEN = 0xF9


class BugCheck(Exception):
    """A driver broke a rule of the system: its author is at fault, and no caller can repair it.

    `code` is a `BugCheckCode` or its number (ValueError for an unknown one); up to four `parameters` follow, numbers or
    the objects concerned, filled up with zeros (TypeError for more). `note` says in one sentence which rule it was.
    `.name`, `.code`, `.parameters` (always four) and `.note` stay readable.
    NT: KeBugCheckEx
    """

    def __init__(self, code: BugCheckCode | int, *parameters: object, note: str = "") -> None:
        if len(parameters) > 4:
            raise TypeError(f"a bug check has four parameters, not {len(parameters)}")
        first, second, third, fourth = parameters + (0,) * (4 - len(parameters))
        self.code = BugCheckCode(code)
        self.parameters: tuple[object, object, object, object] = (first, second, third, fourth)
        self.note = note
        super().__init__(self._draw(len(parameters)))

    @property
    def name(self) -> str:
        """NT's name of the code, for example `MULTIPLE_IRP_COMPLETE_REQUESTS`."""
        return self.code.name

    def _draw(self, given: int) -> str:
        """Draw the stop screen: the zeros that only fill up are left out."""
        head = f"{self.name} (0x{self.code:X})"
        lines = [f"{head}: {self.note}" if self.note else head]
        lines += [f"  {i}: {_draw_parameter(value)}" for i, value in enumerate(self.parameters[:given], 1)]
        return "\n".join(lines)


def _draw_parameter(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"-0x{-value:X}" if value < 0 else f"0x{value:X}"
    describe = getattr(value, "describe", None)
    try:
        text = str(describe()) if callable(describe) else repr(value)
    except Exception as error:  # the culprit may be half destroyed; the stop itself must not be lost over its picture
        text = f"<{type(value).__name__} that cannot be drawn: {type(error).__name__}: {error}>"
    return text.replace("\n", "\n     ")
