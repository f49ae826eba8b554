"""A whole drill: the worker is started, its output searched as it comes, and what was found is told.

Three starts. The first, without redaction and with patients of no name, shows what is printed anyway. The
second, the twin, has redaction off, too, and real canaries: all must be found, or the search proves nothing.
The third is the node's own process with redaction on: none may be found, and no record may be missing.
"""

import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

import privacy.logs
from client.drill.canaries import Canary, make_canaries
from client.drill.search import PIECE, Hit, Search
from client.drill.settings import DrillSettings, read_key
from client.drill.sinks import Listeners, read_sinks
from client.drill.surfaces import all_surfaces
from privacy.logs.redactor import FAILED, NESTED, STILL_FOUND, TOO_LONG
from privacy.logs.values import UNPRINTABLE
from shared.errors import FixSettings

PHRASES: tuple[str, ...] = (
    FAILED,
    NESTED,
    STILL_FOUND,
    TOO_LONG,
    UNPRINTABLE,
    "object (local class)",
    "object (unlisted class)",
)
PHRASES += tuple(file.stem for file in Path(privacy.logs.__file__).parent.glob("*.py"))
"""What the log layer itself says in place of values, and the names of its files, which stand in tracebacks."""

_BLOCK = 1 << 20
_TWIN_RECORDS = 1000
_SURE = 6
_SEQUENCE = re.compile(rb'"sequence":(\d{1,9})\b')


