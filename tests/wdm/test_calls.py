"""Drivers written with nothing but the names of wdm.h: what the C forms become, each call doing what it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import ntio
from made_up_drivers import Holder
from ntio import BugCheck, FilterDriver, NtError, Stack, System
from ntio.driver_kit import DeviceObject, Irp, wdk_driver
from ntio.wdm import *  # noqa: F403

# ruff: noqa: F405
# mypy: ignore-errors

pytestmark = pytest.mark.row("R22")


class Extension:
    """A device's own."""

    Lower: Any = None
    Queue: Any = None
    Waiting: list[Any]


def layer(fill: Callable[[Any], None], name: str = "raw") -> Any:
    """A filter in the WDK's form: passes down what `fill` does not set."""

    def DriverEntry(driver: Any, path: str) -> int:
        for major in range(IRP_MJ_MAXIMUM_FUNCTION + 1):
            driver.MajorFunction[major] = pass_through
        driver.DriverExtension.AddDevice = AddDevice
        fill(driver)
        return STATUS_SUCCESS

    def AddDevice(driver: Any, pdo: Any) -> int:
        status, device = IoCreateDevice(driver, 0, None, FILE_DEVICE_DISK, 0, False)
        assert NT_SUCCESS(status)
        device.DeviceExtension = Extension()
        device.DeviceExtension.Lower = IoAttachDeviceToDeviceStack(device, pdo)
        device.Flags &= ~DO_DEVICE_INITIALIZING
        return STATUS_SUCCESS

    return wdk_driver(DriverEntry, name)


def pass_through(device: Any, irp: Any) -> int:
    IoSkipCurrentIrpStackLocation(irp)
    return IoCallDriver(device.DeviceExtension.Lower, irp)


def test_a_filter_in_the_wdks_form_stands_in_a_stack(system: System) -> None:
    seen = []

    def read(device: Any, irp: Any) -> int:
        seen.append(IoGetCurrentIrpStackLocation(irp).Parameters.Read.Length)
        IoCopyCurrentIrpStackLocationToNext(irp)
        IoSetCompletionRoutine(irp, done, "context", True, True, True)
        return IoCallDriver(device.DeviceExtension.Lower, irp)

    def done(device: Any, irp: Any, context: Any) -> int:
        if irp.PendingReturned:
            IoMarkIrpPending(irp)
        seen.append((context, irp.IoStatus.Status, irp.IoStatus.Information))
        return STATUS_CONTINUE_COMPLETION

    def fill(driver: Any) -> None:
        driver.MajorFunction[IRP_MJ_READ] = read

    with Stack("ram_disk:size=4K", layer(fill), "log", system=system) as stack:
        assert stack.read(100, 0) == bytes(100)
        assert [device.driver.name for device in stack] == ["log", "raw", "ram_disk"]
    assert seen == [100, ("context", STATUS_SUCCESS, 100)]


def test_an_entry_that_fails_leaves_nothing(system: System) -> None:
    def DriverEntry(driver: Any, path: str) -> int:
        return STATUS_INSUFFICIENT_RESOURCES

    with pytest.raises(NtError) as caught:
        Stack("ram_disk:size=4K", wdk_driver(DriverEntry, "raw"), system=system)
    assert caught.value.status == STATUS_INSUFFICIENT_RESOURCES
    assert system.namespace.find("\\Driver\\raw") is None


def test_a_driver_that_makes_no_device_is_refused(system: System) -> None:
    with pytest.raises(NtError, match="made no device"):
        Stack(wdk_driver(lambda driver, path: STATUS_SUCCESS, "raw"), system=system)


def test_a_driver_of_the_old_kind_makes_its_device_in_its_entry(system: System) -> None:
    def DriverEntry(driver: Any, path: str) -> int:
        status, _ = IoCreateDevice(driver, 16, "\\Device\\Old", FILE_DEVICE_UNKNOWN, 0, False)
        driver.MajorFunction[IRP_MJ_CREATE] = driver.MajorFunction[IRP_MJ_CLOSE] = ended
        driver.MajorFunction[IRP_MJ_CLEANUP] = ended
        return status

    def ended(device: Any, irp: Any) -> int:
        assert device.DeviceExtension == bytes(16)
        irp.IoStatus.Status = STATUS_SUCCESS
        IoCompleteRequest(irp, IO_NO_INCREMENT)
        return STATUS_SUCCESS

    with Stack(wdk_driver(DriverEntry, "old"), system=system) as stack:
        status, device = IoCreateDevice(stack.device.DriverObject, 0, "\\Device\\Old", FILE_DEVICE_UNKNOWN, 0, False)
        assert (status, device) == (STATUS_OBJECT_NAME_COLLISION, None)
        status, file, top = IoGetDeviceObjectPointer("\\Device\\Old", FILE_READ_DATA, system=system)
        assert (status, top) == (STATUS_SUCCESS, stack.device)
        ObDereferenceObject(file)
        status, *_ = IoGetDeviceObjectPointer("\\Device\\None", FILE_READ_DATA, system=system)
        assert status == STATUS_OBJECT_NAME_NOT_FOUND


