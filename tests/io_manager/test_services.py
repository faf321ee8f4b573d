"""System services on files: positions and offsets, refusals, waiting, alerts, interrupts, and drivers that do wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ntio import BugCheck, DeviceObject, Irp, System
from ntio.abi import CTL_CODE, FILE_POSITION_INFORMATION
from ntio.bugcheck import BugCheckCode
from ntio.driver_kit import PENDING, FileObject, IoStatusBlock, major, set_cancel_routine
from ntio.io_manager import services
from ntio.io_manager.opening.create_parameters import CreateParameters
from ntio.io_manager.opening.open import close_file
from ntio.kernel.apc import queue_apc
from ntio.kernel.event import Event
from ntio.status import (
    STATUS_ACCESS_DENIED,
    STATUS_ACCESS_VIOLATION,
    STATUS_CANCELLED,
    STATUS_DISK_FULL,
    STATUS_DRIVER_INTERNAL_ERROR,
    STATUS_END_OF_FILE,
    STATUS_FILE_CLOSED,
    STATUS_INVALID_PARAMETER,
    STATUS_PENDING,
    STATUS_SUCCESS,
)
from ntio.testing.hal_tests import beside
from service_bench import UNTOUCHED, ServiceBench, Told, agreeing, answering

pytestmark = pytest.mark.row("R21", "R31")

Read = Callable[..., int]


class Recorder(Told):
    """Succeeds with everything asked for and keeps where it was; `moves` has it keep the file's position itself."""

    def __init__(self) -> None:
        super().__init__(self._do)
        self.offsets: list[int] = []
        self.moves: int | None = None

    def _do(self, device: DeviceObject, irp: Irp) -> int:
        location = irp.location
        self.offsets.append(location.byte_offset)
        if self.moves is not None:
            assert location.file_object is not None
            location.file_object.current_byte_offset = self.moves
        return irp.complete(information=location.length)


class Keeper(Told):
    """Keeps every request; `arrived` is set when one came. Cancelled ones end at once if `cancellable`."""

    def __init__(self, *, cancellable: bool = False) -> None:
        super().__init__(self._keep)
        self.held: list[Irp] = []
        self.closed = 0
        self.arrived = threading.Event()
        self._cancellable = cancellable

    def _keep(self, device: DeviceObject, irp: Irp) -> int:
        irp.mark_pending()
        if self._cancellable:
            set_cancel_routine(irp, lambda device, irp: self.let_go(STATUS_CANCELLED))
        self.held.append(irp)
        self.arrived.set()
        return PENDING

    def dispatch_close(self, device: DeviceObject, irp: Irp) -> int:
        self.closed += 1
        return irp.complete()

    def let_go(self, status: int = 0, information: int = 0) -> None:
        """End the oldest."""
        irp = self.held.pop(0)
        set_cancel_routine(irp, None)
        irp.complete(status, information)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def bench(system: System, recorder: Recorder) -> Iterator[ServiceBench]:
    with ServiceBench(system, recorder) as one:
        yield one


def read(bench: ServiceBench, file: FileObject, length: int, offset: int | None = None) -> int:
    return services.read_file(file, None, None, None, bench.iosb, bytearray(length), None, offset)


def write(bench: ServiceBench, file: FileObject, length: int, offset: int | None = None) -> int:
    return services.write_file(file, None, None, None, bench.iosb, bytes(length), None, offset)


# --- where ------------------------------------------------------------------------------------------------------------


def test_a_synchronous_file_goes_on_where_it_was(bench: ServiceBench, recorder: Recorder) -> None:
    file = bench.open()
    for service, length, offset in (
        (read, 4, None), (write, 3, None), (read, 2, 100), (read, 1, None), (read, 5, -2), (write, 1, -2),
    ):  # fmt: skip
        assert service(bench, file, length, offset) == STATUS_SUCCESS
    assert recorder.offsets == [0, 4, 100, 102, 103, 108]
    assert file.current_byte_offset == 109


def test_a_driver_may_keep_the_position_itself(bench: ServiceBench, recorder: Recorder) -> None:
    file, recorder.moves = bench.open(), 1000
    read(bench, file, 4)
    assert file.current_byte_offset == 1000


@pytest.mark.parametrize("status", [STATUS_END_OF_FILE, STATUS_DISK_FULL])
@pytest.mark.parametrize("pended", [False, True])
def test_a_failure_does_not_move_the_position(
    bench: ServiceBench, recorder: Recorder, status: int, pended: bool
) -> None:
    file, recorder.routine = bench.open(), agreeing(status, 5, pended=pended)
    assert read(bench, file, 9, 7) == status
    assert file.current_byte_offset == 0


