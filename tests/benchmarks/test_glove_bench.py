"""The benchmark of federated GloVe measures what it says, on a few notes; it holds no timing."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from shared.cooccurrence import Counting, all_pairs, count_pairs
from shared.vocabulary import frequent_words
from tests.benchmarks import glove
from tests.benchmarks.commands import app

RATIOS = [
    "sum_equals_pooled",
    "count_mtokens_per_second",
    "epoch_cost_gensim_word2vec",
    "epoch_cost_gensim_skip_gram",
]


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("own", [True, False])
def test_the_command_prints_rows_and_ratios(as_json: bool, own: bool, tmp_path: Path) -> None:
    notes = tmp_path / "notes.jsonl"
    texts = ["no gout and no fever today", "the fever is gone and gout is back"]
    notes.write_text(
        "".join(
            json.dumps({"doc_id": str(k), "text": text, "entities": []}) + "\n"
            for k, text in enumerate(texts)
        )
    )
    given = ["--notes", str(notes)] if own else ["--patients", "2"]
    done = CliRunner().invoke(app, ["glove", *given, "--repeat", "1", *(["--json"] if as_json else [])])
    assert done.exit_code == 0, done.output
    if not as_json:
        assert all(name in done.stdout for name in RATIOS)
        return
    result = json.loads(done.stdout)
    assert result["bench"] == "glove"
    assert list(result["ratios"]) == RATIOS
    assert result["ratios"]["sum_equals_pooled"] == 1
    assert min(result["ratios"].values()) > 0
    assert len(result["rows"]) == 1
    if own:
        assert result["rows"][0]["tokens"] == 14


@pytest.mark.parametrize("hospitals", [3, 4, 7])
def test_the_secure_sum_is_the_pooled_count(hospitals: int) -> None:
    texts = glove.synthetic_texts(2)
    vocabulary = frequent_words(texts, 60)
    counting = Counting(vocabulary, glove.WINDOW, all_pairs(vocabulary))
    pooled = count_pairs(texts, counting)
    summed = glove.secure_counts(texts, counting, hospitals)
    assert summed.dtype == pooled.dtype
    assert np.array_equal(summed, pooled)


def test_a_wrong_sum_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = glove.synthetic_texts(1)
    right = glove.from_digits
    monkeypatch.setattr(glove, "from_digits", lambda totals, parties: right(totals, parties) + 1)
    rows = glove.measure(texts, 1, most_words=30)
    assert glove.ratios(rows)["sum_equals_pooled"] == 0
