"""Nothing is logged unredacted: the layer that stands before every record, line and label a process gives away.

A process calls `install()` from `privacy.logs.install` before it does anything else. Nothing is imported here,
so that the pump's process starts light.
"""
