"""Ports: made and associated, packets posted and taken, threads let in."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable

import pytest

from iocp_bench import BOGUS, Bench, outcome, until
from iocp_table import documented
from ntio.io_manager.io_status import IoStatusBlock
from ntio.status import STATUS_SUCCESS
from ntio.win32 import ntdll, win32api, win32event, win32file
from ntio.win32 import win32con as c

Answers = Callable[..., None]

pytestmark = pytest.mark.row("R35", "R36", "R37")


def create(*arguments: int, system: object) -> dict[str, object]:
    return outcome(lambda: win32file.CreateIoCompletionPort(*arguments, system=system))  # type: ignore[arg-type]


# --- making and associating -------------------------------------------------------------------------------------------


def test_case_01_create_port(ports: Bench, answers: Answers) -> None:
    """No file, no port: a port is made."""
    answers(nonnull=bool(ports.port()))


def test_case_02_create_invalid_file_with_port(ports: Bench, answers: Answers) -> None:
    """INVALID_HANDLE_VALUE and a port that exists: refused."""
    port = ports.port()
    answers(call=create(c.INVALID_HANDLE_VALUE, port, 0, 0, system=ports.system))


def test_case_03_create_bogus_file(ports: Bench, answers: Answers) -> None:
    """A number that is no handle is associated with a port: refused."""
    answers(call=create(BOGUS, ports.port(), 0, 0, system=ports.system))


def test_case_04_create_existing_not_port(ports: Bench, answers: Answers) -> None:
    """A file is associated with an event: refused."""
    answers(call=create(ports.file(), ports.event(), 0, 0, system=ports.system))


def test_case_05_associate_event_object(ports: Bench, answers: Answers) -> None:
    """An event is associated with a port: refused."""
    answers(call=create(ports.event(), ports.port(), 0, 0, system=ports.system))


def test_case_06_associate_same_handle_back(ports: Bench, answers: Answers) -> None:
    """A file is associated with a port: the port's own handle comes back."""
    port = ports.port()
    answers(same=win32file.CreateIoCompletionPort(ports.file(), port, 7, 0) is port)


def test_case_07_create_and_associate(ports: Bench, answers: Answers) -> None:
    """A port is made for a file in one call; a read makes a packet with the key."""
    file = ports.file()
    port = ports.keep(win32file.CreateIoCompletionPort(file, None, 77, 0))
    win32file.ReadFile(file, 4, ports.overlapped[0])
    answers(nonnull=bool(port), get=ports.get(port))


def test_case_08_associate_sync_handle(ports: Bench, answers: Answers) -> None:
    """A file opened without FILE_FLAG_OVERLAPPED is associated: refused."""
    answers(call=create(ports.file(flags=0), ports.port(), 0, 0, system=ports.system))


def test_case_10_replace_completion(ports: Bench, answers: Answers) -> None:
    """A file leaves its port (information class 61) and goes to another one: that one gets the packet."""
    file = ports.file()
    ports.associated(file, 5)
    other = ports.port()
    detached = ntdll.NtSetInformationFile(file, IoStatusBlock(), struct.pack("<QQ", 0, 0), 61)
    attached = create(file, other, 9, 0, system=ports.system)
    win32file.ReadFile(file, 4, ports.overlapped[0])
    answers(detach=hex(detached), attach_other=attached, other_port=ports.get(other))


# --- packets ----------------------------------------------------------------------------------------------------------


def test_case_11_post_passthrough(ports: Bench, answers: Answers) -> None:
    """Three values are posted: the same three come back."""
    port, key = ports.port(), 1234605616436508552
    posted = outcome(lambda: win32file.PostQueuedCompletionStatus(port, 0xFFFF_FFFE, key, 0x1234))
    answers(post=posted, get=ports.get(port))


def test_case_12_post_null_overlapped(ports: Bench, answers: Answers) -> None:
    """A packet without OVERLAPPED is posted: it is taken as a success."""
    port = ports.port()
    win32file.PostQueuedCompletionStatus(port, 3, 4, None)
    answers(get=ports.get(port))


def test_case_13_get_empty_zero(ports: Bench, answers: Answers) -> None:
    """Nothing is there and no time given: a timeout at once."""
    answers(get=ports.get(ports.port(), 0))


def test_case_14_get_timeout(ports: Bench, answers: Answers) -> None:
    """Nothing comes for 120 ms: a timeout, not before 100 ms."""
    port, clock = ports.port(), ports.system.io.hal.clock  # of a simulated machine, one that nobody has to wait for
    began = clock.now()
    got = ports.get(port, 120)
    answers(get=got, waited=clock.now() - began >= 0.1)


def test_case_15_bad_handles(ports: Bench, answers: Answers) -> None:
    """What is no port is asked for a packet, and posted to: an invalid handle."""
    event = ports.event()
    answers(
        get_bogus=ports.get(BOGUS, 0),
        get_event=ports.get(event, 0),
        post_bogus=outcome(lambda: win32file.PostQueuedCompletionStatus(BOGUS, 0, 0, None, system=ports.system)),
        post_event=outcome(lambda: win32file.PostQueuedCompletionStatus(event, 0, 0, None)),
    )


