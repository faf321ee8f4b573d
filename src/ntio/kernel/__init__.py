"""Processors and the objects a thread can wait for.

NT: kernel, Ke
"""
