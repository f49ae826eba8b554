"""Worker processes that do not outlive the process they work for.

A killed parent takes no leave: its workers would wait for the next task for ever, since each of them holds both ends
of the queue it reads from. Light to import, so that a worker watches before it loads anything heavy.
"""

import multiprocessing
import os
import threading


def die_with_parent() -> None:
    """Ends this worker process as soon as its parent is gone, however it went; call it first in the worker."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="die-with-parent", daemon=True).start()
