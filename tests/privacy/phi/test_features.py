"""The quick way to the tagger's features against the plain one."""

import numpy as np
import pytest

from privacy.phi.features import FEATURES, columns, few_rows, rows, table_size
from privacy.phi.reading import read
from privacy.phi.tagger import tagger

TEXTS = (
    "2026-11-23 INFO Could not parse note for Margaret Okonkwo-Smith, seen at Larkspur.",
    "PATIENT: OKONKWO, MARGARET\nDOB 1951; van der Berg's 12 tablets [x] -- done!",
    "all lower case with o'brien and a kowalczykowski",
    "Ω",
)


@pytest.mark.parametrize("profile", ["logs", "notes"])
@pytest.mark.parametrize("text", TEXTS)
def test_both_ways_give_the_same_rows(profile: str, text: str) -> None:
    reading, trained = read(text), tagger(profile)  # type: ignore[arg-type]
    wanted = np.arange(0, len(reading.tokens), 2)
    plain = rows(columns(reading, trained.vocabulary, wanted), trained.words, wanted)
    whole = rows(columns(reading, trained.vocabulary), trained.words)
    quick = few_rows(reading, trained.vocabulary, trained.words, wanted.tolist())
    assert quick == plain.reshape(-1).tolist()
    assert (whole[wanted] == plain).all()
    assert plain.shape[1] == FEATURES
    assert plain.max() < table_size(trained.words)
