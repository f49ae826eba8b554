"""Presidio: its recognizers with check digits as a second opinion, ours as one of its recognizers, and its engines.

The notes profile asks Presidio where numbers are left over. The logs profile does not: what Presidio would have to
confirm is masked there without asking, and a process that only logs need not load spaCy.
"""

import importlib
import logging
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from privacy.phi.findings import Profile
from privacy.phi.reading import Reading
from privacy.phi.spans import Span

logging.getLogger("presidio-analyzer").setLevel(logging.INFO)  # at DEBUG it prints the words around a finding

_ENTITIES = {
    "CREDIT_CARD": "ACCOUNT", "CRYPTO": "ACCOUNT", "IBAN_CODE": "ACCOUNT", "ABA_ROUTING_NUMBER": "ACCOUNT",
    "US_NPI": "LICENSE",
    "MEDICAL_LICENSE": "LICENSE", "US_MBI": "HEALTH_PLAN", "UK_NHS": "MRN", "PHONE_NUMBER": "PHONE", "US_ITIN": "SSN",
}  # fmt: skip
_RECOGNIZERS = (
    "CreditCardRecognizer", "CryptoRecognizer", "IbanRecognizer", "AbaRoutingRecognizer", "UsNpiRecognizer",
    "MedicalLicenseRecognizer", "UsMbiRecognizer", "NhsRecognizer", "PhoneRecognizer", "UsItinRecognizer",
)  # fmt: skip
_CONFIRMED = 0.4
_FEWEST_DIGITS = 7
_MARGIN = 12
_MOST_WINDOWS = 12
_LONGEST = 48


def second_opinion(reading: Reading, known: Sequence[Span]) -> Iterator[Span]:
    """Asks Presidio about numbers that no rule of ours took.

    Args:
        reading: a normalised text.
        known: what was found so far.

    Returns:
        Spans that a check digit or a numbering plan confirms.
    """
    text = reading.text
    for start, end in _windows(reading, known):
        part = text[start:end]
        for recognizer in _recognizers():
            for result in recognizer.analyze(part, recognizer.supported_entities, None) or ():
                if result.score >= _CONFIRMED:
                    yield (
                        start + result.start,
                        start + result.end,
                        _ENTITIES[result.entity_type],
                        float(result.score),
                    )


def _windows(reading: Reading, known: Sequence[Span]) -> Iterator[tuple[int, int]]:
    """Pieces of text around runs of numbers with seven digits or more, found by nobody yet."""
    taken = bytearray(len(reading.text))
    for start, end, *_ in known:
        taken[start:end] = b"\x01" * (end - start)
    count, digits, first, last = 0, 0, -1, -99
    for index in [*reading.numbers, -1]:
        start = reading.starts[index] if index >= 0 else len(reading.text) + 99
        if start - last > 3:
            if digits >= _FEWEST_DIGITS and last - first <= _LONGEST and count < _MOST_WINDOWS:
                count += 1
                yield max(0, first - _MARGIN), min(len(reading.text), last + _MARGIN)
            digits, first = 0, start
        if index >= 0 and not taken[start]:
            digits += len(reading.tokens[index])
            last = reading.end(index)


def load(name: str) -> Any:
    """Imports a module of Presidio, without the transformers that it would load for engines we do not use.

    Args:
        name: such as `presidio_analyzer`.

    Returns:
        The module.
    """
    absent = "transformers" not in sys.modules and name not in sys.modules
    if absent:
        sys.modules["transformers"] = None  # type: ignore[assignment]
    try:
        return importlib.import_module(name)
    finally:
        if absent:
            del sys.modules["transformers"]


@cache
def _recognizers() -> tuple[Any, ...]:
    """Presidio's own recognizers that validate what they match; none of them uses a network."""
    load("presidio_analyzer")
    module = importlib.import_module("presidio_analyzer.predefined_recognizers")
    return tuple(getattr(module, name)() for name in _RECOGNIZERS)


@cache
def analyzer(profile: Profile) -> Any:
    """A Presidio analyzer whose registry holds our detector, for programs that speak Presidio.

    Args:
        profile: of the detector.

    Returns:
        A `presidio_analyzer.AnalyzerEngine` over a blank spaCy pipeline: no model, no download.
    """
    load("presidio_analyzer")
    return importlib.import_module("privacy.phi.presidio_engine").engine(profile)
