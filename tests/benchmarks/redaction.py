"""The detector against Presidio as shipped, by turns on the same lines; and what it finds and spares."""

import gzip
import json
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from privacy.phi import detector
from privacy.phi.presidio import load
from privacy.phi.training.corpora import clean_line, log_lines
from privacy.phi.training.harvest import HELD_OUT, messages

_HERE = Path(__file__).parent
_DATA = _HERE.parents[2] / "shared" / "data"
_RED_TEAM = _HERE.parent / "phi" / "red_team.jsonl"
_LONGEST = 4096
_ONE_IN = 10
_SLOW = {
    "500_dots": "." * 500,
    "8kb_a_dot": "a." * 4096,
    "8000_underscores": "_" * 8000,
    "nested_brackets": "[" * 4000 + "]" * 4000,
    "8kb_of_at": "a@" * 4096,
    "8kb_backslashes": "\\" * 8192,
}


def measure(lines: int, repeat: int, on_done: Callable[[str], None]) -> list[dict[str, Any]]:
    """Measures the detector.

    Args:
        lines: log lines of the speed test, one in ten with identifiers.
        repeat: turns of each side.
        on_done: called with a line of progress.

    Returns:
        Rows `{"what", "value"}`.
    """
    clean = clean_lines()
    personal = [text for text, marks in log_lines(4711, lines // _ONE_IN + 1, clean=0) if marks]
    mixed = [personal[n % len(personal)] if n % _ONE_IN == 0 else clean[n % len(clean)] for n in range(lines)]
    rows = _speed(mixed, repeat, on_done) + _latency(clean, on_done)
    rows += _slow(on_done)
    logs = detector("logs")
    altered = sum(logs.redact(line) != line for line in clean) / len(clean)
    rows.append({"what": "clean_lines_altered", "value": round(altered, 5)})
    missed = [
        case["name"] for case in map(json.loads, _RED_TEAM.read_text().splitlines()) if not _masked(case)
    ]
    rows.append({"what": "redteam_cases", "value": len(_RED_TEAM.read_text().splitlines())})
    rows.append({"what": "redteam_missed", "value": len(missed)})
    on_done("clean lines and red team: done")
    rows += _quality(on_done)
    return rows


def ratios(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The figures that are compared with the goals."""
    values = {row["what"]: row["value"] for row in rows}
    return {
        "lines_speedup_presidio": round(values["lines_per_second"] / values["lines_per_second_presidio"], 2),
        "p99_ms_4kb": values["p99_ms_4kb"],
        "clean_lines_altered": values["clean_lines_altered"],
        "redteam_missed": float(values["redteam_missed"]),
    }


def clean_lines() -> list[str]:
    """Log lines without identifiers, of packages whose messages the tagger has not seen."""
    rng = Random("clean")  # noqa: S311
    return [clean_line(message, rng) for message in rng.sample(messages(HELD_OUT), 1000)]


def presidio() -> Callable[[str], object]:
    """Presidio's analyzer with the recognizers it ships, over a blank pipeline."""
    load("presidio_analyzer")
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.recognizer_registry import RecognizerRegistryProvider
    from tldextract import TLDExtract

    from privacy.phi.presidio_engine import BlankEngine

    email = __import__(
        "presidio_analyzer.predefined_recognizers.generic.email_recognizer", fromlist=["tldextract"]
    )
    email.tldextract.extract = TLDExtract(
        suffix_list_urls=(), cache_dir=None
    )  # it would fetch a list otherwise
    registry = RecognizerRegistryProvider().create_recognizer_registry()
    registry.recognizers = [r for r in registry.recognizers if r.name != "SpacyRecognizer"]
    engine = AnalyzerEngine(
        registry=registry, nlp_engine=BlankEngine.ready(keep_tokens=True), supported_languages=["en"]
    )
    return lambda line: engine.analyze(line, "en")


def _speed(lines: Sequence[str], repeat: int, on_done: Callable[[str], None]) -> list[dict[str, Any]]:
    """Lines a second of both, each side's best turn."""
    theirs, ours = presidio(), detector("logs").find
    best = {"lines_per_second": 0.0, "lines_per_second_presidio": 0.0}
    some = lines[:: max(1, len(lines) // 300)]
    for _ in range(repeat):
        for name, side, taken in (
            ("lines_per_second", ours, lines),
            ("lines_per_second_presidio", theirs, some),
        ):
            begun = time.process_time()
            for line in taken:
                side(line)
            best[name] = max(best[name], len(taken) / (time.process_time() - begun))
    on_done("speed: done")
    return [{"what": name, "value": round(value, 1)} for name, value in best.items()]


def _latency(clean: Sequence[str], on_done: Callable[[str], None]) -> list[dict[str, Any]]:
    """Latency over records of 60 to 4096 characters, short ones more often; and of full ones."""
    find, rng = detector("logs").find, Random("latency")  # noqa: S311
    text = "\n".join(rng.sample(list(clean), len(clean)))
    rows = []
    for name, sizes in (
        ("4kb", [min(_LONGEST, int(60 * 1.0 / (1 - rng.random()) ** 0.9)) for _ in range(3000)]),
        ("exactly_4kb", [_LONGEST] * 60),
    ):
        times = []
        for size in sizes:
            at = rng.randrange(len(text) - size)
            record = text[at : at + size]
            times.append(min(_milliseconds(find, record) for _ in range(3)))
        times.sort()
        rows.append({"what": f"p50_ms_{name}", "value": round(times[len(times) // 2], 3)})
        rows.append({"what": f"p99_ms_{name}", "value": round(times[len(times) * 99 // 100], 3)})
    on_done("latency: done")
    return rows


def _slow(on_done: Callable[[str], None]) -> list[dict[str, Any]]:
    """The texts that take Presidio's expressions long, in both profiles: the best of three turns each."""
    rows = []
    for name, text in _SLOW.items():
        worst = max(
            min(_milliseconds(detector(profile).find, text) for _ in range(3))
            for profile in ("logs", "notes")
        )
        rows.append({"what": f"slow_ms_{name}", "value": round(worst, 2)})
    on_done("slow inputs: done")
    return rows


def _milliseconds(find: Callable[[str], object], record: str) -> float:
    begun = time.thread_time_ns()  # what an idle machine would take: other programs' turns do not count
    find(record)
    return (time.thread_time_ns() - begun) / 1e6


def _masked(case: dict[str, Any]) -> bool:
    shown = detector("logs").redact("x " * case.get("repeat", 0) + case["text"])
    return not any(secret in shown for secret in case["secrets"])


def _quality(on_done: Callable[[str], None]) -> list[dict[str, Any]]:
    """Recall and precision of the notes profile."""
    from shared.synthetic import make_test_notes

    clinic = [
        (n.text, [(e.start, e.end) for e in n.phi]) for n in make_test_notes(5, hospitals=89, patients=150)
    ]
    recall, precision, _ = found_in(clinic)
    rows = [{"what": "clinic_recall", "value": recall}, {"what": "clinic_precision", "value": precision}]
    general = _DATA / "phi" / "presidio_synth_v2.jsonl.gz"
    if general.exists():
        records = [json.loads(line) for line in gzip.decompress(general.read_bytes()).splitlines()]
        spans = [(r["text"], [(e["start"], e["end"], e["label"]) for e in r["entities"]]) for r in records]
        counted = [(t, [e[:2] for e in es if e[2] not in ("ORGANIZATION", "AGE")]) for t, es in spans]
        whole, _, touched = found_in(counted)
        _, precision, _ = found_in([(t, [e[:2] for e in es]) for t, es in spans])
        rows += [
            {"what": "presidio_synth_recall_whole", "value": whole},
            {"what": "presidio_synth_recall_touched", "value": touched},
            {"what": "presidio_synth_precision", "value": precision},
        ]
        for name in ("ncbi-disease/test.jsonl", "bc5cdr/test.jsonl.gz"):
            rows.append(
                {
                    "what": f"diseases_altered_{name.split('/')[0]}",
                    "value": _altered(_DATA / "corpora" / name),
                }
            )
    on_done("recall and precision: done")
    return rows


def found_in(rows: Iterable[tuple[str, list[tuple[int, int]]]]) -> tuple[float, float, float]:
    """Recall, precision and lenient recall of the notes profile.

    Args:
        rows: texts and their identifiers.

    Returns:
        Share of identifiers covered in all their letters and digits; of findings that touch an identifier; of
        identifiers touched by a finding.
    """
    entities = whole = touched = findings = right = 0
    for text, gold in rows:
        found = detector("notes").find(text)
        covered, marked = bytearray(len(text)), bytearray(len(text))
        for f in found:
            covered[f.start : f.end] = b"\x01" * (f.end - f.start)
        for start, end in gold:
            marked[start:end] = b"\x01" * (end - start)
            signs = [covered[i] for i in range(start, end) if text[i].isalnum()]
            entities, whole, touched = entities + 1, whole + all(signs), touched + any(signs)
        findings += len(found)
        right += sum(any(marked[f.start : f.end]) for f in found)
    return round(whole / entities, 4), round(right / findings, 4), round(touched / entities, 4)


def _altered(path: Path) -> float:
    """Share of disease mentions that a finding touches."""
    mentions = altered = 0
    data = path.read_bytes()
    for line in (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines():
        row = json.loads(line)
        found = detector("notes").find(row["text"])
        for e in row["entities"]:
            if "Disease" in e["label"]:
                mentions += 1
                altered += any(f.start < e["end"] and e["start"] < f.end for f in found)
    return round(altered / mentions, 5)
