"""The io_uring HAL on a kernel before 6.6, which knows no NO_SQARRAY: `io_uring_setup` says EINVAL to that flag.

The ring then has an array of indices between its tail and its entries, which the engine fills once. Any newer kernel
still offers rings of that kind, so the older one is played by refusing the flag. `tests/kernel61/run.sh` runs this, and
the rest, on a real Linux 6.1.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from ntio.hal import uring_abi
from ntio.hal.choose import make_hal
from ntio.hal.machine import Hal
from ntio.hal.operation_queue import OperationQueue
from ntio.hal.operations import OperationCode, Operations
from ntio.hal.uring import UringEngine
from ntio.testing.hal_tests import HalTests
from uring_probe import why_not

pytestmark = [
    pytest.mark.row("R4", "R11"),
    pytest.mark.skipif(bool(why_not("uring", os.environ.get("NTIO_HAL"))), reason="no io_uring to be had"),
]

Setup = Callable[[int, uring_abi.Params], int]


class OldKernel:
    """`io_uring_setup` as it was: a flag it does not know is EINVAL, and nothing is opened."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self.asked: list[int] = []

    def setup(self, entries: int, params: uring_abi.Params) -> int:
        self.asked.append(params.flags)
        if params.flags & uring_abi.SETUP_NO_SQARRAY:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return self._setup(entries, params)


@pytest.fixture(autouse=True)
def old_kernel(monkeypatch: pytest.MonkeyPatch) -> OldKernel:
    kernel = OldKernel(uring_abi.setup)
    monkeypatch.setattr(uring_abi, "setup", kernel.setup)
    return kernel


class TestHalOnAnOldKernel(HalTests):
    @pytest.fixture
    def hal(self, old_kernel: OldKernel) -> Hal:
        return make_hal("uring")


@pytest.fixture
def engine(old_kernel: OldKernel) -> Iterator[UringEngine]:
    engine = UringEngine(8)
    yield engine
    engine.close()


def test_the_newer_flag_is_asked_for_once_and_then_done_without(engine: UringEngine, old_kernel: OldKernel) -> None:
    newer, older = old_kernel.asked
    assert newer == older | uring_abi.SETUP_NO_SQARRAY
    assert not engine._params.flags & uring_abi.SETUP_NO_SQARRAY


def test_the_array_of_indices_names_each_entry_once(engine: UringEngine) -> None:
    words = np.frombuffer(engine._ring_map, np.uint32)
    first = engine._params.sq_off.array // 4
    assert words[first : first + engine.entries].tolist() == list(range(engine.entries))


def test_every_place_of_the_ring_is_used_in_turn(engine: UringEngine) -> None:
    """Three at a time into a ring of eight: the windows begin at every entry, and wrap."""
    queue = OperationQueue(engine)
    for _ in range(3 * engine.entries):
        batch = Operations(OperationCode.NOP, 3)
        queue.transfer(batch)
        assert batch.results.tolist() == [0, 0, 0]
    assert int(engine._sq_head[0]) == int(engine._sq_tail[0]) == 9 * engine.entries


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOSYS, errno.ENOMEM])
def test_other_refusals_are_not_tried_again(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    asked: list[int] = []

    def refuse(entries: int, params: uring_abi.Params) -> int:
        asked.append(params.flags)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(uring_abi, "setup", refuse)
    with pytest.raises(OSError) as caught:
        UringEngine(8)
    assert caught.value.errno == number and len(asked) == 1


def test_a_kernel_that_refuses_the_older_ring_too_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def refuse(entries: int, params: uring_abi.Params) -> int:
        asked.append(params.flags)
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(uring_abi, "setup", refuse)
    with pytest.raises(OSError) as caught:
        UringEngine(8)
    assert caught.value.errno == errno.EINVAL and len(asked) == 2
