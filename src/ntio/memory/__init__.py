"""Buffers as the system sees them: rows of bytes inside one array.

NT: memory manager, Mm
"""
