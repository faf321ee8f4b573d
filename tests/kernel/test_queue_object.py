"""The queue behind a port: its steps one by one, and every order of steps of small systems.

The search starts from an empty queue with some threads and packets and tries, in each state it meets, everything that
may happen next: a packet comes, a thread asks, waits for something else, comes back, is timed out, collects what it was
given, puts it back, exits; the queue closes. In each state the laws hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from copy import deepcopy

import pytest

from ntio.kernel.queue_object import Answer, QueueObject, Run

pytestmark = pytest.mark.row("R38", "R39")


def queue(maximum: int = 1) -> QueueObject[int]:
    return QueueObject(maximum, nullcontext())


def run(*packets: int) -> Run:
    return Run(packets, 0, len(packets))


def in_order(entries: Iterable[int | Run]) -> list[int]:
    """Packets, whether they came alone or together."""
    found: list[int] = []
    for entry in entries:
        found += entry.content[entry.start : entry.stop] if isinstance(entry, Run) else [entry]
    return found


def collect(one: QueueObject[int], name: str) -> list[int]:
    """A thread carries home what it was given."""
    return in_order(one.given.pop(name))


def take(one: QueueObject[int], name: str, count: int = 1) -> list[int]:
    assert one.remove(name, count=count) is Answer.PACKET
    one.take_more(name, count)
    return collect(one, name)


def test_a_packet_is_taken_at_once_by_whoever_asks() -> None:
    one = queue()
    assert one.insert(7) is None
    assert one.depth == 1
    assert take(one, "a") == [7]
    assert (one.depth, one.active) == (0, 1)


def test_the_thread_that_came_last_is_woken_first() -> None:
    one = queue(2)
    assert [one.remove(name) for name in "abc"] == [Answer.WAIT] * 3
    assert [one.insert(1), one.insert(2), one.insert(3)] == ["c", "b", None]
    assert (collect(one, "c"), collect(one, "b"), one.depth) == ([1], [2], 1)


def test_a_running_thread_takes_the_next_packet_though_others_wait() -> None:
    one = queue()
    one.remove("a")
    one.remove("b")
    assert one.insert(1) == "b"
    one.insert(2)
    collect(one, "b")
    assert take(one, "b") == [2]
    assert one.snapshot().waiters == ("a",)


def test_a_thread_that_waits_for_something_else_lets_one_in_and_may_exceed_the_limit() -> None:
    one = queue()
    one.insert(1)
    one.insert(2)
    one.remove("a")
    assert one.remove("b") is Answer.WAIT
    assert one.wait_started("a") == "b"
    one.wait_ended("a")
    assert (one.active, one.maximum) == (2, 1)
    one.insert(3)
    assert one.remove("c", due=True) is Answer.TIMEOUT  # over the limit, though a packet is there


def test_a_time_out_counts_as_released_again() -> None:
    one = queue()
    assert one.remove("a", due=True) is Answer.TIMEOUT
    assert one.snapshot().released == ("a",)
    assert one.remove("a") is Answer.WAIT
    assert one.give_up("a")
    assert one.snapshot().released == ("a",)


def test_a_packet_wins_over_a_late_time_out() -> None:
    one = queue()
    one.remove("a")
    one.insert(5)
    assert not one.give_up("a")
    assert collect(one, "a") == [5]


def test_an_interrupted_waiter_puts_its_packet_back_in_front() -> None:
    one = queue()
    one.remove("a")
    one.insert(1)
    one.remove("b")
    one.insert(2)
    assert one.interrupted("a") == ["b"]
    assert (collect(one, "b"), list(one.entries)) == ([1], [2])
    assert one.snapshot().paused == ("a",)


def test_an_interrupted_waiter_that_was_given_nothing_does_not_wait_any_more() -> None:
    one = queue()
    one.remove("a")
    assert one.interrupted("a") == []
    assert (one.snapshot().waiters, one.snapshot().paused) == ((), ("a",))
    assert one.insert(1) is None


def test_two_packets_that_are_put_back_may_let_two_in() -> None:
    one = queue(2)
    one.insert_run(run(1, 2))
    assert one.remove("a", count=2) is Answer.PACKET
    one.remove("b")
    one.remove("c")
    assert one.interrupted("a") == ["c", "b"]
    assert (collect(one, "c"), collect(one, "b"), one.active) == ([1], [2], 2)


def test_everything_an_interrupted_thread_took_goes_back_in_its_order() -> None:
    one = queue()
    one.insert(0)
    one.insert_run(run(1, 2, 3))
    one.insert(4)
    one.remove("a")
    one.take_more("a", 3)
    assert (in_order(one.given["a"]), one.depth) == ([0, 1, 2], 2)
    one.interrupted("a")
    assert (in_order(one.entries), one.depth) == ([0, 1, 2, 3, 4], 5)


@pytest.mark.parametrize("bound", [False, True])
def test_a_routine_goes_before_a_packet_only_for_a_new_thread(bound: bool) -> None:
    one = queue(2)
    if bound:
        one.remove("a", due=True)
    one.insert(1)
    assert one.remove("a", user_apc=True) is (Answer.PACKET if bound else Answer.USER_APC)


def test_a_head_insert_goes_first_and_more_cost_one_place() -> None:
    one = queue()
    one.insert(1)
    one.insert(2)
    one.insert(0, head=True)
    assert (take(one, "a", 6), one.active) == ([0, 1, 2], 1)


def test_many_at_once_wake_as_many_as_may_run() -> None:
    one = queue(2)
    for name in "abc":
        one.remove(name)
    assert one.insert_run(run(1, 2, 3, 4)) == ["c", "b"]
    assert (collect(one, "c"), collect(one, "b")) == ([1], [2])
    assert (in_order(one.entries), len(one.entries), one.depth) == ([3, 4], 1, 2)


def test_a_run_is_one_entry_and_is_cut_where_somebody_takes_less() -> None:
    one = queue(3)
    assert one.insert_run(run()) == [] and one.depth == 0
    whole = run(*range(10))
    one.insert_run(whole)
    one.insert(10)
    assert (len(one.entries), one.depth) == (2, 11)
    assert take(one, "a", 4) == [0, 1, 2, 3]
    assert take(one, "b") == [4]
    assert one.remove("c") is Answer.PACKET
    one.take_more("c", 6)
    assert [type(entry) for entry in one.given["c"]] == [Run, Run, int]
    assert (collect(one, "c"), one.depth, one.extra) == ([5, 6, 7, 8, 9, 10], 0, 0)


def test_a_thread_that_leaves_frees_its_place() -> None:
    one = queue()
    one.insert(1)
    one.insert(2)
    one.remove("a")
    one.remove("b")
    assert one.leave("a") == ["b"]
    assert one.leave("nobody") == []
    assert (one.snapshot().released, one.snapshot().paused, one.snapshot().waiters) == (("b",), (), ())


def test_closing_wakes_everybody_and_gives_nothing() -> None:
    one = queue()
    one.remove("a")
    one.remove("b")
    assert one.close() == (["a", "b"], [])
    assert one.remove("a") is Answer.ABANDONED
    assert one.insert(1) is None and one.insert_run(run(2)) == [] and one.depth == 0


# --- every order ------------------------------------------------------------------------------------------------------


class World:
    """A queue, the packets that have not come yet, and what every packet's fate was."""

    def __init__(self, threads: int, packets: int, maximum: int) -> None:
        self.queue: QueueObject[int] = QueueObject(maximum, nullcontext())
        self.threads = [f"t{number}" for number in range(threads)]
        self.gone: set[str] = set()
        self.to_come = list(range(packets))
        self.taken: list[int] = []
        self.lost: list[int] = []

    def key(self) -> tuple[object, ...]:
        """Everything that decides what can happen next."""
        one = self.queue
        shape = tuple(1 if isinstance(entry, int) else entry.stop - entry.start for entry in one.entries)
        given = tuple((name, tuple(in_order(entries))) for name, entries in one.given.items())
        lists = one.active, one.closed, tuple(one.waiters), frozenset(one.released), frozenset(one.paused), given
        packets = tuple(in_order(one.entries)), shape, tuple(self.to_come), frozenset(self.taken)
        return lists, packets, frozenset(self.gone)

    def steps(self) -> Iterator[tuple[str, Callable[[World], None]]]:
        """Everything that may happen next."""
        one = self.queue
        if self.to_come and not one.closed:
            yield "a packet comes", lambda world: world.come()
            if len(self.to_come) > 1:
                yield "two come together", lambda world: world.two_come()
        if not one.closed:
            yield "the queue closes", lambda world: world.close()
        for name in self.threads:
            if name in self.gone:
                continue
            if name in one.given:
                yield f"{name} collects", lambda world, name=name: world.collect(name)
                yield f"{name} collects all", lambda world, name=name: world.collect(name, more=4)
                yield f"{name} is interrupted", lambda world, name=name: world.interrupt(name)
                yield f"{name} is late", lambda world, name=name: world.late(name)
            elif name in one.waiters:
                yield f"{name} is timed out", lambda world, name=name: world.give_up(name)
                yield f"{name} is interrupted", lambda world, name=name: world.interrupt(name)
            elif name in one.paused:
                yield f"{name} is back", lambda world, name=name: world.queue.wait_ended(name)
                yield f"{name} exits", lambda world, name=name: world.leave(name)
            else:
                yield f"{name} asks", lambda world, name=name: world.ask(name)
                yield f"{name} asks for two", lambda world, name=name: world.ask(name, count=2)
                yield f"{name} does not wait", lambda world, name=name: world.ask(name, due=True)
                yield f"{name} exits", lambda world, name=name: world.leave(name)
                if name in one.released:
                    yield f"{name} waits for something", lambda world, name=name: world.queue.wait_started(name)

    def come(self) -> None:
        self.queue.insert(self.to_come.pop(0))

    def two_come(self) -> None:
        self.queue.insert_run(run(self.to_come.pop(0), self.to_come.pop(0)))

    def close(self) -> None:
        self.lost += in_order(self.queue.close()[1])

    def ask(self, name: str, *, due: bool = False, count: int = 1) -> None:
        answer = self.queue.remove(name, due=due, count=count)
        assert (answer is Answer.PACKET) == (name in self.queue.given)

    def collect(self, name: str, more: int = 1) -> None:
        self.queue.take_more(name, more)
        self.taken += collect(self.queue, name)

    def interrupt(self, name: str) -> None:
        if self.queue.closed:  # what is put back there is lost like the rest
            self.lost += in_order(self.queue.given.get(name, ()))
        self.queue.interrupted(name)

    def late(self, name: str) -> None:
        assert not self.queue.give_up(name)
        self.collect(name)

    def give_up(self, name: str) -> None:
        assert self.queue.give_up(name)

    def leave(self, name: str) -> None:
        self.queue.leave(name)
        self.gone.add(name)

    def check(self) -> None:
        """The laws."""
        one = self.queue
        assert not (one.active < one.maximum and one.waiters and one.entries)
        assert one.active == len(one.released)
        groups = [set(one.waiters), set(one.released), set(one.paused)]
        assert sum(map(len, groups)) == len(set().union(*groups))
        assert set(one.given) <= set(one.released) and not self.gone & set().union(*groups)
        given = [packet for entries in one.given.values() for packet in in_order(entries)]
        fates = [*self.to_come, *in_order(one.entries), *given, *self.taken, *self.lost]
        assert one.depth == len(in_order(one.entries))
        assert sorted(fates) == list(range(len(fates)))  # each packet is in one place
        assert not one.closed or not one.waiters


def states(world: World) -> int:
    """Visit every state that can be reached; how many there are."""
    seen, open_worlds = {world.key()}, [world]
    while open_worlds:
        here = open_worlds.pop()
        for _, step in here.steps():
            there = deepcopy(here)
            step(there)
            there.check()
            if there.key() not in seen:
                seen.add(there.key())
                open_worlds.append(there)
    return len(seen)


@pytest.mark.slow
@pytest.mark.parametrize(("maximum", "expected"), [(1, 3320), (2, 7985), (3, 7823)])
def test_every_order_of_steps_of_three_threads_and_three_packets_keeps_the_laws(maximum: int, expected: int) -> None:
    """The number of states is exact: a step that is forgotten here, or that the queue has grown, changes it."""
    assert states(World(3, 3, maximum)) == expected
