"""Drivers by word: names, parameters, units, and what is said of a word that means nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntio.drivers.file_disk import FileDisk
from ntio.drivers.log import Log
from ntio.drivers.ram_disk import RamDisk
from ntio.status import InvalidParameter
from ntio.system.words import driver_name, find_driver, make_driver, parse_size, parse_value

pytestmark = pytest.mark.row("R15")


def test_a_word_is_a_driver_with_its_parameters() -> None:
    disk = make_driver("ram_disk:size=4K,name=Disk0")
    assert isinstance(disk, RamDisk) and len(disk.media) == 4096
    assert isinstance(make_driver("log"), Log)
    log = make_driver("log:keep=7")
    assert isinstance(log, Log) and log.records.maxlen == 7


def test_every_driver_is_found_by_its_name() -> None:
    for name in ("ram_disk", "file_disk", "log", "invert", "null_filter", "host_files"):
        assert driver_name(find_driver(name)) == name


@pytest.mark.parametrize(
    ("word", "complaint"),
    [
        ("", "is not the name of a driver"),
        ("RamDisk", "is not the name of a driver"),
        ("../etc", "is not the name of a driver"),
        ("os.path", "is not the name of a driver"),
        ("no_such", "no driver is called 'no_such'"),
        ("ram_disk:sise=4K", "ram_disk takes no parameter 'sise'; it takes: size, name"),
        ("null_filter:x=1", "takes no parameter 'x'; it takes: none"),
        ("ram_disk:size=much", "ram_disk: size: 'much' is no int"),
        ("ram_disk:size", "'true' is no int"),
        ("ram_disk:size=", "'' is no int"),
        ("ram_disk:size=4Q", "'4Q' is no int"),
        ("file_disk:path=x,read_only=maybe", "read_only: 'maybe' is no bool"),
        ("file_disk", "path"),
        ("log:sink=print", "sink cannot be given as a word"),
    ],
)
def test_a_word_that_means_nothing_says_why(word: str, complaint: str) -> None:
    with pytest.raises(InvalidParameter, match=complaint):
        make_driver(word)


def test_true_may_be_left_out() -> None:
    for word, value in (("read_only", True), ("read_only=true", True), ("read_only=False", False)):
        disk = make_driver(f"file_disk:path=/x,{word}")
        assert isinstance(disk, FileDisk) and disk._read_only is value


def test_values_are_what_the_constructor_takes() -> None:
    assert parse_value("x", "1.5K", int) == 1536
    assert parse_value("x", "1G", int | None) == 1 << 30
    assert parse_value("x", "5ms", float) == pytest.approx(0.005)
    assert [parse_value("x", text, float) for text in ("2", "2s", "20us")] == [2.0, 2.0, pytest.approx(20e-6)]
    assert parse_value("x", "text=with:signs", str) == "text=with:signs"


@given(number=st.integers(0, 1 << 40), unit=st.sampled_from(["", "K", "k", "M", "G", "T"]))
def test_sizes_are_multiples_of_1024(number: int, unit: str) -> None:
    factor = 1024 ** ["", "k", "m", "g", "t"].index(unit.lower())
    assert parse_size(f"{number}{unit}") == number * factor


@pytest.mark.parametrize("text", ["", "K", "1 2", "0x10", "1e3", "nan", "inf", "--1", "1KB", "1,5"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        parse_size(text)
