"""Requests, the drivers they visit, and the files they are made on.

`irp` is the packet and `dispatch` its walk down a device stack and up again; `batch` is the packet's column form;
`device`, `driver` and `file_object` are what it travels through; `open` and `requests` make packets for callers;
`bypass` finds out when no packet is needed; `host` does the host's work for the drivers at the bottom.

NT: I/O manager, Io
"""
