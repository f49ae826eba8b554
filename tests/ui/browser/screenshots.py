"""Draws the pictures of the app in `docs/img`.

`python -m tests.ui.browser.screenshots [RUNS]`, as `make screenshots` does.
RUNS is a folder of finished runs (`runs` without it). Extract, Redact and Compare show the invented admission note;
Federation shows the newest run with baselines, Privacy the newest private one.
"""

import io
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.ui.browser.conftest import FLAGS, Person
from ui.runs import find_runs, ledgers_of, read_run

OUT = Path(__file__).resolve().parents[3] / "docs" / "img"
COLOURS = 192
_TRIES = 600


def main(runs: Path) -> None:
    """Starts the app, draws every picture, and ends it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = [str(Path(sys.executable).with_name("clinfed")), "ui", "--runs", str(runs), "--port", str(port)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(f"{address}/_stcore/health")
        with sync_playwright() as playwright:
            chromium = shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS.split())
            for scheme in ("light", "dark"):
                context = browser.new_context(viewport={"width": 1320, "height": 860}, color_scheme=scheme)
                _draw(Person(context.new_page(), address), scheme, runs)
            browser.close()
    finally:
        process.terminate()
        process.wait(timeout=30)


def _draw(one: Person, scheme: str, runs: Path) -> None:
    one.open()
    one.page.get_by_text("Example", exact=True).click()
    one.settle()
    one.page.get_by_role("button", name="Extract", exact=True).click()
    one.page.locator(".findings").wait_for()
    one.settle()
    _save(one.page, f"app-extract-{scheme}")
    if scheme == "dark":
        return
    for title in ("Redact", "Compare", "Federation", "Privacy"):
        one.turn_to(title)
        if title in ("Federation", "Privacy"):
            one.page.get_by_label("Run").click()
            one.page.get_by_role("option", name=_run_for(title, runs)).click()
            one.page.locator(".bar:nth-child(3), .meter").first.wait_for()
        one.settle()
        _save(one.page, f"app-{title.lower()}")


def _run_for(title: str, runs: Path) -> str:
    """The newest run with baselines for Federation, with ledgers for Privacy."""
    for folder in find_runs(runs):
        if ledgers_of(folder) if title == "Privacy" else (read_run(folder).metrics or {}).get("local_only"):
            return folder.name
    raise SystemExit(f"no run for the picture of {title}")


def _save(page: Any, name: str) -> None:
    """Writes a picture with few colours, so that it stays small."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(OUT / f"{name}.png", optimize=True)


def _wait(address: str) -> None:
    for _ in range(_TRIES):
        try:
            with urllib.request.urlopen(address, timeout=5):  # noqa: S310
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"nothing answers at {address}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs").resolve())
