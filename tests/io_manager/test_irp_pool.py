"""Three sizes of packets and a pool above them; everything counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntio import Irp, System
from ntio.io_manager import major
from ntio.io_manager.irp_pool import DEPTHS, NAMES, SIZES
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
