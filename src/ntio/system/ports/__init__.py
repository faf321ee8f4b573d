"""Completion ports for Python: packets, workers, and an executor.
"""
