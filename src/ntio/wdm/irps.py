"""Packets: sending, completing, the locations, making and freeing them, cancelling."""

from __future__ import annotations

from ..io_manager import cancel as _cancel
from ..io_manager import cancel_queue as _queue
from ..io_manager import completion as _completion
from ..io_manager import forward as _forward
from ..io_manager.packet import builders as _builders
from ..io_manager.packet.irp import Irp as _Irp
from ..io_manager.packet.irp_pool import IrpPool as _IrpPool
from . import forms as _f
from . import irp_calls as _a

IoCallDriver = IofCallDriver = _f.second_first(_Irp.send_to)
IoCompleteRequest = IofCompleteRequest = _f.method(_Irp.complete_request, takes=0)
IoForwardIrpSynchronously = _forward.forward_irp_synchronously
IoIsOperationSynchronous = _completion.is_synchronous
IoMarkIrpPending = _f.method(_Irp.mark_pending)

IoGetCurrentIrpStackLocation = _f.getter(_Irp.location)
IoGetNextIrpStackLocation = _f.getter(_Irp.next_location)
IoSkipCurrentIrpStackLocation = _f.method(_Irp.skip_location)
IoCopyCurrentIrpStackLocationToNext = _f.method(_Irp.copy_location_to_next)
IoSetNextIrpStackLocation = _f.method(_Irp.set_next_location)
IoSetCompletionRoutine = _a.set_completion_routine
IoSetCompletionRoutineEx = _a.set_completion_routine_ex

IoAllocateIrp = _f.once_in_a_system(lambda io: io.irps, _IrpPool.allocate_for_driver)
IoAllocateIrpEx = _a.allocate_irp_ex
IoFreeIrp = _a.free_irp
IoInitializeIrp = _a.initialize_irp
IoReuseIrp = _f.method(_Irp.reuse)
IoSizeOfIrp = _a.size_of_irp

IoBuildAsynchronousFsdRequest = _builders.build_asynchronous_fsd_request
IoBuildSynchronousFsdRequest = _builders.build_synchronous_fsd_request
IoBuildDeviceIoControlRequest = _builders.build_device_io_control_request
IoMakeAssociatedIrp = _builders.make_associated_irp

IoCancelIrp = _cancel.cancel_irp
IoSetCancelRoutine = _a.set_cancel_routine
IoAcquireCancelSpinLock = _a.acquire_cancel_spin_lock
IoReleaseCancelSpinLock = _a.release_cancel_spin_lock

IoCsqInitialize = _f.method(_queue.IoCsq.initialize)
IoCsqInitializeEx = _f.method(_queue.IoCsq.initialize_ex)
IoCsqInsertIrp = IoCsqInsertIrpEx = _f.method(_queue.CancelSafeQueue.insert_irp)
IoCsqRemoveIrp = _f.method(_queue.CancelSafeQueue.remove_irp)
IoCsqRemoveNextIrp = _f.method(_queue.CancelSafeQueue.remove_next_irp)
