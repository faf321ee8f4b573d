"""What every test of the suite gets: a leak check, the three HALs, and skips for what this machine cannot do.

Nothing here sleeps, and nothing depends on the order of the tests. Property tests repeat exactly: the same examples in
each run (`--hypothesis-profile=explore` draws new ones).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from leak_check import Snapshot, leaks_since, mapped_rings, rings_mapped_since
from system_check import BODY_FAILED, what_is_left
from uring_probe import why_not

if TYPE_CHECKING:
    from ntio import System

REAL_HALS = ("uring", "threads")
ALL_HALS = (*REAL_HALS, "simulated")

# No deadline: a time limit on one example is a sleep by another name.
settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile("repeatable")


def pytest_configure(config: pytest.Config) -> None:
    """Let tests of Ctrl-C have one, and make the marks known that belong to the fixtures of this file."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # so a shell starts what runs in its background
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "stops_system: a bug check of the fixture `system` is what the test is about")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs root where we are not."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return
    for item in items:
        if item.get_closest_marker("root"):
            item.add_marker(pytest.mark.skip(reason="needs root"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `hal_name`, itself or through another fixture, once on each HAL.

    A test marked real_files stays on the HALs that touch the host. A test that parametrises `hal_name` by itself wins.
    """
    own = any("hal_name" in str(mark.args[0]) for mark in metafunc.definition.iter_markers("parametrize"))
    if "hal_name" in metafunc.fixturenames and not own:
        real = metafunc.definition.get_closest_marker("real_files") or "real_system" in metafunc.fixturenames
        metafunc.parametrize("hal_name", REAL_HALS if real else ALL_HALS, indirect=True)


@pytest.fixture
def hal_name(request: pytest.FixtureRequest) -> str:
    """The name of the HAL to run on; skips with the reason where that one is not to be had."""
    reason = why_not(request.param, os.environ.get("NTIO_HAL"))
    if reason:
        pytest.skip(reason)
    return str(request.param)


@pytest.fixture
def system(hal_name: str, request: pytest.FixtureRequest) -> Iterator[System]:
    """A System on each HAL in turn, with two processors; closed at the end, when nothing may be left in it.

    A latched bug check is raised again, unless the test is marked `stops_system`: then there has to be one, and what it
    left behind is left. Being asked for later than `nothing_left_behind`, it is gone before that one counts.
    """
    from ntio import System

    stops = request.node.get_closest_marker("stops_system") is not None
    one = System(hal_name, processors=2)
    try:
        yield one
    finally:
        one.close()
    if request.node.stash.get(BODY_FAILED, False):
        return
    if one.io.bug_check is not None and not stops:
        raise one.io.bug_check
    if stops and one.io.bug_check is None:
        pytest.fail("marked stops_system, but nothing stopped it", pytrace=False)
    if not stops and (left := what_is_left(one)):
        pytest.fail("the System was left with:\n  " + "\n  ".join(left), pytrace=False)


@pytest.fixture
def real_system(system: System) -> System:
    """A System with the host's own files: `system`, on the HALs that touch the host."""
    return system


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember that a test failed: its traceback then keeps its locals alive, and what they hold is no leak."""
    report = yield
    if report.failed and report.when != "teardown":
        item.stash[BODY_FAILED] = True
    return report


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a descriptor, a thread or a request behind, and say which."""
    before = Snapshot.take()
    yield
    if request.node.stash.get(BODY_FAILED, False):
        return
    if leaks := leaks_since(before):
        pytest.fail("left behind:\n  " + "\n  ".join(leaks), pytrace=False)


@pytest.fixture(scope="module", autouse=True)
def no_ring_left_mapped(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail at the end of a test file in which a ring stayed mapped into memory."""
    before, failed_before = mapped_rings(), request.session.testsfailed
    yield
    left = rings_mapped_since(before)
    if left and request.session.testsfailed == failed_before:
        pytest.fail("rings still mapped:\n  " + "\n  ".join(left), pytrace=False)


@pytest.fixture(scope="session", autouse=True)
def no_ring_left_mapped_at_the_end(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the run if a ring is still mapped when it ends."""
    yield
    if (left := rings_mapped_since([])) and not request.session.testsfailed:
        pytest.fail("rings still mapped at the end:\n  " + "\n  ".join(left), pytrace=False)