def test_a_pended_request_moves_the_position_too(bench: ServiceBench, recorder: Recorder) -> None:
    file, recorder.routine = bench.open(), agreeing(STATUS_SUCCESS, 5, pended=True)
    assert read(bench, file, 9, 7) == STATUS_SUCCESS
    assert file.current_byte_offset == 12


def test_the_position_can_be_asked_for_and_set(bench: ServiceBench, recorder: Recorder) -> None:
    file, number = bench.open(), major.FILE_POSITION_INFORMATION_CLASS
    wanted = (77).to_bytes(8, "little")
    assert services.set_information(file, bench.iosb, wanted, None, number) == STATUS_SUCCESS
    read(bench, file, 3)
    answer = bytearray(FILE_POSITION_INFORMATION.itemsize)
    assert services.query_information(file, bench.iosb, answer, None, number) == STATUS_SUCCESS
    assert (recorder.offsets, int.from_bytes(answer, "little")) == ([77], 80)


@pytest.mark.parametrize("synchronous", [True, False])
def test_appending_is_told_to_the_driver(bench: ServiceBench, recorder: Recorder, synchronous: bool) -> None:
    file = bench.open(synchronous=synchronous)
    assert write(bench, file, 4, services.FILE_WRITE_TO_END_OF_FILE) == STATUS_SUCCESS
    appending = bench.open(synchronous=synchronous, access=major.FILE_APPEND_DATA | major.SYNCHRONIZE)
    assert write(bench, appending, 4, 100) == STATUS_SUCCESS
    assert recorder.offsets == [-1, -1]
    assert file.current_byte_offset == 0


@pytest.mark.parametrize("synchronous", [True, False])
@pytest.mark.parametrize(
    ("service", "offset"), [(read, -1), (read, -3), (write, -3), (read, -(1 << 62)), (read, 1 << 63), (write, 1 << 63)]
)
def test_offsets_where_nothing_can_be_are_refused(
    bench: ServiceBench, recorder: Recorder, service: Read, offset: int, synchronous: bool
) -> None:
    assert service(bench, bench.open(synchronous=synchronous), 4, offset) == STATUS_INVALID_PARAMETER
    assert recorder.packets == []


def test_an_asynchronous_pipe_needs_no_offset(bench: ServiceBench, recorder: Recorder) -> None:
    for kind in (major.FO_NAMED_PIPE, major.FO_MAILSLOT):
        file = bench.open(synchronous=False)
        file.flags |= kind
        assert read(bench, file, 4) == STATUS_SUCCESS
    assert recorder.offsets == [0, 0]


def test_flags_and_keys_reach_the_driver(bench: ServiceBench, recorder: Recorder) -> None:
    flags: list[int] = []
    recorder.routine = lambda device, irp: (flags.append(irp.flags), irp.complete())[1]
    file = bench.open(options=major.FILE_WRITE_THROUGH | major.FILE_NO_INTERMEDIATE_BUFFERING)
    services.write_file(file, None, None, None, bench.iosb, None, 0, 0, 9)
    read(bench, file, 0, 0)
    assert recorder.packets == [
        (major.IRP_MJ_WRITE, 9, major.SL_KEY_SPECIFIED | major.SL_WRITE_THROUGH),
        (major.IRP_MJ_READ, 0, 0),
    ]
    common = major.IRP_NOCACHE | major.IRP_DEFER_IO_COMPLETION
    assert flags == [common | major.IRP_WRITE_OPERATION, common | major.IRP_READ_OPERATION]


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_rights_are_asked_of_users_only(bench: ServiceBench, recorder: Recorder) -> None:
    file = bench.open(access=major.SYNCHRONIZE | major.FILE_READ_DATA)
    assert write(bench, file, 4) == STATUS_ACCESS_DENIED
    assert services.flush_file(file, bench.iosb) == STATUS_ACCESS_DENIED
    assert (recorder.packets, bench.answered) == ([], UNTOUCHED)
    kernel = services.write_file(file, None, None, None, None, b"1", None, 0, mode=major.KERNEL_MODE)
    assert kernel == STATUS_SUCCESS


