"""A completion port against the queues and executors that Python has.

Rates: one thread puts, one takes. They are bursts of one time slice of the interpreter, not hand-overs: the
producer fills for 5 ms, then the consumer drains. Batches are posted with `copy=False` unless it says copied, as what
goes through a queue of objects is not copied either. Latency: a packet there and one back between two threads, halved:
a hand-over, in which the host wakes a thread, and every line of Python between two sleeps counts.
"""

from __future__ import annotations

import asyncio
import hashlib
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import pytest

import ntio

Scale = Callable[[int, int], int]
Alternate = Callable[..., dict[str, float]]
Record = Callable[..., None]
#: Puts so many numbers from 0 on, and takes them: what a run of one thread each consists of.
Pair = tuple[Callable[[int], object], Callable[[int], int]]


@pytest.fixture
def system() -> Iterator[ntio.System]:
    with ntio.System() as own:
        yield own


def rate(put: Callable[[int], object], take: Callable[[int], int], count: int) -> float:
    """Numbers per second from one thread to another; `take` returns their sum, which must be right."""
    sums: list[int] = []
    taker = threading.Thread(target=lambda: sums.append(take(count)))
    begun = perf_counter()
    taker.start()
    put(count)
    taker.join()
    seconds = perf_counter() - begun
    assert sums == [count * (count - 1) // 2]
    return count / seconds


def of_queue(one: Any) -> Pair:
    def put(count: int) -> None:
        send = one.put
        for number in range(count):
            send(number)

    def take(count: int) -> int:
        get, total = one.get, 0
        for _ in range(count):
            total += get()
        return total

    return put, take


def of_port(port: ntio.CompletionPort) -> Pair:
    def put(count: int) -> None:
        post = port.post
        for number in range(count):
            post(number)

    def take(count: int) -> int:
        get, total = port.get, 0
        for _ in range(count):
            total += get().bytes  # type: ignore[union-attr]
        return total

    return put, take


def of_port_in_batches(port: ntio.CompletionPort, size: int, *, copy: bool = False) -> Pair:
    def put(count: int) -> None:
        post, numbers = port.post_many, np.arange(count, dtype=np.uint64)
        for first in range(0, count, size):
            part = numbers[first : first + size]
            post(part, part, copy=copy)

    def take(count: int) -> int:
        get, total, left = port.get_many, 0, count
        while left:
            packets = get(size)
            total += int(packets.bytes.sum())
            left -= len(packets)
        return total

    return put, take


def test_packets_per_second(system: ntio.System, scale: Scale, alternate: Alternate, record: Record) -> None:
    many, few = scale(4096, 1 << 19), scale(512, 1 << 16)
    port = ntio.CompletionPort(1, system=system)
    ways: dict[str, tuple[Pair, int]] = {
        "queue.SimpleQueue": (of_queue(queue.SimpleQueue()), many),
        "queue.Queue": (of_queue(queue.Queue()), few),
        "port, one at a time": (of_port(port), few),
        "port, batches of 64, copied": (of_port_in_batches(port, 64, copy=True), many),
    }
    for size in (16, 32, 64, 256, 1024):
        ways[f"port, batches of {size}"] = of_port_in_batches(port, size), many
    runs = {name: (lambda pair=pair, count=count: rate(*pair, count)) for name, (pair, count) in ways.items()}
    figures = alternate(runs, scale(1, 9))
    for name, figure in figures.items():
        record(name, per_second=figure, of_simple_queue=figure / figures["queue.SimpleQueue"])
    assert len(port) == 0


def test_put_and_taken_in_one_thread(system: ntio.System, scale: Scale, alternate: Alternate, record: Record) -> None:
    count = scale(512, 1 << 16)
    port, plain = ntio.CompletionPort(1, system=system), queue.SimpleQueue[int]()

    def by(put: Callable[[int], object], take: Callable[[], Any]) -> float:
        begun = perf_counter()
        for number in range(count):
            put(number)
            take()
        return count / (perf_counter() - begun)

    figures = alternate(
        {"queue.SimpleQueue": lambda: by(plain.put, plain.get), "port": lambda: by(port.post, port.get)}, scale(1, 9)
    )
    for name, figure in figures.items():
        record(name, per_second=figure, of_simple_queue=figure / figures["queue.SimpleQueue"])
    assert len(port) == 0 and plain.empty()


def round_trips(there: Pair2, back: Pair2, count: int) -> list[float]:
    """One-way times in microseconds: half of each round trip between this thread and another."""
    times: list[float] = []
    came: tuple[list[Any], list[Any]] = [], []

    def echo() -> None:
        get, put, keep = there[1], back[0], came[0].append
        for number in range(count):
            keep(get())
            put(number)

    other = threading.Thread(target=echo)
    other.start()
    get, put, keep = back[1], there[0], came[1].append
    for number in range(count):
        begun = perf_counter()
        put(number)
        keep(get())
        times.append((perf_counter() - begun) * 5e5)
    other.join()
    for one in came:
        assert [packet if type(packet) is int else packet.bytes for packet in one] == list(range(count))
    return times


#: Put one number, take one.
Pair2 = tuple[Callable[[int], object], Callable[[], Any]]


def test_from_thread_to_thread(system: ntio.System, scale: Scale, alternate: Alternate, record: Record) -> None:
    count = scale(50, 5000)
    slow: dict[str, list[float]] = {}

    def ends(make: Callable[[], Any], put: str) -> Callable[[], Pair2]:
        def pair() -> Pair2:
            one = make()
            return getattr(one, put), one.get

        return pair

    kinds = {
        "queue.SimpleQueue": ends(queue.SimpleQueue, "put"),
        "queue.Queue": ends(queue.Queue, "put"),
        "port": ends(lambda: ntio.CompletionPort(2, system=system), "post"),
    }

    def run(name: str) -> float:
        times = round_trips(kinds[name](), kinds[name](), count)
        slow.setdefault(name, []).append(float(np.percentile(times, 99)))
        return float(median(times))

    figures = alternate({name: (lambda name=name: run(name)) for name in kinds}, scale(1, 9))
    for name, figure in figures.items():
        record(
            name, one_way_us=figure, p99_us=median(slow[name]), of_simple_queue=figure / figures["queue.SimpleQueue"]
        )


def work(number: int) -> bytes:
    """A little of it."""
    return hashlib.sha256(number.to_bytes(8, "little")).digest()


def hash_of(parts: list[bytes]) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


def test_calls_per_second(system: ntio.System, scale: Scale, alternate: Alternate, record: Record) -> None:
    """Short calls submitted one by one and waited for together; asyncio's are coroutines of one loop."""
    count = scale(50, 10_000)
    expected = hash_of([work(number) for number in range(count)])

    def by(executor: Executor) -> float:
        begun = perf_counter()
        results = list(executor.map(work, range(count)))
        seconds = perf_counter() - begun
        assert hash_of(results) == expected
        return count / seconds

    async def in_a_loop() -> list[bytes]:
        async def one(number: int) -> bytes:
            return work(number)

        return await asyncio.gather(*(one(number) for number in range(count)))

    def by_loop() -> float:
        begun = perf_counter()
        results = asyncio.run(in_a_loop())
        assert hash_of(results) == expected
        return count / (perf_counter() - begun)

    def by_workers() -> float:
        results: list[bytes] = [b""] * count

        def handle(packets: ntio.Packets) -> None:
            for number in packets.key.tolist():
                results[number] = work(number)

        begun = perf_counter()
        with ntio.CompletionPort(2, system=system) as port, port.workers(handle, 4, batch=64):
            for first in range(0, count, 64):
                port.post_many(0, np.arange(first, min(first + 64, count)))
        assert hash_of(results) == expected
        return count / (perf_counter() - begun)

    with ThreadPoolExecutor(2) as pool, ntio.PortExecutor(2, system=system) as executor:
        figures = alternate(
            {
                "ThreadPoolExecutor(2)": lambda: by(pool),
                "asyncio.gather": by_loop,
                "PortExecutor(2)": lambda: by(executor),
                "port workers, batches of 64": by_workers,
            },
            scale(1, 7),
        )
    for name, figure in figures.items():
        record(name, calls_per_second=figure, hash=expected)