def test_a_request_of_ones_own_is_built_sent_and_waited_for(system: System) -> None:
    with Stack("ram_disk:size=4K", system=system) as stack:
        stack.write(b"hello", 0)
        buffer, iosb = bytearray(5), IO_STATUS_BLOCK()
        event = KeInitializeEvent(NotificationEvent, False, system=system)
        irp = IoBuildSynchronousFsdRequest(IRP_MJ_READ, stack.device, buffer, 5, 0, event, iosb)
        if IoCallDriver(stack.device, irp) == STATUS_PENDING:
            KeWaitForSingleObject(event, Executive, KernelMode, False, None)
        assert (bytes(buffer), iosb.Status, iosb.Information) == (b"hello", STATUS_SUCCESS, 5)
        assert KeReadStateEvent(event) and KeResetEvent(event) and not KeReadStateEvent(event)
        assert KeWaitForSingleObject(event, Executive, KernelMode, False, 0) == STATUS_TIMEOUT


def test_a_cancel_routine_gets_the_lock_and_gives_it_back(system: System) -> None:
    levels = []

    class Keep(FilterDriver):
        """Keeps a read until it is cancelled."""

        def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
            IoMarkIrpPending(irp)
            assert IoSetCancelRoutine(irp, cancelled) is None
            self.kept = irp
            return STATUS_PENDING

    def cancelled(device: Any, irp: Any) -> None:
        levels.append((KeGetCurrentIrql(system=device), irp.CancelIrql, irp.CancelRoutine))
        IoReleaseCancelSpinLock(irp.CancelIrql, system=device)
        levels.append(KeGetCurrentIrql(system=device))
        irp.IoStatus.Status = STATUS_CANCELLED
        IoCompleteRequest(irp, IO_NO_INCREMENT)

    keep = Keep()
    with Stack("ram_disk:size=4K", keep, system=system) as stack:
        irp = IoBuildAsynchronousFsdRequest(IRP_MJ_READ, stack.device, bytearray(4), 4, 0, IO_STATUS_BLOCK())
        assert IoCallDriver(stack.device, irp) == STATUS_PENDING
        assert IoCancelIrp(irp)
    assert levels == [(DISPATCH_LEVEL, PASSIVE_LEVEL, None), PASSIVE_LEVEL]


def test_a_cancel_safe_queue_of_six_functions(system: System) -> None:
    waiting: list[Any] = []
    lock = KeInitializeSpinLock(system=system)

    def peek(csq: Any, irp: Any, context: Any) -> Any:
        later = waiting[waiting.index(irp) + 1 :] if irp is not None else waiting
        return later[0] if later else None

    def end(csq: Any, irp: Any) -> None:
        irp.IoStatus.Status = STATUS_CANCELLED
        IoCompleteRequest(irp, IO_NO_INCREMENT)

    csq = IO_CSQ()
    IoCsqInitialize(
        csq, lambda csq, irp: waiting.append(irp), lambda csq, irp: waiting.remove(irp), peek,
        lambda csq: KeAcquireSpinLock(lock), lambda csq, irql: KeReleaseSpinLock(lock, irql), end,
    )  # fmt: skip

    class Queue(FilterDriver):
        """Puts reads into the queue."""

        def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
            IoCsqInsertIrp(csq, irp, None)
            return STATUS_PENDING

    with Stack("ram_disk:size=4K", Queue(), system=system) as stack:
        blocks = [IO_STATUS_BLOCK(), IO_STATUS_BLOCK()]
        irps = [IoBuildAsynchronousFsdRequest(IRP_MJ_READ, stack.device, bytearray(4), 4, 0, one) for one in blocks]
        assert [IoCallDriver(stack.device, irp) for irp in irps] == [STATUS_PENDING] * 2
        assert IoCancelIrp(irps[0])
        found = IoCsqRemoveNextIrp(csq, None)
        assert found is irps[1]
        found.IoStatus.Status, found.IoStatus.Information = STATUS_SUCCESS, 4
        IoCompleteRequest(found, IO_DISK_INCREMENT)
        assert IoCsqRemoveNextIrp(csq, None) is None


