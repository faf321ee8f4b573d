"""Rings for Python: arrays in, data out, and the memory they read into.
"""
