"""Which of many sockets have something new: one edge-triggered set, asked for all of them at once.

A socket is put in once, when it is opened, and taken out when it is closed; waiting for one costs nothing further. What
`wait` says is news only: data or room that has come since. So whoever is about to wait tries first, and after news
tries again, both under one lock.

(Polls of a ring, one per wait, were tried: arming and disarming them is what a ring adds to the cost of an echo.)

Source: `epoll(7)`. Rows: R26, R30
"""

from __future__ import annotations

import os
import select

#: In the answer of `wait`: it may be worth trying to receive, to send.
READABLE, WRITABLE = 1, 2

_EPOLL = hasattr(select, "epoll")
_WATCHED = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET if _EPOLL else 0
_IN = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR if _EPOLL else 0
_OUT = select.EPOLLOUT | select.EPOLLHUP | select.EPOLLERR if _EPOLL else 0


class ReadySet:
    """Descriptors that are watched; one thread waits, any may add, take out and `wake`."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._bell, select.EPOLLIN)

    @property
    def descriptor(self) -> int:
        """Readable when there is something new: for whoever waits for other things as well."""
        return self._epoll.fileno()

    def add(self, descriptor: int) -> None:
        """Watch a descriptor; raises OSError (ENOSPC: more than the host lets this user watch)."""
        self._epoll.register(descriptor, _WATCHED)

    def discard(self, descriptor: int) -> None:
        """Watch it no more; before it is closed."""
        try:
            self._epoll.unregister(descriptor)
        except (OSError, ValueError):
            pass

    def wait(self, timeout: float | None) -> list[tuple[int, int]] | None:
        """What is new, waiting `timeout` seconds at most: descriptors, each with READABLE, WRITABLE or both.

        Nothing at all for a thread that was woken, None for one whose time has passed.
        """
        ready = self._epoll.poll(timeout)
        if not ready:
            return None
        news: list[tuple[int, int]] = []
        for descriptor, events in ready:
            if descriptor == self._bell:
                try:
                    os.eventfd_read(self._bell)
                except BlockingIOError:
                    pass
            else:
                news.append((descriptor, (READABLE if events & _IN else 0) | (WRITABLE if events & _OUT else 0)))
        return news

    def wake(self) -> None:
        """Bring the waiting thread back, or the next one that is about to wait."""
        os.eventfd_write(self._bell, 1)

    def close(self) -> None:
        """Give the set back; nobody waits."""
        self._epoll.close()
        os.close(self._bell)