def test_a_file_by_handle(system: System) -> None:
    with Stack("ram_disk:size=4K,name=Disk0", system=system):
        name, iosb = InitializeObjectAttributes("\\Device\\Disk0", OBJ_CASE_INSENSITIVE), IO_STATUS_BLOCK()
        options = FILE_SYNCHRONOUS_IO_NONALERT
        status, handle = ZwCreateFile(
            FILE_READ_DATA | FILE_WRITE_DATA | SYNCHRONIZE, name, iosb, None, 0, 0, FILE_OPEN, options, system=system
        )
        assert (status, iosb.Status) == (STATUS_SUCCESS, STATUS_SUCCESS)
        assert ZwWriteFile(handle, None, None, None, iosb, b"hello", 5, 8, system=system) == STATUS_SUCCESS
        buffer = bytearray(5)
        assert ZwReadFile(handle, None, None, None, iosb, buffer, 5, 8, system=system) == STATUS_SUCCESS
        assert (bytes(buffer), iosb.Information) == (b"hello", 5)
        assert ObReferenceObjectByHandle(handle, FILE_READ_DATA, "Event", KernelMode, system=system) == (
            STATUS_OBJECT_TYPE_MISMATCH,
            None,
        )
        status, file = ObReferenceObjectByHandle(handle, FILE_READ_DATA, "File", KernelMode, system=system)
        assert file.DeviceObject.DriverObject.DriverName == "\\Driver\\ram_disk"
        ObDereferenceObject(file)
        assert ZwClose(handle, system=system) == STATUS_SUCCESS
        assert ZwClose(handle, system=system) == STATUS_INVALID_HANDLE
        assert ZwReadFile(handle, None, None, None, iosb, buffer, 5, 8, system=system) == STATUS_INVALID_HANDLE


def test_levels_and_locks(system: System) -> None:
    lock = KeInitializeSpinLock(system=system)
    former = KeAcquireSpinLock(lock)
    assert (former, KeGetCurrentIrql(system=system)) == (PASSIVE_LEVEL, DISPATCH_LEVEL)
    KeReleaseSpinLock(lock, former)
    assert KeRaiseIrql(APC_LEVEL, system=system) == PASSIVE_LEVEL
    assert KeRaiseIrqlToDpcLevel(system=system) == APC_LEVEL
    KeLowerIrql(PASSIVE_LEVEL, system=system)
    assert IoReleaseCancelSpinLock(IoAcquireCancelSpinLock(system=system), system=system) is None


def test_a_routine_that_keeps_its_driver_loaded(system: System) -> None:
    with Stack("ram_disk:size=4K", system=system) as stack:
        device, counts = stack.device, []
        before = device.ReferenceCount

        def done(device_object: Any, irp: Any, context: Any) -> int:
            counts.append(context.ReferenceCount)
            IoFreeIrp(irp)
            return STATUS_MORE_PROCESSING_REQUIRED

        irp = IoAllocateIrp(device.StackSize, False, system=system)
        IoGetNextIrpStackLocation(irp).MajorFunction = IRP_MJ_FLUSH_BUFFERS
        assert IoSetCompletionRoutineEx(device, irp, done, device, True, True, True) == STATUS_SUCCESS
        assert IoCallDriver(device, irp) == STATUS_SUCCESS
        assert (counts, device.ReferenceCount) == ([before + 1], before)


def test_an_unloading_that_waits_for_that_routine_is_done_after_it(system: System) -> None:
    kept, order = Holder(), []

    def DriverEntry(driver: Any, path: str) -> int:
        driver.DriverUnload = lambda driver: order.append("unload")
        return IoCreateDevice(driver, 0, None, FILE_DEVICE_UNKNOWN, 0, False)[0]

    def done(device: Any, irp: Any, context: Any) -> int:
        order.append("routine")
        IoFreeIrp(irp)
        return StopCompletion

    below, driver = system.load(kept), system.load_driver("above", DriverEntry)
    irp = IoBuildAsynchronousFsdRequest(IRP_MJ_READ, below, bytearray(4), 4, 0, None)
    IoSetCompletionRoutineEx(driver.DeviceObject, irp, done)
    assert IoCallDriver(below, irp) == STATUS_PENDING
    assert system.io.loader.unload_driver(driver) == STATUS_SUCCESS and order == []
    kept.release()
    assert order == ["routine", "unload"]


