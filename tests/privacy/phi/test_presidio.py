"""The detector inside Presidio, and Presidio's recognizers inside the detector."""

import logging

import pytest

from privacy.phi import detector
from privacy.phi.presidio import analyzer
from privacy.phi.reading import read


@pytest.fixture(scope="module")
def engine():
    return analyzer("notes")


def test_a_presidio_analyzer_gives_the_detectors_findings(engine) -> None:
    text = "Dr. Whitfield saw Margaret Okonkwo (MRN 26219121) on 03/14/2021; call (802) 555-0142."
    results = sorted((r.start, r.end, r.entity_type) for r in engine.analyze(text, "en"))
    assert results == [(f.start, f.end, f.entity) for f in detector("notes").find(text)]


def test_presidio_confirms_what_no_rule_of_ours_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    from privacy.phi.presidio import second_opinion

    (span,) = {s[:2] for s in second_opinion(read("ring 0044 20 7946 0958 soon"), ())} or {None}
    assert span is not None


def test_presidio_does_not_print_context() -> None:
    assert not logging.getLogger("presidio-analyzer").isEnabledFor(logging.DEBUG)


def test_no_model_is_loaded(engine) -> None:
    assert engine.nlp_engine.nlp["en"].pipe_names == []
