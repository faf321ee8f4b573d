"""Requests, the drivers they visit, and the files they are made on.

`packet` is the request and its forms, `dispatch` its walk down a device stack and up again, `completion` its end;
`device`, `driver` and `file_object` are what it travels through, `loading` brings drivers. `opening` goes from a name
to a file object; `requests` and `services` make packets for callers, `io_ring` takes them from a queue in memory, and
`ports` says when they are done. `bypass` finds out when no packet is needed; `host` and `network` do the host's work
for the drivers at the bottom. `codes` has the numbers by their Windows names.

NT: I/O manager, Io
"""