def test_case_16_fifo_order(ports: Bench, answers: Answers) -> None:
    """Six packets are posted: they are taken in their order."""
    port = ports.port()
    for number in range(6):
        ports.post(port, number)
    answers(order=[ports.get(port)["bytes"] for _ in range(6)], then=ports.get(port, 0))


def test_case_17_query_depth(ports: Bench, answers: Answers) -> None:
    """Three packets are posted and one taken: NtQueryIoCompletion before, between and after."""
    port = ports.port()
    depths = [ntdll.NtQueryIoCompletion(port)]
    for number in range(3):
        ports.post(port, number)
    depths.append(ntdll.NtQueryIoCompletion(port))
    ports.get(port)
    depths.append(ntdll.NtQueryIoCompletion(port))
    assert {status for status, _ in depths} == {STATUS_SUCCESS}
    answers(depth=[depth for _, depth in depths])


def test_case_19_ex_several(ports: Bench, answers: Answers) -> None:
    """Five packets are taken by two calls, of up to three and up to eight."""
    port = ports.port()
    for number in range(5):
        win32file.PostQueuedCompletionStatus(port, number, 100 + number, ports.overlapped[number])
    (first, one), (second, two) = ports.get_several(port, 3), ports.get_several(port, 8)
    answers(first=first, n1=len(one), e1=one, second=second, n2=len(two), e2=two)


def test_case_20_ex_timeout(ports: Bench, answers: Answers) -> None:
    """Nothing is there for a call that takes several: a timeout."""
    answers(call=ports.get_several(ports.port(), 4)[0])


def test_case_21_ex_zero_count(ports: Bench, answers: Answers) -> None:
    """No packet at all is asked for: refused, and the packet that was there stays."""
    port = ports.port()
    win32file.PostQueuedCompletionStatus(port, 1, 1, None)
    answers(call=ports.get_several(port, 0)[0], still_there=ports.get(port, 0))


def test_case_23_ex_blocks_for_first_only(ports: Bench, answers: Answers) -> None:
    """One packet is there, four are asked for, with three seconds: the one comes at once."""
    port = ports.port()
    ports.post(port, 1)
    began = time.monotonic()
    call, entries = ports.get_several(port, 4, 3000)
    answers(ok=call["ok"], n=len(entries), at_once=time.monotonic() - began < 1)


def test_case_24_ex_alertable_apc(ports: Bench, answers: Answers) -> None:
    """A user APC is pending: it ends an alertable call and has run then; one that is not alertable lets it wait."""
    port, ran = ports.port(), []
    win32api.QueueUserAPC(ran.append, win32api.GetCurrentThread(), 1, system=ports.system)
    not_alertable, before = ports.get_several(port, 1)[0], len(ran)
    alertable, after = ports.get_several(port, 1, 1000, alertable=True)[0], len(ran)
    again = ports.get_several(port, 1, alertable=True)[0]
    answers(
        not_alertable=not_alertable,
        apcs_after_not_alertable=before,
        alertable=alertable,
        apcs_after_alertable=after,
        again=again,
    )


def test_case_26_get_ignores_apc(ports: Bench, answers: Answers) -> None:
    """A user APC is pending: GetQueuedCompletionStatus times out; SleepEx runs it."""
    port, ran = ports.port(), []
    win32api.QueueUserAPC(ran.append, win32api.GetCurrentThread(), 1, system=ports.system)
    got, before = ports.get(port, 50), len(ran)
    slept = win32api.SleepEx(0, True, system=ports.system)
    answers(get=got, apcs=before, sleepex=slept, apcs_after=len(ran))


# --- threads ----------------------------------------------------------------------------------------------------------


class Workers:
    """Threads that take packets from a port; each packet keeps its taker busy until `gate` is opened once for it."""

    def __init__(self, ports: Bench, port: object) -> None:
        self.ports, self.port = ports, port
        self.gate = threading.Semaphore(0)
        self.lock = threading.Lock()
        self.running = self.most = 0
        self.taken: list[int] = []

    def loop(self, number: int) -> None:
        """Take packets until the port is closed."""
        while self.ports.get(self.port, c.INFINITE)["ok"]:
            self.work(number)

    def work(self, number: int) -> None:
        """Be busy with one packet: with nothing that the port hears of."""
        with self.lock:
            self.taken.append(number)
            self.running += 1
            self.most = max(self.most, self.running)
        self.gate.acquire()
        with self.lock:
            self.running -= 1

    def start(self, count: int) -> None:
        """Have so many wait, in their order."""
        self.ports.start_waiters(self.port, [lambda n=n: self.loop(n) for n in range(count)])  # type: ignore[misc]


