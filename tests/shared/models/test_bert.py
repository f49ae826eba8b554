"""What each kind of training changes in `bert`, and that caching, padding and merging change no score."""

import dataclasses
from collections.abc import Callable

import pytest
import torch

from shared.examples import Batch, collate, read_examples
from shared.models.bert import BertTagger
from shared.models.build import build_tagger
from shared.models.settings import ModelSettings
from shared.note import Note
from shared.training import Recipe, train

MakeSettings = Callable[..., ModelSettings]
MODES = ("head", "lora", "bitfit", "full")
LINEARS = 6  # of a layer: query, key, value, and three dense ones


def built(settings: ModelSettings) -> BertTagger:
    torch.manual_seed(3)
    tagger = build_tagger(settings)
    assert isinstance(tagger, BertTagger)
    return tagger


def trained_on(tagger: BertTagger, notes: list[Note], steps: int = 4) -> BertTagger:
    examples = tagger.prepare(read_examples(notes, tagger.tagset, tagger.reader))
    recipe = Recipe(learning_rate=0.01, batch_size=2, warmup=0)
    train(tagger, examples, recipe, seed=1, steps=steps)
    return tagger


def expected(trained: str, names: set[str]) -> set[str]:
    """The names that learn, told from the names alone."""
    head = {name for name in names if name.startswith("classifier.")}
    body = {name for name in names if name.startswith("encoder.encoder.")}
    return (
        head
        | {
            "head": set[str](),
            "lora": {name for name in names if ".lora_" in name},
            "bitfit": {name for name in body if name.endswith(".bias")},
            "full": body,
        }[trained]
    )


@pytest.mark.parametrize("trained", MODES)
def test_exactly_the_named_weights_learn(
    trained: str, bert_settings: MakeSettings, notes: list[Note]
) -> None:
    tagger = built(bert_settings(trained=trained))
    names = {name for name, _ in tagger.named_parameters()}
    before = {name: weight.detach().clone() for name, weight in tagger.named_parameters()}
    trained_on(tagger, notes)
    learnt = {name for name, weight in tagger.named_parameters() if not weight.equal(before[name])}
    assert set(tagger.trained()) == learnt == expected(trained, names)
    assert not any("embeddings" in name for name in learnt)
    if trained == "lora":
        assert sum(name.endswith("lora_A.default.weight") for name in learnt) == 2 * LINEARS
    assert tagger.head_names() == {name for name in names if name.startswith("classifier.")}


@pytest.mark.parametrize("trained", MODES)
def test_a_frozen_weight_has_no_gradient(
    trained: str, bert_settings: MakeSettings, notes: list[Note]
) -> None:
    tagger = built(bert_settings(trained=trained))
    batch = collate(read_examples(notes, tagger.tagset, tagger.reader))
    tagger(batch).sum().backward()
    with_gradient = {name for name, weight in tagger.named_parameters() if weight.grad is not None}
    assert with_gradient == set(tagger.trained())


@pytest.mark.parametrize("prepared", [False, True])
@pytest.mark.parametrize("trained", MODES)
def test_padding_changes_no_score(
    trained: str, prepared: bool, bert_settings: MakeSettings, notes: list[Note]
) -> None:
    tagger = built(bert_settings(trained=trained)).eval()
    examples = list(read_examples(notes, tagger.tagset, tagger.reader))
    if prepared:
        examples = list(tagger.prepare(examples))
    assert len({len(example.tags) for example in examples}) > 1
    with torch.no_grad():
        together = tagger(collate(examples))
        for row, example in zip(together, examples, strict=True):
            (alone,) = tagger(collate([example]))
            assert torch.allclose(alone, row[: len(alone)], atol=1e-5)


