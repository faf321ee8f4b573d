"""The test kit: laws that every part of a kind keeps, as classes to inherit from.

Subclass one, name the part, and its tests are yours: `hal_tests.HalTests` for a hardware abstraction layer.
"""
