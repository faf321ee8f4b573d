"""Three sizes of packets and a pool above them; everything counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntio import Irp, System
from ntio.io_manager.codes import major
from ntio.io_manager.packet.irp_pool import DEPTHS, NAMES, QUOTA_FLOAT, SIZES
from ntio.testing.hal_tests import beside


def list_of(count: int) -> str:
    return "small" if count == 1 else "medium" if count <= 4 else "large"


@pytest.mark.row("R14")
@pytest.mark.parametrize("count", range(1, 21))
def test_which_list_serves_which_depth(count: int) -> None:
    """Conformance 1, 2, 4: the list's full size, the count asked for, exactly the fixed-size flag."""
    with System("simulated", processors=1) as system:
        irps = system.io.irps
        irp = irps.allocate(count)
        used = {name: statistics.total_allocates for name, statistics in irps.statistics().lists.items()}
        assert used == {f"{name}[0]": int(name == list_of(count)) for name in NAMES}
        assert len(irp.locations) == SIZES[NAMES.index(list_of(count))]
        assert (irp.stack_count, irp.current_location) == (count, count + 1)
        assert irp.allocation_flags == major.IRP_ALLOCATED_FIXED_SIZE
        irps.free(irp)
        assert irps.live() == 0


@pytest.mark.row("R14")
@pytest.mark.parametrize("count", [21, 64])
def test_a_deeper_stack_gets_its_packets_from_the_pool(count: int) -> None:
    with System("simulated") as system:
        irps = system.io.irps
        irp = irps.allocate(count)
        assert (len(irp.locations), irp.stack_count, irp.allocation_flags) == (count, count, 0)
        assert (irps.live(), irps.statistics().pool_allocates) == (1, 1)
        irps.free(irp)
        assert irps.live() == 0
        assert irps.allocate(count) is not irp
        assert all(not statistics.total_allocates for statistics in irps.statistics().lists.values())


def test_hits_and_misses() -> None:
    with System("simulated", processors=1) as system:
        irps = system.io.irps
        for _ in range(3):
            irps.free(irps.allocate(2))
        statistics = irps.statistics().lists["medium[0]"]
        assert (statistics.total_allocates, statistics.allocate_misses, statistics.total_frees) == (3, 1, 3)
        assert statistics.depth == DEPTHS[1]


def test_a_list_keeps_no_more_than_its_depth() -> None:
    with System("simulated", processors=1) as system:
        irps = system.io.irps
        for irp in [irps.allocate(1) for _ in range(DEPTHS[0] + 3)]:
            irps.free(irp)
        statistics = irps.statistics().lists["small[0]"]
        assert (statistics.kept, statistics.free_misses) == (DEPTHS[0], 3)
        assert irps.live() == 0


def test_without_lookaside_nothing_is_kept() -> None:
    with System("simulated", lookaside=False) as system:
        irps = system.io.irps
        irp = irps.allocate(3)
        irps.free(irp)
        assert irps.allocate(3) is not irp
        assert irps.live() == 1


@pytest.mark.row("R14")
def test_each_processor_has_lists_of_its_own() -> None:
    with System("simulated", processors=2) as system:
        irps = system.io.irps
        for _ in range(2):
            beside(lambda: irps.free(irps.allocate(1))).join()
        counts = {name: one.total_allocates for name, one in irps.statistics().lists.items() if "small" in name}
        assert counts == {"small[0]": 1, "small[1]": 1}


def test_a_packet_goes_back_to_the_list_it_came_from() -> None:
    with System("simulated", processors=2) as system:
        irps = system.io.irps
        taken: list[Irp] = []
        beside(lambda: taken.append(irps.allocate(1))).join()
        irps.free(taken[0])  # on another thread, and so on another processor
        statistics = irps.statistics().lists
        assert [statistics[f"small[{number}]"].kept for number in range(2)] == [1, 0]