@pytest.mark.parametrize("access", range(4))
def test_a_control_codes_access_is_asked_for(bench: ServiceBench, recorder: Recorder, access: int) -> None:
    code = CTL_CODE(0x22, 0x800, 0, access)
    for granted in range(4):
        file = bench.open(access=granted | major.SYNCHRONIZE)
        result = services.device_control(file, None, None, None, bench.iosb, code)
        assert result == (STATUS_SUCCESS if granted & access == access else STATUS_ACCESS_DENIED)
        kernel = {"mode": major.KERNEL_MODE}
        assert services.fs_control(file, None, None, None, bench.iosb, code, **kernel) == STATUS_SUCCESS


def test_a_user_needs_a_status_block(bench: ServiceBench, recorder: Recorder) -> None:
    file = bench.open()
    assert services.read_file(file, None, None, None, None, bytearray(4)) == STATUS_ACCESS_VIOLATION
    assert recorder.packets == []


def test_a_closed_file_is_refused(bench: ServiceBench, recorder: Recorder) -> None:
    file = bench.open()
    close_file(file)
    assert {
        read(bench, file, 4), write(bench, file, 4), services.flush_file(file, bench.iosb),
        services.device_control(file, None, None, None, bench.iosb, 0), services.cancel_io(file, bench.iosb),
    } == {STATUS_FILE_CLOSED}  # fmt: skip


# --- waiting ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [STATUS_SUCCESS, STATUS_DISK_FULL])
def test_a_synchronous_file_waits_for_another_threads_end(system: System, status: int) -> None:
    keeper = Keeper()
    with ServiceBench(system, keeper) as bench:
        file, results = bench.open(), []

        def call() -> None:
            results.append(services.read_file(file, bench.event, None, None, bench.iosb, bytearray(4), None, 0))

        thread = beside(call)
        keeper.arrived.wait()
        assert not bench.event.read_state() and not file.event.read_state()
        keeper.let_go(status, 4)
        thread.join()
        assert results == [status]
        assert bench.seen == (((status, 4), True) if not status else (UNTOUCHED, False))


def test_one_request_at_a_time_on_a_synchronous_file(system: System) -> None:
    keeper = Keeper()
    with ServiceBench(system, keeper) as bench:
        file, results = bench.open(), []

        def call(offset: int | None) -> threading.Thread:
            def run() -> None:
                results.append(services.read_file(file, None, None, None, IoStatusBlock(), bytearray(4), None, offset))

            return beside(run)

        first = call(0)
        keeper.arrived.wait()
        second = call(None)
        assert len(keeper.held) == 1
        keeper.arrived.clear()
        keeper.let_go(0, 4)
        first.join()
        keeper.arrived.wait()
        assert keeper.held[0].location.byte_offset == 4
        keeper.let_go(0, 4)
        second.join()
        assert (results, file.current_byte_offset) == ([0, 0], 8)


def test_an_asynchronous_request_ends_by_itself(system: System) -> None:
    keeper = Keeper()
    with ServiceBench(system, keeper) as bench:
        file, buffer = bench.open(synchronous=False), bytearray(4)
        result = services.read_file(file, bench.event, None, None, bench.iosb, buffer, None, 0)
        assert (result, bench.seen, file.event.read_state()) == (STATUS_PENDING, (UNTOUCHED, False), False)
        assert system.io.threads.current().irps
        beside(lambda: keeper.let_go(STATUS_DISK_FULL, 2)).join()
        assert bench.seen == ((STATUS_DISK_FULL, 2), True)
        assert not system.io.threads.current().irps


def test_the_file_is_kept_until_its_request_ends(system: System) -> None:
    keeper = Keeper()
    with ServiceBench(system, keeper) as bench:
        file = bench.open(synchronous=False)
        services.read_file(file, None, None, None, bench.iosb, bytearray(4), None, 0)
        close_file(file)
        assert keeper.closed == 0
        keeper.let_go()
        assert keeper.closed == 1


@pytest.mark.parametrize("alertable", [True, False])
def test_a_user_apc_ends_an_alertable_wait_by_cancelling(system: System, alertable: bool) -> None:
    keeper = Keeper(cancellable=True)
    option = major.FILE_SYNCHRONOUS_IO_ALERT if alertable else major.FILE_SYNCHRONOUS_IO_NONALERT
    with ServiceBench(system, keeper) as bench:
        file, results, ran = bench.open(synchronous=False, options=option), [], []
        threads = []

        def call() -> None:
            threads.append(system.io.threads.current())
            results.append(services.read_file(file, None, None, None, bench.iosb, bytearray(4), None, 0))

        thread = beside(call)
        keeper.arrived.wait()
        queue_apc(threads[0], ran.append, "ran")
        if not alertable:
            keeper.let_go(STATUS_SUCCESS, 4)
        thread.join()
        assert results == [STATUS_CANCELLED if alertable else STATUS_SUCCESS]
        assert ran == (["ran"] if alertable else [])


