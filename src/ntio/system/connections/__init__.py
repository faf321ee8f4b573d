"""Sockets and named pipes for Python: one at a time, or many as rows.
"""