def test_nothing_is_attached_to_a_device_that_is_initializing(system: System) -> None:
    def DriverEntry(driver: Any, path: str) -> int:
        (_, source), (_, target) = (IoCreateDevice(driver, 0, None, FILE_DEVICE_DISK, 0, False) for _ in range(2))
        attached.append(IoAttachDeviceToDeviceStack(source, target))
        target.Flags &= ~DO_DEVICE_INITIALIZING
        attached.append(IoAttachDeviceToDeviceStack(source, target) is target)
        IoDetachDevice(target)
        return STATUS_SUCCESS

    attached: list[Any] = []
    system.load_driver("pair", DriverEntry)
    assert attached == [None, True]


def test_who_asks_for_a_device_of_a_stack_gets_a_reference(system: System) -> None:
    with Stack("ram_disk:size=4096", layer(lambda driver: None), system=system) as stack:
        top = stack.file.file_object.related_device()
        bottom = top.lower
        before = top.pointer_count, bottom.pointer_count
        assert IoGetAttachedDevice(bottom) is top and (top.pointer_count, bottom.pointer_count) == before
        taken = IoGetAttachedDeviceReference(bottom), IoGetLowerDeviceObject(top), IoGetDeviceAttachmentBaseRef(top)
        assert taken == (top, bottom, bottom) and IoGetLowerDeviceObject(bottom) is None
        assert (top.pointer_count, bottom.pointer_count) == (before[0] + 1, before[1] + 2)
        for device in taken:
            ObDereferenceObject(device)
        assert (top.pointer_count, bottom.pointer_count) == before


def test_a_queue_of_work(system: System) -> None:
    queue = KeInitializeQueue(2, system=system)
    assert [KeInsertQueue(queue, entry) for entry in ("first", "second", "third")] == [0, 1, 2]
    assert KeRemoveQueue(queue) == "first" and KeReadStateQueue(queue) == 2
    assert KeRundownQueue(queue) == ["second", "third"] and KeReadStateQueue(queue) == 0
    empty = KeInitializeQueue(system=system)
    assert KeRemoveQueue(empty, KernelMode, 0) == STATUS_TIMEOUT and KeRundownQueue(empty) == []


def test_lookaside_lists() -> None:
    freed = []
    plain = ExInitializeNPagedLookasideList(None, None, 0, 24, 0, 0)
    entry = ExAllocateFromNPagedLookasideList(plain)
    assert entry == bytearray(24)
    ExFreeToNPagedLookasideList(plain, entry)
    assert ExAllocateFromNPagedLookasideList(plain) is entry
    status, made = ExInitializeLookasideListEx(lambda size: [size], freed.append, NonPagedPool, 0, 7, 0, 0)
    entries = [ExAllocateFromLookasideListEx(made) for _ in range(5)]
    for one in entries:
        ExFreeToLookasideListEx(made, one)
    assert status == STATUS_SUCCESS and made.depth == 4 and freed == [[7]]
    ExDeleteLookasideListEx(made)
    assert freed == [[7]] * 5


def test_a_descriptor_step_by_step() -> None:
    sid = SID.from_text("S-1-5-18")
    status, dacl = RtlAddAccessAllowedAce(RtlCreateAcl(), 2, FILE_ALL_ACCESS, sid)
    assert status == STATUS_SUCCESS
    _, dacl = RtlAddAccessDeniedAce(dacl, 2, FILE_WRITE_DATA, sid)
    assert (dacl.revision, RtlAddAccessAllowedAce(dacl, 4, 1, sid)[1].revision) == (2, 4)
    made = RtlCreateSecurityDescriptor()
    assert RtlGetDaclSecurityDescriptor(made) == (STATUS_SUCCESS, False, None, False)
    for step in (RtlSetOwnerSecurityDescriptor, RtlSetGroupSecurityDescriptor):
        _, made = step(made, sid, True)
    _, made = RtlSetDaclSecurityDescriptor(made, True, dacl, True)
    assert RtlGetDaclSecurityDescriptor(made) == (STATUS_SUCCESS, True, dacl, True)
    assert RtlGetOwnerSecurityDescriptor(made) == RtlGetGroupSecurityDescriptor(made) == (STATUS_SUCCESS, sid, True)
    data = RtlMakeSelfRelativeSD(made)
    assert len(data) == RtlLengthSecurityDescriptor(made) and SECURITY_DESCRIPTOR.from_bytes(data) == made
    _, without = RtlSetDaclSecurityDescriptor(made, False, None, False)
    assert RtlGetDaclSecurityDescriptor(without) == (STATUS_SUCCESS, False, None, False)
    _, null = RtlSetDaclSecurityDescriptor(made, True, None, False)
    assert RtlGetDaclSecurityDescriptor(null) == (STATUS_SUCCESS, True, None, False)


