"""Copying files and folders through rings.
"""