@dataclass
class Report:
    """What a drill found.

    Args:
        redaction: whether it was on.
        surfaces: how many were pushed.
        skipped: surfaces whose package is not installed.
        leaking: surfaces through which something came, with what, disguise and part, and where it was found.
        not_found: surfaces, or `surge`, of which nothing was found.
        records: of the surge.
        lost: records that did not come out.
        doubled: records that came out more than once.
        surge_found: what came out of patients of the surge, as in `leaking`.
        seconds: of the surge and the search together.
        latency_ms: `p50`, `p99` and `max` of one call, under load.
        exit_code: of the worker.
        counters: of the worker's log layer.
    """

    redaction: bool
    surfaces: int = 0
    skipped: list[str] = field(default_factory=list)
    leaking: dict[str, list[str]] = field(default_factory=dict)
    not_found: list[str] = field(default_factory=list)
    records: int = 0
    lost: int = 0
    doubled: int = 0
    surge_found: list[str] = field(default_factory=list)
    seconds: float = 0.0
    latency_ms: dict[str, float] = field(default_factory=dict)
    exit_code: int = 0
    counters: dict[str, int] = field(default_factory=dict)

    def tree(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    @property
    def clean(self) -> bool:
        """Whether nothing leaked and nothing was lost."""
        return not (self.leaking or self.lost or self.doubled or self.surge_found or self.exit_code)


@dataclass
class _Output:
    """What the worker writes, searched while it writes."""

    search: Search | None
    keep: Path
    found: dict[Hit, str] = field(default_factory=dict)
    seen: dict[int, int] = field(default_factory=dict)

    def read(self, name: str, pipe: IO[bytes]) -> None:
        rest = b""
        with pipe, (self.keep / name).open("wb") as kept:
            while True:
                chunk = pipe.read1(_BLOCK)  # type: ignore[attr-defined]
                whole, line, rest = (rest + chunk).rpartition(b"\n")
                if not chunk:
                    whole, line, rest = rest, b"", b""
                self._look(name, whole + line)
                kept.write(whole + line if self.search is None else b"")
                if not chunk:
                    return

    def _look(self, name: str, block: bytes) -> None:
        for match in _SEQUENCE.finditer(block):
            number = int(match[1])
            self.seen[number] = self.seen.get(number, 0) + 1
        if self.search is not None:
            for at in range(0, len(block), _BLOCK):
                for hit, around in self.search.find(block[max(0, at - 200) : at + _BLOCK]).items():
                    self.found.setdefault(hit, f"{name}: {around!r}")


def drill(settings: DrillSettings, seed: int, said: Callable[[str], None]) -> tuple[Report, Report]:
    """Runs the twin and the drill.

    Args:
        settings: of the node.
        seed: of the patients.
        said: told what is going on.

    Returns:
        The drill's report, and the twin's.
    """
    said("twin: with redaction off, everything must be found")
    vocabulary = learn_vocabulary(settings)
    off = push(
        settings, seed, vocabulary, redaction=False, records=min(_TWIN_RECORDS, settings.drill.records)
    )
    said(f"drill: {settings.drill.records} records, {settings.drill.processes} processes, redaction on")
    return push(settings, seed, vocabulary, redaction=True, records=settings.drill.records), off


def learn_vocabulary(settings: DrillSettings) -> str:
    """What a worker prints anyway, small letters: pushed with patients of no name."""
    nobody = Canary(0, "qqqq", "qqqq", 0, "0-0-0", "0", "0", "0")
    with tempfile.TemporaryDirectory(prefix="clinfed-drill-") as folder:
        crowd = [nobody] * (len(all_surfaces()) + 1)
        output = _Output(None, Path(folder))
        _work(settings, crowd, Path(folder), output, redaction=False, records=400)
        printed = b"\n".join(content for _, content in read_sinks(Path(folder)))
    return (printed.decode("utf-8", "replace") + " ".join(PHRASES)).casefold()


def push(settings: DrillSettings, seed: int, vocabulary: str, *, redaction: bool, records: int) -> Report:
    """Pushes every surface, and a surge of records, through one worker and searches all it leaves."""
    names = list(all_surfaces())
    canaries = make_canaries(len(names) + settings.drill.patients, seed, vocabulary)
    search = Search(canaries, vocabulary)
    with tempfile.TemporaryDirectory(prefix="clinfed-drill-") as place:
        folder = Path(place)
        output = _Output(search, folder)
        begun = time.monotonic()
        exit_code, outcome, times = _work(
            settings, canaries, folder, output, redaction=redaction, records=records
        )
        for name, content in read_sinks(folder):
            for hit, around in search.find(content).items():
                output.found.setdefault(hit, f"{name}: {around!r}")
        seconds = round(time.monotonic() - begun, 1)
    report = Report(redaction, records=records, seconds=seconds, exit_code=exit_code)
    done = outcome.get("surfaces", {})
    report.skipped = [name for name, how in done.items() if how == "skipped"]
    report.surfaces = len(names) - len(report.skipped)
    report.counters = outcome.get("counters", {})
    for hit, sink in sorted(output.found.items()):
        what = f"{hit.disguise}: {hit.part} in {sink}"
        if hit.canary < len(names):
            report.leaking.setdefault(names[hit.canary], []).append(what)
        else:
            report.surge_found.append(what)
    crowd = {hit.canary for hit in output.found if hit.canary >= len(names)}
    whole = {hit.canary for hit in output.found if _is_sure(hit)}
    report.not_found = [
        name for number, name in enumerate(names) if number not in whole and name not in report.skipped
    ]
    report.leaking = {
        name: found for name, found in report.leaking.items() if redaction or name not in report.skipped
    }
    if records and len(crowd & whole) < min(settings.drill.patients, records):
        report.not_found.append("surge")
    report.lost = records - sum(number < records for number in output.seen)
    report.doubled = sum(times > 1 for times in output.seen.values())
    if len(times):
        p50, p99, most = (np.percentile(times, [50, 99, 100]) / 1e6).tolist()
        report.latency_ms = {"p50": round(p50, 3), "p99": round(p99, 3), "max": round(most, 1)}
    return report


def _is_sure(hit: Hit) -> bool:
    """Whether a hit is too long to have come about where two other values touch."""
    return hit.disguise != PIECE and (hit.disguise == "base64" or len(hit.part) >= _SURE)


def _work(
    settings: DrillSettings,
    canaries: list[Canary],
    folder: Path,
    output: _Output,
    *,
    redaction: bool,
    records: int,
) -> tuple[int, dict[str, Any], Any]:
    """Runs one worker to its end."""
    surfaces = len(all_surfaces())
    key = read_key(settings.logs)
    head = {"key": key.hex() if key else "", "window_seconds": max(1, int(settings.logs.window_hours * 3600))}
    command = [sys.executable, "-m", "client.drill.worker", *([] if redaction else ["--without-redaction"])]
    with tempfile.TemporaryDirectory(prefix="clinfed-drill-") as results, Listeners(folder) as ports:
        job = {
            "folder": str(folder),
            "results": results,
            "ports": list(ports),
            "surfaces": surfaces,
            "canaries": [asdict(canary) for canary in canaries],
            "records": records,
            "processes": settings.drill.processes,
            "threads": settings.drill.threads,
        }
        worker = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        if worker.stdin is None or worker.stdout is None or worker.stderr is None:
            raise FixSettings("the worker cannot be started", where="clinfed node drill")
        readers = [
            threading.Thread(target=output.read, args=(name, pipe))
            for name, pipe in (("stdout", worker.stdout), ("stderr", worker.stderr))
        ]
        for reader in readers:
            reader.start()
        with worker.stdin as control:
            if redaction:
                control.write(json.dumps(head).encode() + b"\n")
            control.write(json.dumps(job).encode())
        for reader in readers:
            reader.join()
        exit_code = worker.wait()
        outcome = Path(results) / "outcome.json"
        files = sorted(Path(results).glob("*.times"))
        times = [np.fromfile(file, dtype=np.int64) for file in files]
        said = json.loads(outcome.read_text()) if outcome.exists() else {}
        return exit_code, said, np.concatenate(times) if times else np.zeros(0)
