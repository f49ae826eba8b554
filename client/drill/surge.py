"""The surge: many records at once, from processes, threads and tasks, each numbered so that a lost one is missed."""

import asyncio
import json
import logging
import multiprocessing
import threading
import time
from array import array
from collections.abc import Callable
from pathlib import Path

from client.drill.canaries import Canary

_LONG, _FAIL = 199, 47  # every so manieth record is long, or carries an exception
_FILLER = "the reader went on with the next section of the file and wrote nothing down "


def surge(
    canaries: list[Canary],
    records: int,
    processes: int,
    threads: int,
    results: Path,
    ready: Callable[[], None],
) -> None:
    """Pushes records and writes how long each took.

    Args:
        canaries: who is in them.
        records: how many, numbered from 0.
        processes: this one and spawned ones.
        threads: of each process; every second one runs tasks of an event loop.
        results: folder for one file of latencies a process: nanoseconds, 64-bit.
        ready: called first in a spawned process.
    """
    spawn = multiprocessing.get_context("spawn")
    others = [
        spawn.Process(
            target=push,
            args=(canaries, range(own, records, processes), threads, results / f"{own}.times", ready),
        )
        for own in range(1, processes)
    ]
    for process in others:
        process.start()
    push(canaries, range(0, records, processes), threads, results / "0.times", None)
    for process in others:
        process.join()


def push(
    canaries: list[Canary], numbers: range, threads: int, times: Path, ready: Callable[[], None] | None
) -> None:
    """One process's share."""
    if ready is not None:
        ready()
    taken: list[array[int]] = [array("q") for _ in range(threads)]
    workers = []
    for own in range(threads):
        share = numbers[own::threads]
        work = _in_tasks if own % 2 else _in_a_row
        workers.append(threading.Thread(target=work, args=(canaries, share, taken[own])))
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    with times.open("wb") as out:
        for part in taken:
            part.tofile(out)


def _in_a_row(canaries: list[Canary], numbers: range, taken: "array[int]") -> None:
    for number in numbers:
        _timed(canaries, number, taken)


def _in_tasks(canaries: list[Canary], numbers: range, taken: "array[int]") -> None:
    async def work(share: range) -> None:
        for number in share:
            _timed(canaries, number, taken)
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*(work(numbers[own::8]) for own in range(8)))

    asyncio.run(main())


def _timed(canaries: list[Canary], number: int, taken: "array[int]") -> None:
    begun = time.perf_counter_ns()
    log_one(canaries[number % len(canaries)], number)
    taken.append(time.perf_counter_ns() - begun)


def log_one(canary: Canary, number: int) -> None:
    """One record of the surge: the ways of saying take turns; the number is a field of its own."""
    log, field = logging.getLogger("clinfed.drill"), {"sequence": number}
    if number % _LONG == 0:
        log.info(_FILLER * 24 + canary.sentence + ". " + _FILLER * 20, extra=field)
    elif number % _FAIL == 0:
        try:
            raise ValueError(f"no chart for {canary.name}, record {canary.mrn}")
        except ValueError:
            log.exception("reading failed", extra=field)
    elif number % 5 == 0:
        log.warning("chart of %s, MRN %d, %d notes", canary.name, canary.mrn, number % 1000, extra=field)
    elif number % 5 == 1:
        log.info(f"chart of {canary.name} ({canary.mrn}) opened in {number % 100} ms", extra=field)
    elif number % 5 == 2:
        log.info("chart opened", extra={**field, "patient": canary.name, "mrn": canary.mrn})
    elif number % 5 == 3:
        log.info(canary.sentence, extra=field)
    else:
        log.info("row %s", json.dumps({"ssn": canary.ssn, "tel": canary.phone}), extra=field)
