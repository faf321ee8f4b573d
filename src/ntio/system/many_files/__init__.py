"""Many files at once: opened, read, closed and asked about by the hundred, through rings.
"""