class _Interrupted(Event):
    """An event whose wait is interrupted."""

    __slots__ = ()

    def wait(self, timeout: float | None = None) -> bool:
        raise KeyboardInterrupt


def test_an_interrupted_call_leaves_a_cancelled_packet_and_a_usable_file(system: System) -> None:
    keeper = Keeper()
    with ServiceBench(system, keeper) as bench:
        file = bench.open()
        file._event = _Interrupted(system.hal)
        with pytest.raises(KeyboardInterrupt):
            read(bench, file, 4, 0)
        assert keeper.held[0].cancel
        file._event = None
        late = keeper.held.pop()
        keeper.arrived.clear()
        results: list[int] = []
        thread = beside(lambda: results.append(read(bench, file, 4, 0)))
        keeper.arrived.wait()
        late.complete(0, 1)  # no affair of the file's any more
        file.event.set()  # and if its end had begun before: the second request is not done all the same
        keeper.let_go(STATUS_SUCCESS, 4)
        thread.join()
        assert (results, bench.answered) == ([STATUS_SUCCESS], (0, 4))


def test_an_interrupted_call_does_not_speak_for_the_next(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper, forgotten = Keeper(), IoStatusBlock(*UNTOUCHED)
    wait = Event.wait
    with ServiceBench(system, keeper) as bench:
        file = bench.open()

        def both_end(event: Event, timeout: float | None = None) -> bool:
            if event is not file.event:
                return wait(event, timeout)
            if len(keeper.held) == 1:
                raise KeyboardInterrupt
            first, second = keeper.held
            second.complete(STATUS_SUCCESS, 4)
            first.complete(STATUS_CANCELLED)
            return wait(event, timeout)

        monkeypatch.setattr(Event, "wait", both_end)
        with pytest.raises(KeyboardInterrupt):
            services.read_file(file, None, None, None, forgotten, bytearray(4), None, 0)
        assert read(bench, file, 4, 0) == STATUS_SUCCESS and bench.answered == (0, 4)
        assert (forgotten.status, forgotten.information) == UNTOUCHED


def test_the_files_event_stays_set_after_a_request_that_was_waited_for(system: System) -> None:
    keeper = Keeper()
    with ServiceBench(system, keeper) as bench:
        file, results = bench.open(), list[int]()
        thread = beside(lambda: results.append(read(bench, file, 4, 0)))
        keeper.arrived.wait()
        assert not file.event.read_state()
        keeper.let_go(STATUS_SUCCESS, 4)
        thread.join()
        assert results == [STATUS_SUCCESS] and file.event.read_state()


def test_who_wants_no_event_on_a_synchronous_file_waits_for_its_end_all_the_same(system: System) -> None:
    keeper = Keeper()
    with ServiceBench(system, keeper) as bench:
        file, results = bench.open(), list[int]()
        file.flags |= major.FO_SKIP_SET_EVENT
        thread = beside(lambda: results.append(read(bench, file, 4, 0)))
        keeper.arrived.wait()
        keeper.let_go(STATUS_SUCCESS, 4)
        thread.join()
        assert results == [STATUS_SUCCESS]


def test_cancelling_is_not_disturbed_by_requests_that_come_meanwhile(system: System) -> None:
    keeper = Keeper()
    with ServiceBench(system, keeper) as bench:
        file, irps = bench.open(synchronous=False), system.io.threads.current().irps

        class Comes:
            """Stands in the list; another comes while it is looked at."""

            @property
            def extension(self) -> None:
                irps[Comes()] = None

        irps[Comes()] = None
        assert services.read_file(file, None, None, None, bench.iosb, bytearray(4), None, 0) == STATUS_PENDING
        assert services.cancel_io_ex(file, None, IoStatusBlock()) == STATUS_SUCCESS and keeper.held[0].cancel
        for one in [one for one in irps if isinstance(one, Comes)]:
            del irps[one]
        keeper.let_go(STATUS_CANCELLED)


def test_an_interrupt_inside_a_driver_loses_no_packet(bench: ServiceBench, recorder: Recorder) -> None:
    def interrupted(device: DeviceObject, irp: Irp) -> int:
        raise KeyboardInterrupt

    file, recorder.routine = bench.open(), interrupted
    with pytest.raises(KeyboardInterrupt):
        read(bench, file, 4, 0)
    assert bench.system.io.irps.live() == 0
    recorder.routine = recorder._do
    assert read(bench, file, 4, 0) == STATUS_SUCCESS


def test_an_exception_in_a_driver_is_its_status(bench: ServiceBench, recorder: Recorder) -> None:
    def fails(device: DeviceObject, irp: Irp) -> int:
        raise ValueError("mine")

    file, recorder.routine = bench.open(), fails
    assert read(bench, file, 4, 0) == STATUS_DRIVER_INTERNAL_ERROR or bench.answered == UNTOUCHED
    assert isinstance(bench.device.last_error, ValueError)


# --- drivers that do wrong --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("synchronous", [True, False])
@pytest.mark.parametrize("ended", [STATUS_SUCCESS, STATUS_DISK_FULL])
def test_pending_returned_and_not_marked(system: System, ended: int, synchronous: bool) -> None:
    keeper = Keeper()

    def forgets(device: DeviceObject, irp: Irp) -> int:
        keeper.held.append(irp)
        keeper.arrived.set()
        return STATUS_PENDING

    with ServiceBench(system, Told(forgets)) as bench:
        file, results = bench.open(synchronous=synchronous), []
        arguments = None, None, None, bench.iosb, bytearray(4), None, 0
        if synchronous:
            thread = beside(lambda: results.append(services.read_file(file, *arguments)))
            keeper.arrived.wait()
            keeper.let_go(ended, 4)
            thread.join()
            assert results == [ended]
        else:
            assert services.read_file(file, *arguments) == STATUS_PENDING
            keeper.let_go(ended, 4)
            assert bench.answered == (ended, 4)


@pytest.mark.parametrize("ended", [STATUS_SUCCESS, STATUS_DISK_FULL])
def test_completed_at_once_and_pending_returned_unmarked(system: System, ended: int) -> None:
    with ServiceBench(system, Told(answering(STATUS_PENDING, ended, 4))) as bench:
        assert read(bench, bench.open(), 4, 0) == ended


@pytest.mark.stops_system
@pytest.mark.parametrize("synchronous", [True, False])
def test_a_packet_that_is_lost_stops_the_system(system: System, synchronous: bool) -> None:
    bench = ServiceBench(system, Told(lambda device, irp: STATUS_SUCCESS))
    with pytest.raises(BugCheck, match="neither completed"):
        read(bench, bench.open(synchronous=synchronous), 4, 0)


@pytest.mark.stops_system
def test_a_stop_wakes_who_waits(system: System) -> None:
    keeper, raised = Keeper(), []
    bench = ServiceBench(system, keeper)
    file = bench.open()

    def call() -> None:
        with pytest.raises(BugCheck) as caught:
            read(bench, file, 4, 0)
        raised.append(caught.value)

    thread = beside(call)
    keeper.arrived.wait()
    with pytest.raises(BugCheck):
        system.io.stop(BugCheckCode.MULTIPLE_IRP_COMPLETE_REQUESTS)
    thread.join()
    assert raised == [system.io.bug_check]


# --- files of the host ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [major.FILE_SYNCHRONOUS_IO_NONALERT, 0], ids=["synchronous", "asynchronous"])
def test_a_host_file_through_the_services(real_system: System, tmp_path: Path, options: int) -> None:
    (tmp_path / "data").write_bytes(b"0123456789")
    file = real_system.create_file_object(tmp_path / "data", CreateParameters(access=0x1F01FF, options=options))

    def done(service: Callable[..., int], buffer: Any, offset: int | None) -> tuple[int, int]:
        block, event = IoStatusBlock(), Event(real_system.hal)
        result = service(file, event, None, None, block, buffer, None, offset)
        if result == STATUS_PENDING:
            event.wait()
            result = block.status
        return result, block.information

    buffer = bytearray(4)
    assert (done(services.read_file, buffer, 3), buffer) == ((0, 4), b"3456")
    assert done(services.write_file, b"end", services.FILE_WRITE_TO_END_OF_FILE) == (0, 3)
    if options:
        assert file.current_byte_offset == 13
        assert done(services.write_file, b"!", None) == (0, 1)
    else:
        assert done(services.write_file, b"!", 13) == (0, 1)
    assert services.flush_file(file, IoStatusBlock()) == STATUS_SUCCESS
    assert done(services.read_file, buffer, 14)[0] == STATUS_END_OF_FILE
    close_file(file)
    assert (tmp_path / "data").read_bytes() == b"0123456789end!"
