"""The worked example of a filter, in ten lines and with a batch form: both keep the law and do the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ntio
from ntio.driver_kit import FilterDriver
from ntio.drivers.invert import Invert
from ntio.drivers.ram_disk import RamDisk
from ntio.testing import FilterTests

pytestmark = pytest.mark.row("R18", "R19")

README = Path(__file__).parents[2] / "README.md"


def ten_lines() -> type[FilterDriver]:
    """The filter that README shows, as it stands there."""
    shown = re.search(r"^class Invert.*?(?=\n\n\nwith )", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert shown is not None
    namespace: dict[str, Any] = {"np": np, "FilterDriver": ntio.FilterDriver}
    exec(shown[0], namespace)
    found: type[FilterDriver] = namespace["Invert"]
    return found


class TestInvert(FilterTests):
    filter = Invert

    def test_what_lies_on_the_disk_is_inverted(self) -> None:
        bottom = RamDisk(size=512)
        with ntio.Stack(bottom, Invert()) as disk:
            disk.write(b"\x00\x0f", offset=0)
            assert disk.read(2, offset=0) == b"\x00\x0f"
            assert bytes(bottom.media[:2]) == b"\xff\xf0"


class TestInvertInTenLines(FilterTests):
    filter = ten_lines()

    def test_it_is_ten_lines(self) -> None:
        shown = README.read_text(encoding="utf-8").partition("class Invert")[2].partition("\n\n\nwith")[0]
        code = [line for line in f"class Invert{shown}".splitlines() if line.strip() and '"""' not in line]
        assert len(code) <= 10

    def test_it_has_no_batch_form(self) -> None:
        assert not any(name.endswith("_batch") for name in vars(self.filter))


def test_both_forms_put_the_same_bytes_on_the_disk(system: ntio.System) -> None:
    data = np.random.default_rng(3).integers(0, 256, (20, 64), np.uint8)
    media = []
    for made in (Invert(), ten_lines()()):
        with ntio.Stack("ram_disk:size=2K", made, system=system) as disk, ntio.Ring(8, system=system) as ring:
            ring.write(disk.file, np.arange(20) * 64, data).raise_for_status()
            done = ring.read(disk.file, np.arange(20) * 64, 64).raise_for_status()
            assert (done.data == data).all()
            media.append(disk.drivers[0].media.tobytes())  # type: ignore[attr-defined]
    assert media[0] == media[1] == (~data).tobytes() + bytes(2048 - 1280)


def test_the_writers_bytes_are_never_changed(system: ntio.System) -> None:
    with ntio.Stack("ram_disk:size=1K", "invert", system=system) as disk, ntio.Ring(system=system) as ring:
        constant = bytes(range(64))
        disk.write(constant, 0)
        mine = np.arange(64, dtype=np.uint8).reshape(2, 32)
        ring.write(disk.file, [0, 32], mine)
        started = ring.start_write(disk.file, [0, 32], mine)
        started.wait()
        assert mine.tobytes() == constant == bytes(range(64))