@pytest.mark.parametrize("queued", [True, False])
@pytest.mark.stops_system
def test_what_is_not_to_be_freed_stops_the_system(system: System, queued: bool) -> None:
    device = system.load(Holder())
    if queued:
        event = KeInitializeEvent(NotificationEvent, False, system=system)
        irp = IoBuildSynchronousFsdRequest(IRP_MJ_READ, device, bytearray(4), 4, 0, event, IO_STATUS_BLOCK())
    else:
        irp = IoAllocateIrp(1, False, system=system)
        IoFreeIrp(irp)
    with pytest.raises(BugCheck) as caught:
        IoFreeIrp(irp)
    assert caught.value.parameters[:2] == (2 if queued else 1, irp)


def test_lists_of_memory(system: System) -> None:
    irp = IoAllocateIrpEx(system.load(FilterLess()), 1, False)
    first = IoAllocateMdl(bytearray(b"abcdef"), 6, False, False, irp)
    assert irp.MdlAddress is first
    second = IoAllocateMdl(bytearray(10), 10, True, False, irp)
    assert first.next is second
    MmBuildMdlForNonPagedPool(first)
    assert bytes(MmGetSystemAddressForMdlSafe(first, NormalPagePriority)) == b"abcdef"
    assert MmGetMdlByteCount(first) == 6
    assert MmGetMdlVirtualAddress(first) % PAGE_SIZE == MmGetMdlByteOffset(first)
    IoFreeMdl(first)
    IoFreeMdl(second)
    irp.MdlAddress = None
    IoFreeIrp(irp)
    assert IoSizeOfIrp(2) == 208 + 2 * 72


class FilterLess(FilterDriver):
    """Only there to have a device."""

    def add_device(self, lower: DeviceObject | None = None) -> DeviceObject:
        return self.create_device()


def test_a_call_without_an_object_needs_its_system() -> None:
    with pytest.raises(TypeError, match="give system="):
        IoAllocateIrp(1, False)
    with pytest.raises(TypeError, match="system"):
        KeGetCurrentIrql()


def test_a_wait_that_can_be_interrupted_by_a_call(system: System) -> None:
    ran = []
    event = KeInitializeEvent(SynchronizationEvent, False, system=system)
    KeInsertQueueApc(KeGetCurrentThread(system=system), ran.append, "apc")
    assert KeWaitForSingleObject(event, Executive, UserMode, True, -1, system=system) == STATUS_USER_APC
    assert KeDelayExecutionThread(UserMode, True, 0, system=system) == STATUS_TIMEOUT
    assert KeDelayExecutionThread(KernelMode, False, 0, system=system) == STATUS_SUCCESS
    assert ran == ["apc"]


def test_a_drivers_devices_and_who_is_told_at_the_end(system: System) -> None:
    told = []

    def shutdown(device: Any, irp: Any) -> int:
        told.append(IoGetCurrentIrpStackLocation(irp).MajorFunction)
        Irp = irp
        Irp.IoStatus.Status = STATUS_SUCCESS
        IoCompleteRequest(Irp, IO_NO_INCREMENT)
        return STATUS_SUCCESS

    def DriverEntry(driver: Any, path: str) -> int:
        driver.MajorFunction[IRP_MJ_SHUTDOWN] = shutdown
        status, device = IoCreateDevice(driver, 0, None, FILE_DEVICE_UNKNOWN, 0, False)
        assert IoRegisterShutdownNotification(device) == STATUS_SUCCESS
        return status

    driver = system.load_driver("told", DriverEntry)
    assert IoEnumerateDeviceObjectList(driver, 4) == (STATUS_SUCCESS, [driver.DeviceObject], 1)
    system.close()
    assert told == [IRP_MJ_SHUTDOWN]


def test_who_asks(system: System) -> None:
    token = SeCaptureSubjectContext(system=system)
    assert isinstance(token, TOKEN)
    assert SeAccessCheck(None, token, FILE_READ_DATA)[0] == STATUS_SUCCESS


@pytest.mark.stops_system
def test_a_driver_may_stop_the_system(system: System) -> None:
    with pytest.raises(ntio.BugCheck, match="IRQL_NOT_LESS_OR_EQUAL"):
        KeBugCheckEx(0x0A, 1, 2, 3, 4, system=system)
