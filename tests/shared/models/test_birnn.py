"""What `birnn` learns, and that an example's scores do not depend on its neighbours in a batch."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from shared.errors import RejectUpdate
from shared.examples import collate, read_examples
from shared.models.birnn import BirnnTagger
from shared.models.build import build_tagger
from shared.models.folder import save_model
from shared.models.settings import ModelSettings
from shared.models.tagger import Tagger, get_weights, set_weights
from shared.note import Note
from shared.training import Recipe, train

MakeSettings = Callable[..., ModelSettings]
HEAD = {"classifier.weight", "classifier.bias"}


def learnt(tagger: Tagger, notes: list[Note]) -> set[str]:
    """Names of all weights that some steps of training change."""
    before = {name: weight.detach().clone() for name, weight in tagger.state_dict().items()}
    examples = tagger.prepare(read_examples(notes, tagger.tagset, tagger.reader))
    train(tagger, examples, Recipe(learning_rate=0.01, batch_size=2, warmup=0), seed=1, steps=4)
    return {name for name, weight in tagger.state_dict().items() if not weight.equal(before[name])}


@pytest.fixture
def vectors(tmp_path: Path) -> str:
    path = tmp_path / "glove.txt"
    path.write_text("gout 0.5 -0.5 1\nfever 0.1 0.2 0.3\nno 0 0 1\n", encoding="utf-8")
    return str(path)


def test_all_weights_learn(birnn_settings: MakeSettings, notes: list[Note]) -> None:
    tagger = build_tagger(birnn_settings())
    names = {name for name, _ in tagger.named_parameters()}
    assert set(tagger.trained()) == names
    assert learnt(tagger, notes) == names
    assert tagger.head_names() == HEAD < names


def test_public_vectors_never_learn(birnn_settings: MakeSettings, notes: list[Note], vectors: str) -> None:
    tagger = build_tagger(birnn_settings(vectors=vectors))
    assert isinstance(tagger, BirnnTagger)
    names = {name for name, _ in tagger.named_parameters()} - {"vectors.weight"}
    assert set(tagger.trained()) == learnt(tagger, notes) == names
    assert tagger.word_list == ("gout", "fever", "no")
    assert tagger.vectors.weight.tolist()[0] == [0, 0, 0]
    assert tagger.vectors.weight[1].tolist() == [0.5, -0.5, 1]


def test_only_the_head_learns_on_a_base(
    birnn_settings: MakeSettings, notes: list[Note], tmp_path: Path
) -> None:
    save_model(tmp_path / "base", build_tagger(birnn_settings()), {})
    tagger = build_tagger(birnn_settings(trained="head", base=str(tmp_path / "base")))
    assert set(tagger.trained()) == learnt(tagger, notes) == HEAD


def test_padding_changes_no_score(birnn_settings: MakeSettings, notes: list[Note], vectors: str) -> None:
    tagger = build_tagger(birnn_settings(vectors=vectors)).eval()
    examples = read_examples(notes, tagger.tagset, tagger.reader)
    assert len({len(example.tags) for example in examples}) > 1
    with torch.no_grad():
        together = tagger(collate(examples))
        for row, example in zip(together, examples, strict=True):
            (alone,) = tagger(collate([example]))
            assert torch.allclose(alone, row[: len(alone)], atol=1e-6)


def test_every_input_matters(birnn_settings: MakeSettings, vectors: str) -> None:
    tagger = build_tagger(birnn_settings(vectors=vectors)).eval()
    (example,) = read_examples([Note("n", "p", "Gout and fever")], tagger.tagset, tagger.reader)
    scores = tagger(collate([example]))
    for name in example.inputs:
        batch = collate([example])
        batch.inputs[name][0, 1] = 2 if name != "rows" else torch.tensor([7, 9])
        assert not torch.allclose(scores, tagger(batch)), name


def test_weights_go_out_and_in(birnn_settings: MakeSettings) -> None:
    torch.manual_seed(1)
    source = build_tagger(birnn_settings())
    torch.manual_seed(2)
    target = build_tagger(birnn_settings())
    weights = get_weights(source)
    assert list(weights) == sorted(weights)
    assert {array.dtype for array in weights.values()} == {np.dtype(np.float32)}
    set_weights(target, weights)
    for name, array in get_weights(target).items():
        assert np.array_equal(array, weights[name])
    weights["classifier.bias"][:] = 99  # copies: neither network sees it
    assert not (source.trained()["classifier.bias"] == 99).any()
    assert not (target.trained()["classifier.bias"] == 99).any()


@pytest.mark.parametrize("fault", ["missing", "unknown", "renamed", "shape"])
def test_weights_that_do_not_fit_are_rejected_whole(birnn_settings: MakeSettings, fault: str) -> None:
    tagger = build_tagger(birnn_settings())
    before = get_weights(tagger)
    weights = {name: array + 1 for name, array in before.items()}
    if fault in ("missing", "renamed"):
        last = weights.pop("words.weight")
    if fault == "renamed":
        weights["words.weights"] = last
    if fault == "unknown":
        weights["extra"] = np.zeros(1, np.float32)
    if fault == "shape":
        weights["words.weight"] = weights["words.weight"].T
    with pytest.raises(RejectUpdate):
        set_weights(tagger, weights)
    for name, array in get_weights(tagger).items():
        assert np.array_equal(array, before[name])


def test_the_same_seed_makes_the_same_network(birnn_settings: MakeSettings) -> None:
    made = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        made.append(get_weights(build_tagger(birnn_settings()))["words.weight"])
    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])