def test_case_27_lifo_release(ports: Bench, answers: Answers) -> None:
    """Four threads wait, more may run than there are: the one that came last gets the first packet."""
    port = ports.port(16)
    workers = Workers(ports, port)
    workers.start(4)
    for number in range(4):
        ports.post(port, number)
        until(lambda: workers.running == number + 1)  # noqa: B023 - asked at once
    workers.gate.release(4)
    answers(thread_order=workers.taken)


def test_case_28_concurrency_limit_busy(ports: Bench, answers: Answers) -> None:
    """One may run, three wait, three packets come: one thread runs at a time, and all are taken."""
    port = ports.port(1)
    workers = Workers(ports, port)
    workers.start(3)
    for number in range(3):
        ports.post(port, number)
    until(lambda: workers.running == 1)
    running, depth = workers.running, ports.inside(port).depth
    assert depth == 2
    for taken in (2, 3):
        workers.gate.release()
        until(lambda: len(workers.taken) == taken)  # noqa: B023 - asked at once
    workers.gate.release()
    answers(running_with_limit_1=running, all_taken=len(workers.taken), max_running=workers.most)


def test_case_29_concurrency_blocked_frees_slot(ports: Bench, answers: Answers) -> None:
    """One may run, and waits for an event: a second thread takes the next packet meanwhile."""
    port, event, second = ports.port(1), ports.event(), threading.Event()
    waiting: list[int] = []

    def blocks() -> None:
        ports.get(port, c.INFINITE)
        waiting.append(1)
        win32event.WaitForSingleObject(event, c.INFINITE)
        waiting.clear()

    def takes() -> None:
        ports.get(port, c.INFINITE)
        second.set()

    ports.start_waiters(port, [takes, blocks])
    ports.post(port, 0)
    ports.post(port, 1)
    taken = second.wait(20) and bool(waiting)
    win32event.SetEvent(event)
    answers(second_taken_while_first_waits=taken)


def test_case_30_running_thread_keeps_port(ports: Bench, answers: Answers) -> None:
    """One may run, three wait, three packets come: the thread that has one comes back for the others."""
    port = ports.port(1)
    workers = Workers(ports, port)
    workers.start(3)
    for number in range(3):
        ports.post(port, number)
    workers.gate.release(3)
    until(lambda: len(workers.taken) == 3)
    answers(threads_used_for_3_packets=len(set(workers.taken)))


def test_case_32_thread_exit_frees_slot(ports: Bench, answers: Answers) -> None:
    """One may run, and ends: the thread that waits gets the next packet then, and not before."""
    port, second, leave = ports.port(1), threading.Event(), threading.Event()
    first: list[bool] = []

    def ends() -> None:
        first.append(ports.get(port, c.INFINITE)["ok"])
        leave.wait()

    def takes() -> None:
        ports.get(port, c.INFINITE)
        second.set()

    ports.start_waiters(port, [takes, ends])
    ports.post(port, 0)
    until(lambda: bool(first))
    ports.post(port, 1)
    before = second.is_set() or ports.inside(port).depth != 1
    leave.set()
    answers(second_taken_before_exit=before, second_taken_after_exit=second.wait(20))


def test_case_35_each_packet_once(ports: Bench, answers: Answers) -> None:
    """Four threads take twenty packets: each is taken once."""
    port = ports.port(4)
    taken: list[int] = []

    def loop() -> None:
        while (got := ports.get(port, c.INFINITE))["ok"]:
            taken.append(got["bytes"])

    ports.start_waiters(port, [loop] * 4)
    for number in range(20):
        ports.post(port, number)
    until(lambda: len(taken) >= 20)
    assert sorted(taken) == list(range(20))
    answers(packets_taken=len(taken))


def test_case_36_close_with_waiters(ports: Bench, answers: Answers) -> None:
    """A port is closed while two threads wait: both are sent away; the handle names nothing any more."""
    port = ports.port()
    number, ended = int(port), {}

    def waits(name: str) -> None:
        ended[name] = ports.get(port, c.INFINITE)

    ports.start_waiters(port, [lambda: waits("w0"), lambda: waits("w1")])
    closed = outcome(lambda: win32file.CloseHandle(number, system=ports.system))
    until(lambda: len(ended) == 2)
    answers(close=closed, **ended, get_after_close=ports.get(number, 0))
    port.Detach()


def test_case_37_port_outlives_handle(ports: Bench, answers: Answers) -> None:
    """A file's port is closed: a read with an event still ends."""
    file, event = ports.file(), ports.event()
    ports.associated(file, 5).Close()
    ports.overlapped[0].hEvent = event
    win32file.ReadFile(file, 4, ports.overlapped[0])
    answers(io_still_works=ports.result(file, ports.overlapped[0], wait=True))


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_case_83_status_to_error(ports: Bench, answers: Answers) -> None:
    """The Win32 errors of 53 statuses."""
    answers(**{number: ntdll.RtlNtStatusToDosError(int(number, 16)) for number in documented("status_to_error")})


