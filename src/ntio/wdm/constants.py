"""Every number: NTSTATUS values, function codes, flags, levels, boosts, access rights, control codes.

The information classes have the names of their enumerations: FileStandardInformation is 5.
"""

# ruff: noqa: F403, F405
from __future__ import annotations

from typing import Any

from ..abi import *
from ..io_manager.codes import major as _major
from ..io_manager.codes.major import *
from ..kernel.irql import *
from ..memory import mdl as _mdl
from ..memory.mdl import *
from ..object_manager.handles import *
from ..object_manager.objects import *
from ..object_manager.types import *
from ..security.access_mask import *
from ..status_codes import *

KernelMode, UserMode = _major.KERNEL_MODE, _major.USER_MODE
NotificationEvent, SynchronizationEvent = 0, 1
IoReadAccess, IoWriteAccess, IoModifyAccess = _mdl.LockOperation
NormalPagePriority = 16
Executive = 0
NonPagedPool, PagedPool, NonPagedPoolNx = 0, 1, 512

STATUS_CONTINUE_COMPLETION = ContinueCompletion = 0
StopCompletion = STATUS_MORE_PROCESSING_REQUIRED

FILE_ANY_ACCESS, FILE_READ_ACCESS, FILE_WRITE_ACCESS = 0, 1, 2

#: Numbers of the modules above that are no names of NT's.
OURS = frozenset(
    ("HEADER_SIZE", "KERNEL_HANDLES", "KERNEL_MODE", "MAJOR_FUNCTION_COUNT", "PAGE_NUMBER_SIZE", "TYPE_CHECKING",
     "USER_MODE")
)  # fmt: skip


def class_names() -> dict[str, int]:
    """The information classes by the names of their enumerations, FileStandardInformation for example."""
    found = {}
    for name, value in vars(_major).items():
        if name.startswith("FILE_") and name.endswith("_INFORMATION_CLASS"):
            found["".join(word.capitalize() for word in name.removesuffix("_CLASS").split("_"))] = value
    return found


def __getattr__(name: str) -> Any:
    try:
        return class_names()[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
