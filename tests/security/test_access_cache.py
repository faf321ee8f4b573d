"""Remembered access checks give what fresh ones give."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ntio.security.access_cache import AccessCache
from ntio.security.access_check import access_check
from ntio.security.sddl import parse_sddl
from ntio.security.token import administrator_token, user_token

TOKENS = (administrator_token(), user_token(), user_token(1002))
DESCRIPTORS = (None, *map(parse_sddl, ("O:BAD:P(A;;GA;;;BA)", "O:BAD:P(A;;GR;;;WD)", "O:BAD:P", "O:BA")))


@given(st.lists(st.tuples(st.sampled_from(DESCRIPTORS), st.sampled_from(TOKENS), st.integers(0, 0x1FF)), max_size=200))
def test_a_remembered_check_is_a_check(asked: list[tuple[object, object, int]]) -> None:
    cache = AccessCache()
    for descriptor, token, wanted in asked:
        fresh = access_check(descriptor, token, wanted)  # type: ignore[arg-type]
        assert cache.check(descriptor, token, wanted) == fresh  # type: ignore[arg-type]
        assert cache.check(descriptor, token, wanted) == fresh  # type: ignore[arg-type]