@pytest.mark.row("R14")
def test_what_one_processor_has_no_place_for_another_gets() -> None:
    """Between a processor's list and memory stands one that all share."""
    with System("simulated", processors=2) as system:
        irps = system.io.irps
        mine = [irps.allocate(1) for _ in range(DEPTHS[0] + 1)]
        for irp in mine:
            irps.free(irp)
        taken: list[Irp] = []
        beside(lambda: taken.append(irps.allocate(1))).join()
        assert taken == [mine[-1]]
        shared = irps.statistics().shared["small"]
        assert (shared.total_frees, shared.kept, shared.total_allocates) == (1, 0, DEPTHS[0] + 2)
        irps.free(taken[0])
        assert irps.live() == 0


@pytest.mark.row("R14")
def test_the_sizes_can_be_chosen() -> None:
    with System("simulated", processors=1, lookaside_sizes=(2, 3, 8)) as system:
        irps = system.io.irps
        packets = [irps.allocate(count) for count in (1, 2, 3, 4, 8, 9)]
        assert [len(irp.locations) for irp in packets] == [2, 2, 3, 8, 8, 9]
        assert irps.statistics().pool_allocates == 1
        for irp in packets:
            irps.free(irp)


@pytest.mark.parametrize("sizes", [(0, 4, 20), (4, 4, 20), (1, 20, 4)])
def test_sizes_that_do_not_grow_are_refused(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="lookaside sizes"):
        System("simulated", lookaside_sizes=sizes)


@pytest.mark.row("R14")
def test_charged_packets_come_from_the_lists_as_long_as_the_float_lasts() -> None:
    fixed, charged = major.IRP_ALLOCATED_FIXED_SIZE, major.IRP_LOOKASIDE_ALLOCATION
    with System("simulated", processors=2) as system:
        irps = system.io.irps
        out = [irps.allocate_for_driver(2, charge_quota=True) for _ in range(QUOTA_FLOAT // 2)]
        assert {irp.allocation_flags for irp in out} == {fixed | charged}
        beyond = irps.allocate_for_driver(2, charge_quota=True)
        assert (beyond.allocation_flags, len(beyond.locations)) == (major.IRP_QUOTA_CHARGED, 2)
        assert irps.allocate_for_driver(2).allocation_flags == fixed  # not charged: from the list
        irps.free(out.pop())
        again = irps.allocate_for_driver(2, charge_quota=True)
        assert again.allocation_flags == fixed | charged
        irps.free(again)
        plain = irps.allocate(2)
        assert plain is again and plain.allocation_flags == fixed
        assert irps.live() == QUOTA_FLOAT // 2 + 2


def test_a_charged_packet_for_a_deep_stack_is_of_the_pool() -> None:
    with System("simulated") as system:
        irp = system.io.irps.allocate_for_driver(21, charge_quota=True)
        assert irp.allocation_flags == major.IRP_QUOTA_CHARGED
        system.io.irps.free(irp)
        assert not system.io.irps.live()


def test_a_drivers_packet_has_nothing_of_its_former_life() -> None:
    with System("simulated", processors=1) as system:
        irps = system.io.irps
        irp = irps.allocate(2)
        for location in irp.locations:
            location.major, location.completion_routine, location.device = 3, print, "device"  # type: ignore[assignment]
        irp.current_location = irp.stack_count + 2  # as if it had been sent and completed
        irps.free(irp)
        again = irps.allocate_for_driver(2)
        assert again is irp
        assert all(one.major == 0 and one.completion_routine is one.device is None for one in again.locations)


def test_trimming_leaves_packets_in_flight_alone() -> None:
    with System("simulated", processors=1) as system:
        irps = system.io.irps
        out = irps.allocate(1)
        irps.free(irps.allocate(2))
        irps.trim()
        assert irps.live() == 1
        assert all(not statistics.kept for statistics in irps.statistics().lists.values())
        irps.free(out)
        assert irps.allocate(1) is out


@given(st.lists(st.integers(0, 24), max_size=60))
def test_no_packet_has_two_owners(steps: list[int]) -> None:
    """A number allocates a packet of that depth, 0 gives the oldest back."""
    with System("simulated", processors=1) as system:
        irps, out = system.io.irps, list[Irp]()
        for step in steps:
            if step:
                irp = irps.allocate(step)
                assert all(irp is not other for other in out)
                assert irp.stack_count == step <= len(irp.locations)
                out.append(irp)
            elif out:
                irps.free(out.pop(0))
            assert irps.live() == len(out)
