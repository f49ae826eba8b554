"""The drill's worker, `python -m client.drill.worker`: a process as a node runs it, with synthetic patients only.

What it is to do comes through standard input, so that no patient stands on a command line.
"""

import json
import logging
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from client.drill.canaries import Canary
from client.drill.sinks import Ports
from client.drill.surfaces import push_all
from client.drill.surge import surge
from privacy.logs import switch
from privacy.logs.counters import counters
from privacy.logs.install import LogSettings, install, installed

APP = "client.app"  # what a node's process has loaded


def main(raw: bool) -> None:
    """Pushes what standard input says, and writes what was done to a file."""
    if raw:
        switch.log_raw(logging.INFO)
        job = json.load(sys.stdin)
    else:
        head = json.loads(sys.stdin.readline())
        key = bytes.fromhex(head["key"]) if head["key"] else None
        install(LogSettings(level=logging.INFO, window_seconds=head["window_seconds"], key=key), whole=True)
        job = json.load(sys.stdin)
        __import__(APP)
    folder, results = Path(job["folder"]), Path(job["results"])
    canaries = [Canary(**fields) for fields in job["canaries"]]
    outcome = push_all(canaries[: job["surfaces"]], folder, Ports(*job["ports"]))
    crowd = canaries[job["surfaces"] :]
    if job["records"]:
        surge(crowd, job["records"], job["processes"], job["threads"], results, be_raw_like_the_parent)
    said = {"surfaces": outcome, "counters": counters()}
    (results / "outcome.json").write_text(json.dumps(said))


def be_raw_like_the_parent() -> None:
    """First in a spawned child: where the parent has no log layer, neither has the child."""
    if not installed() and not switch.is_off():
        switch.log_raw(logging.INFO)


def as_job(canary: Canary) -> dict[str, Any]:
    """A canary for the job."""
    return asdict(canary)


if __name__ == "__main__":
    main(sys.argv[1:] == ["--without-redaction"])