@pytest.mark.parametrize("bf16", [False, True])
def test_cached_features_score_as_the_encoder_does(
    bf16: bool, bert_settings: MakeSettings, notes: list[Note]
) -> None:
    tagger = built(bert_settings(trained="head", bf16=bf16)).eval()
    examples = read_examples(notes, tagger.tagset, tagger.reader)
    cached = tagger.prepare(examples)
    assert [set(example.inputs) for example in cached] == [{"features"}] * len(examples)
    assert {example.inputs["features"].dtype for example in cached} == {torch.bfloat16}
    kept = [(e.note, e.patient_id, e.tokens, e.tags.tolist()) for e in examples]
    assert [(e.note, e.patient_id, e.tokens, e.tags.tolist()) for e in cached] == kept
    with torch.no_grad():
        slow, fast = tagger(collate(examples)), tagger(collate(cached))
    for row, (example, cheap) in enumerate(zip(slow, fast, strict=True)):
        words = len(examples[row].tags)
        assert torch.allclose(example[:words], cheap[:words], atol=0.05 if bf16 else 0.02)


@pytest.mark.parametrize("trained", ["lora", "bitfit", "full"])
def test_nothing_is_cached_while_the_encoder_learns(
    trained: str, bert_settings: MakeSettings, notes: list[Note]
) -> None:
    tagger = built(bert_settings(trained=trained))
    examples = read_examples(notes, tagger.tagset, tagger.reader)
    assert tagger.prepare(examples) is examples


def test_a_frozen_encoder_has_no_dropout_while_its_head_trains(
    bert_settings: MakeSettings, notes: list[Note]
) -> None:
    tagger = built(bert_settings(trained="head")).train()
    assert tagger.classifier.training
    assert not tagger.encoder.training
    assert built(bert_settings()).train().encoder.training


def test_merged_adapters_score_as_separate_ones(bert_settings: MakeSettings, notes: list[Note]) -> None:
    tagger = trained_on(built(bert_settings(trained="lora")), notes, steps=12).eval()
    fresh = built(bert_settings(trained="lora")).eval()
    weights = tagger.export()
    assert not any("lora" in name or "base_layer" in name for name in weights)
    plain = built(bert_settings(trained="full")).eval()
    prefix = "bert."
    plain.encoder.load_state_dict(
        {name.removeprefix(prefix): w for name, w in weights.items() if name.startswith(prefix)}
    )
    plain.classifier.load_state_dict(
        {name.removeprefix("classifier."): w for name, w in weights.items() if name.startswith("classifier.")}
    )
    batch: Batch = collate(read_examples(notes, tagger.tagset, tagger.reader))
    with torch.no_grad():
        assert torch.allclose(tagger(batch), plain(batch), atol=1e-4)
        assert not torch.allclose(tagger(batch), fresh(batch), atol=1e-2)
    assert any("lora" in name for name, _ in tagger.named_parameters())  # exporting leaves it as it was


@pytest.mark.parametrize("trained", MODES)
def test_exported_weights_are_copies(trained: str, bert_settings: MakeSettings) -> None:
    tagger = built(bert_settings(trained=trained))
    for weight in tagger.export().values():
        weight.zero_()
    assert all(weight.abs().sum() > 0 for name, weight in tagger.export().items() if name.endswith("weight"))


def test_windows_fit_the_encoder(bert_settings: MakeSettings) -> None:
    tagger = built(bert_settings(window=500))
    text = "gout and fever, " * 60
    examples = read_examples([Note("n", "p", text)], tagger.tagset, tagger.reader)
    assert len(examples) > 1
    assert max(example.cost for example in examples) <= 64  # positions of the tiny encoder
    assert tagger(collate(examples)).shape[0] == len(examples)


def test_the_windowed_head_sees_its_neighbours_only(bert_settings: MakeSettings) -> None:
    tagger = built(bert_settings(trained="head", dropout=0.0)).eval()
    (example,) = read_examples([Note("n", "p", "a b c d e f g")], tagger.tagset, tagger.reader)
    (cached,) = tagger.prepare([example])
    features = cached.inputs["features"].clone()
    features[3] += 1
    changed = dataclasses.replace(cached, inputs={"features": features})
    with torch.no_grad():
        difference = (tagger(collate([cached])) - tagger(collate([changed]))).abs().sum(dim=2)[0]
    assert (difference > 1e-6).tolist() == [False, False, True, True, True, False, False]
