"""The queue behind a port: its steps one by one, and every order of steps of small systems.

The search starts from an empty queue with some threads and packets and tries, in each state it meets, everything that
may happen next: a packet comes, a thread asks, waits for something else, comes back, is timed out, collects what it was
given, puts it back, exits; the queue closes. In each state the laws hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy

import pytest

from ntio.kernel.queue_object import Answer, QueueObject

pytestmark = pytest.mark.row("R38", "R39")


def queue(maximum: int = 1) -> QueueObject[int]:
    return QueueObject(maximum)


def test_a_packet_is_taken_at_once_by_whoever_asks() -> None:
    one = queue()
    assert one.insert(7) is None
    assert one.depth == 1
    assert one.remove("a") == (Answer.PACKET, 7)
    assert (one.depth, one.active) == (0, 1)


def test_the_thread_that_came_last_is_woken_first() -> None:
    one = queue(2)
    assert [one.remove(name)[0] for name in "abc"] == [Answer.WAIT] * 3
    assert [one.insert(1), one.insert(2), one.insert(3)] == ["c", "b", None]
    assert (one.collect("c"), one.collect("b"), one.depth) == (1, 2, 1)


def test_a_running_thread_takes_the_next_packet_though_others_wait() -> None:
    one = queue()
    one.remove("a")
    one.remove("b")
    assert one.insert(1) == "b"
    one.insert(2)
    one.collect("b")
    assert one.remove("b") == (Answer.PACKET, 2)
    assert one.snapshot().waiters == ("a",)


def test_a_thread_that_waits_for_something_else_lets_one_in_and_may_exceed_the_limit() -> None:
    one = queue()
    one.insert(1)
    one.insert(2)
    one.remove("a")
    assert one.remove("b") == (Answer.WAIT, None)
    assert one.wait_started("a") == "b"
    one.wait_ended("a")
    assert (one.active, one.maximum) == (2, 1)
    one.insert(3)
    assert one.remove("c", due=True) == (Answer.TIMEOUT, None)  # over the limit, though a packet is there


def test_a_time_out_counts_as_released_again() -> None:
    one = queue()
    assert one.remove("a", due=True) == (Answer.TIMEOUT, None)
    assert one.snapshot().released == ("a",)
    assert one.remove("a")[0] is Answer.WAIT
    assert one.give_up("a")
    assert one.snapshot().released == ("a",)


def test_a_packet_wins_over_a_late_time_out() -> None:
    one = queue()
    one.remove("a")
    one.insert(5)
    assert not one.give_up("a")
    assert one.collect("a") == 5


def test_an_interrupted_waiter_puts_its_packet_back_in_front() -> None:
    one = queue()
    one.remove("a")
    one.insert(1)
    one.remove("b")
    one.insert(2)
    assert one.return_packet("a") == "b"
    assert (one.collect("b"), list(one.entries)) == (1, [2])


@pytest.mark.parametrize("bound", [False, True])
def test_a_routine_goes_before_a_packet_only_for_a_new_thread(bound: bool) -> None:
    one = queue(2)
    if bound:
        one.remove("a", due=True)
    one.insert(1)
    expected = (Answer.PACKET, 1) if bound else (Answer.USER_APC, None)
    assert one.remove("a", user_apc=True) == expected


def test_a_head_insert_goes_first_and_more_cost_one_place() -> None:
    one = queue()
    one.insert(1)
    one.insert(2)
    one.insert(0, head=True)
    assert one.remove("a") == (Answer.PACKET, 0)
    assert (one.take_more(5), one.active) == ([1, 2], 1)


def test_many_at_once_wake_as_many_as_may_run() -> None:
    one = queue(2)
    for name in "abc":
        one.remove(name)
    assert one.insert_many([1, 2, 3, 4]) == ["c", "b"]
    assert list(one.entries) == [3, 4]


def test_a_thread_that_leaves_frees_its_place() -> None:
    one = queue()
    one.insert(1)
    one.insert(2)
    one.remove("a")
    one.remove("b")
    assert one.leave("a") == "b"
    assert one.leave("nobody") is None
    assert not one.knows("a") and one.knows("b")


def test_closing_wakes_everybody_and_gives_nothing() -> None:
    one = queue()
    one.remove("a")
    one.remove("b")
    assert one.close() == (["a", "b"], [])
    assert one.remove("a") == (Answer.ABANDONED, None)


# --- every order ------------------------------------------------------------------------------------------------------


class World:
    """A queue, the packets that have not come yet, and what every packet's fate was."""

    def __init__(self, threads: int, packets: int, maximum: int) -> None:
        self.queue: QueueObject[int] = QueueObject(maximum)
        self.threads = [f"t{number}" for number in range(threads)]
        self.gone: set[str] = set()
        self.to_come = list(range(packets))
        self.taken: list[int] = []
        self.lost: list[int] = []

    def key(self) -> tuple[object, ...]:
        return (self.queue.state(), frozenset(self.gone), tuple(self.to_come), frozenset(self.taken))

    def steps(self) -> Iterator[tuple[str, Callable[[World], None]]]:
        """Everything that may happen next."""
        one = self.queue
        if self.to_come and not one.closed:
            yield "a packet comes", lambda world: world.come()
        if not one.closed:
            yield "the queue closes", lambda world: world.close()
        for name in self.threads:
            if name in self.gone:
                continue
            if name in one.given:
                yield f"{name} collects", lambda world, name=name: world.taken.append(world.queue.collect(name))
                yield f"{name} puts back", lambda world, name=name: world.queue.return_packet(name)
                yield f"{name} is late", lambda world, name=name: world.late(name)
            elif name in one.waiters:
                yield f"{name} is timed out", lambda world, name=name: world.give_up(name)
            elif name in one.paused:
                yield f"{name} is back", lambda world, name=name: world.queue.wait_ended(name)
                yield f"{name} exits", lambda world, name=name: world.leave(name)
            else:
                yield f"{name} asks", lambda world, name=name: world.ask(name)
                yield f"{name} does not wait", lambda world, name=name: world.ask(name, due=True)
                yield f"{name} exits", lambda world, name=name: world.leave(name)
                if name in one.released:
                    yield f"{name} waits for something", lambda world, name=name: world.queue.wait_started(name)

    def come(self) -> None:
        self.queue.insert(self.to_come.pop(0))

    def close(self) -> None:
        self.lost += self.queue.close()[1]

    def ask(self, name: str, *, due: bool = False) -> None:
        answer, packet = self.queue.remove(name, due=due)
        if answer is Answer.PACKET:
            assert packet is not None
            self.taken.append(packet)

    def late(self, name: str) -> None:
        assert not self.queue.give_up(name)
        self.taken.append(self.queue.collect(name))

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
        fates = [*self.to_come, *one.entries, *one.given.values(), *self.taken, *self.lost]
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
@pytest.mark.parametrize(("maximum", "expected"), [(1, 2879), (2, 5843), (3, 7250)])
def test_every_order_of_steps_of_three_threads_and_three_packets_keeps_the_laws(maximum: int, expected: int) -> None:
    """The number of states is exact: a step that is forgotten here, or that the queue has grown, changes it."""
    assert states(World(3, 3, maximum)) == expected
