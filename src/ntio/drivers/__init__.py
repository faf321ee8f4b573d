"""The drivers and filters that come with ntio, one folder each: code and its manual page.

NT: \\Driver
"""
