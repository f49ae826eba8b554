"""Patients planted in notes, names of files and failures of a page: none comes out of the app's process.

What is looked at: standard output and error, files where the app works, addresses and titles in the browser. With the
log layer away, the same failure prints the note: that shows that the search would find it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from client.drill.canaries import make_canaries
from client.drill.search import PIECE, Search

CANARIES = make_canaries(3, 77, "admitted with asthma today seen by the team and sent home")
NOTE = "Admitted with asthma today. " + " ".join(f"{canary.sentence}." for canary in CANARIES)
FAILING = """
import sys, types
{layer}
import ui.findings
def fail(text, *rest):
    raise ValueError(text)
ui.findings.summary = fail
from shared.cli import main
sys.argv[0] = 'clinfed'
main()
"""
ON = "from privacy.logs.install import install\ninstall(whole=True)"
OFF = "sys.modules['privacy.logs.first'] = types.ModuleType('privacy.logs.first')"


def leaks(app: Any, *more: str) -> set[str]:
    """Parts of patients, at least five letters long, in whatever the app has left."""
    app.process.terminate()
    app.process.wait(timeout=60)
    left = [path.read_bytes() for path in Path(app.output).parent.rglob("*") if path.is_file()]
    found = Search(CANARIES).find(b"\n".join([*left, *(text.encode() for text in more)]))
    return {hit.part for hit in found if hit.disguise != PIECE and len(hit.part) > 4}


def use_everything(one: Any) -> None:
    """Paste, failure, upload with a telling name, redaction."""
    one.open()
    one.page.get_by_label("Note text").fill(NOTE)
    one.page.get_by_role("button", name="Extract", exact=True).click()
    one.page.get_by_text("message is withheld").wait_for()
    one.turn_to("Redact")
    one.page.locator(".note").first.wait_for()
    one.page.get_by_role("button", name="Another note").click()
    one.page.get_by_text("Upload", exact=True).click()
    one.settle()
    name = f"{CANARIES[0].family} {CANARIES[0].mrn}.txt"
    one.page.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": "text/plain", "buffer": NOTE.encode() + b"\xff"}
    )
    one.settle()
    one.page.get_by_role("button", name="Redact", exact=True).click()
    one.page.get_by_text("is not UTF-8").first.wait_for()


@pytest.mark.parametrize("layer", ["on", "off"])
def test_nothing_of_a_note_comes_out_unless_the_layer_is_away(
    serve: Callable[..., Any], runs: Path, person: Callable[..., Any], layer: str
) -> None:
    app = serve("--runs", str(runs), code=FAILING.format(layer=ON if layer == "on" else OFF))
    one = person(app.address)
    visited: list[str] = []
    one.page.on("request", lambda request: visited.append(request.url))
    use_everything(one)
    assert not Search(CANARIES).find("\n".join([*visited, one.page.title()]).encode()).keys() & {
        hit for hit in Search(CANARIES).find(NOTE.encode()) if hit.disguise != PIECE
    }
    found = leaks(app)
    if layer == "on":
        assert not found
    else:
        assert {canary.family.lower() for canary in CANARIES} <= {part.lower() for part in found}
