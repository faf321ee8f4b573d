"""Levels, locks, events, device queues, threads, and lists of memory."""

from __future__ import annotations

from ..executive.lookaside import LookasideList as _Lookaside
from ..io_manager.manager import IoManager as _IoManager
from ..io_manager.ports.completion_port import CompletionPort as _Port
from ..kernel import apc as _apc
from ..kernel.device_queue import DeviceQueue as _Queue
from ..kernel.event import Event as _Event
from ..kernel.irql import Irql as _Irql
from ..kernel.spin_lock import SpinLock as _SpinLock
from ..kernel.thread import Threads as _Threads
from ..memory import mdl as _mdl
from . import forms as _f
from . import kernel_calls as _a

KeGetCurrentIrql = _f.once_in_a_system(lambda io: io.irql, _Irql.current)
KeRaiseIrql = KfRaiseIrql = _f.once_in_a_system(lambda io: io.irql, _Irql.raise_to)
KeRaiseIrqlToDpcLevel = _f.once_in_a_system(lambda io: io.irql, _Irql.raise_to_dispatch)
KeLowerIrql = KfLowerIrql = _f.once_in_a_system(lambda io: io.irql, _Irql.lower)

KeInitializeSpinLock = _a.initialize_spin_lock
KeAcquireSpinLock = _f.method(_SpinLock.acquire)
KeReleaseSpinLock = _f.method(_SpinLock.release)
KeAcquireSpinLockAtDpcLevel = _f.method(_SpinLock.acquire_at_dispatch)
KeTryToAcquireSpinLockAtDpcLevel = _f.method(_SpinLock.try_acquire_at_dispatch)
KeReleaseSpinLockFromDpcLevel = _f.method(_SpinLock.release_from_dispatch)

KeInitializeEvent = _a.initialize_event
KeSetEvent = _f.method(_Event.set, takes=0)
KeResetEvent = _f.method(_Event.reset)
KeClearEvent = _a.clear_event
KeReadStateEvent = _f.method(_Event.read_state)
KeWaitForSingleObject = _a.wait_for_single_object
KeDelayExecutionThread = _a.delay_execution_thread
KeInsertQueueApc = _apc.queue_apc
KeBugCheckEx = _f.once_in_a_system(lambda io: io, _IoManager.stop)
KeGetCurrentThread = PsGetCurrentThread = _f.once_in_a_system(lambda io: io.threads, _Threads.current)

KeInitializeDeviceQueue = _a.initialize_device_queue
KeInsertDeviceQueue = _f.method(_Queue.insert)
KeInsertByKeyDeviceQueue = _f.method(_Queue.insert_by_key)
KeRemoveDeviceQueue = _f.method(_Queue.remove)
KeRemoveByKeyDeviceQueue = _f.method(_Queue.remove_by_key)
KeRemoveByKeyDeviceQueueIfBusy = _f.method(_Queue.remove_by_key_if_busy)
KeRemoveEntryDeviceQueue = _f.method(_Queue.remove_entry)

KeInitializeQueue = _a.initialize_queue
KeInsertQueue = _a.insert_queue
KeRemoveQueue = _a.remove_queue
KeRundownQueue = _a.rundown_queue
KeReadStateQueue = _f.getter(_Port.depth)

ExInitializeNPagedLookasideList = ExInitializePagedLookasideList = _a.initialize_lookaside_list
ExInitializeLookasideListEx = _a.initialize_lookaside_list_ex
ExAllocateFromNPagedLookasideList = ExAllocateFromPagedLookasideList = _f.method(_Lookaside.allocate)
ExAllocateFromLookasideListEx = ExAllocateFromNPagedLookasideList
ExFreeToNPagedLookasideList = ExFreeToPagedLookasideList = ExFreeToLookasideListEx = _f.method(_Lookaside.free)
ExDeleteNPagedLookasideList = ExDeletePagedLookasideList = _f.method(_Lookaside.trim)
ExDeleteLookasideListEx = ExFlushLookasideListEx = _f.method(_Lookaside.trim)

IoAllocateMdl = _a.allocate_mdl_of_memory
IoBuildPartialMdl = _a.build_partial_mdl
IoFreeMdl = _f.method(_mdl.Mdl.free)
MmProbeAndLockPages = _f.method(_mdl.Mdl.probe_and_lock)
MmUnlockPages = _f.method(_mdl.Mdl.unlock)
MmBuildMdlForNonPagedPool = _f.method(_mdl.Mdl.build_for_nonpaged_pool)
MmGetSystemAddressForMdlSafe = _f.method(_mdl.Mdl.system_view, takes=0)
MmGetMdlByteCount = _a.byte_count_of
MmGetMdlByteOffset = _f.getter(_mdl.Mdl.byte_offset)
MmGetMdlVirtualAddress = _f.getter(_mdl.Mdl.virtual_address)
MmSizeOfMdl = _mdl.size_of_mdl
ADDRESS_AND_SIZE_TO_SPAN_PAGES = _mdl.pages_spanned
