"""I/O rings as NT has them: two queues in memory, one crossing for a whole batch.

`ring` is the object; `queues` its memory; `submit`, `launch`, `flight` and `drain` take an entry from one queue to the
other.
"""
