"""Other bytes for the drivers below: what `Irp.pass_down(buffer=...)` does, and undoes on the way up.

A caller's bytes never change, so a filter that transforms them sends its own. Wherever the drivers below look for the
bytes they find the substitute: as `buffer`, and as system buffer, caller's buffer or MDL where the packet has those.
What the packet had is put back before the filter's own completion routine runs.

Source: design rule "a caller's write buffer must never change"; WDK "Completion Routines". Rows: R13, R19
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...memory.mdl import LockOperation, Mdl, locked_mdl
from ..codes.major import SL_PENDING_RETURNED
from ..dispatch import run_then

if TYPE_CHECKING:
    from ..device import DeviceObject
    from .irp import Irp

#: The bytes a packet had, and the list that described them.
Former = tuple[Any, Mdl | None]


def substitute(irp: Irp, buffer: Any) -> Former:
    """Put another buffer of the same size into a packet; returns what was there. Raises ValueError for another size."""
    view = memoryview(buffer).cast("B")
    batch = irp.batch
    former = irp.buffer if batch is None else batch.buffer
    expected = 0 if former is None else former.nbytes
    if view.nbytes != expected:  # a driver below trusts `length`, the host even writes to bare addresses
        raise ValueError(f"pass_down(buffer=): {view.nbytes} bytes for a request of {expected}")
    if batch is not None:
        batch.buffer = np.frombuffer(view, np.uint8)
        return former, None
    described = None if irp.extension is None else irp.extension.mdl
    if described is not None:
        operation = LockOperation.READ if view.readonly else LockOperation.MODIFY
        _exchange(irp, former, view, locked_mdl(view, operation))
    else:
        _exchange(irp, former, view, None)
    return former, described


def _exchange(irp: Irp, old: Any, new: Any, mdl: Mdl | None) -> None:
    irp.buffer = new
    extension = irp.extension
    if extension is None:
        return
    if extension.mdl is not None:
        extension.mdl = mdl
    elif extension.system_buffer is old:
        extension.system_buffer = new
    elif extension.user_buffer is old:
        extension.user_buffer = new


def give_back(device: DeviceObject, irp: Irp, context: tuple[Former, Any]) -> int | None:
    """The completion routine that undoes `substitute`, carries the pending mark on, and runs the filter's own."""
    (former, described), then = context
    if irp.batch is not None:
        irp.batch.buffer = former
    else:
        _exchange(irp, irp.buffer, former, described)
    if then is not None:
        return run_then(device, irp, then)
    if irp.pending_returned:
        irp.locations[irp.current_location - 1].control |= SL_PENDING_RETURNED
    return None
