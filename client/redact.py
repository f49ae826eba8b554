"""`clinfed node redact`: de-identified text for people, by mask, hash or stand-in.

Finding is the detector's notes profile; putting something else in its place is Presidio's anonymizer.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

from privacy.phi import Finding, detector
from privacy.phi.presidio import load
from privacy.phi.surrogates import Surrogates
from shared.errors import FixSettings
from shared.formats import read_notes

Mode = Literal["mask", "surrogate", "hash"]
LEAST_KEY_BYTES = 16


class Redactor:
    """Replaces the identifiers of notes.

    Args:
        mode: `mask` writes the kind, `hash` a keyed token, `surrogate` a made-up value.
        key: secret of at least 16 bytes; not needed to mask.

    Raises:
        FixSettings: the mode needs a key and there is none, or it is too short.
    """

    def __init__(self, mode: Mode, key: bytes = b"") -> None:
        if mode not in ("mask", "surrogate", "hash"):
            raise FixSettings(
                "unknown mode", where="clinfed node redact", remedy="Use mask, surrogate or hash."
            )
        if mode != "mask" and len(key) < LEAST_KEY_BYTES:
            raise FixSettings(
                f"--mode {mode} needs a secret key of {LEAST_KEY_BYTES} bytes or more",
                where="clinfed node redact",
                remedy="Make one: head -c 32 /dev/urandom > redact.key, and give --key-file redact.key.",
            )
        self._mode, self._key = mode, key
        self._detector = detector("notes")
        load("presidio_analyzer")
        self._presidio = load("presidio_anonymizer")
        self._engine = self._presidio.AnonymizerEngine()

    def redact(self, text: str, patient: str = "") -> str:
        """De-identifies one text.

        Args:
            text: a note.
            patient: whose it is; notes of one patient get the same stand-ins and the same shift of dates.

        Returns:
            The text with every finding replaced.
        """
        findings = self._detector.find(text)
        if not findings:
            return text
        replace = self._replacer(patient)
        operators = {
            entity: self._operator(partial(replace, entity))
            for entity in {found.entity for found in findings}
        }
        result = self._engine.anonymize(
            text, [self._result(found) for found in findings], operators, merge_entities_with_spaces=False
        )
        return str(result.text)

    def redact_notes(self, path: Path) -> Iterator[dict[str, Any]]:
        """De-identifies a file of notes.

        Args:
            path: JSONL, CoNLL or brat.

        Yields:
            One record a note: `doc_id`, `patient_id` and `text`; ids are hashed where there is a key, else numbered.
        """
        order: dict[str, int] = {}
        for number, note in enumerate(read_notes(path), start=1):
            patient = order.setdefault(note.patient_id, len(order) + 1)
            yield {
                "doc_id": self._pseudonym("doc", note.note_id, number),
                "patient_id": self._pseudonym("patient", note.patient_id, patient),
                "text": self.redact(note.text, note.patient_id),
            }

    def _replacer(self, patient: str) -> Callable[[str, str], str]:
        if self._mode == "mask":
            return lambda entity, _: f"<{entity}>"
        made = Surrogates(self._key, patient)
        return made.hashed if self._mode == "hash" else made.stand_in

    def _pseudonym(self, kind: str, value: str, number: int) -> str:
        if self._mode == "mask":
            return f"{kind}-{number}"
        return f"{kind}-{Surrogates(self._key, '').hashed(kind, value)[len(kind) + 2 : -1]}"

    def _operator(self, replace: Callable[[str], str]) -> Any:
        return self._presidio.OperatorConfig("custom", {"lambda": replace})

    def _result(self, found: Finding) -> Any:
        return self._presidio.RecognizerResult(found.entity, found.start, found.end, found.score)


def read_key(path: Path) -> bytes:
    """Reads a key.

    Args:
        path: a file that holds nothing else.

    Returns:
        Its bytes without white space at the end.

    Raises:
        FixSettings: it cannot be read.
    """
    try:
        return path.read_bytes().rstrip(b"\r\n")
    except OSError:
        raise FixSettings(
            "the key cannot be read", where=str(path), remedy="Name a file that holds the secret key."
        ) from None
