"""Dictionaries beside a network's own inputs: what it reads, what a folder carries, and what hospitals start from."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from shared.dictionaries import INDEX
from shared.errors import FixSettings, ReplaceModel
from shared.examples import collate, read_examples
from shared.extractor import Extractor
from shared.models.bert import BertTagger
from shared.models.birnn import BirnnTagger
from shared.models.build import build_tagger, load_tagger, pin
from shared.models.folder import save_model
from shared.models.settings import ModelSettings
from shared.models.tagger import Tagger
from shared.models.word_terms import TERMS
from shared.note import Note
from shared.training import Recipe, train

MakeSettings = Callable[..., ModelSettings]
KINDS = ("birnn", "bert")


@pytest.fixture
def lists(tmp_path: Path) -> tuple[str, ...]:
    """Two small term lists."""
    paths = []
    for name, terms in {"a": ("gout", "G6PD deficiency"), "b": ("asthma",)}.items():
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps({"name": term}) + "\n" for term in terms))
        paths.append(str(path))
    return tuple(paths)


@pytest.fixture
def make(birnn_settings: MakeSettings, bert_settings: MakeSettings) -> MakeSettings:
    def settings(kind: str, **changes: object) -> ModelSettings:
        return birnn_settings(**changes) if kind == "birnn" else bert_settings(trained="head", **changes)

    return settings


def built(settings: ModelSettings) -> Tagger:
    torch.manual_seed(3)
    return build_tagger(pin(settings))


def learned(tagger: Tagger, notes: list[Note]) -> Tagger:
    examples = tagger.prepare(read_examples(notes, tagger.tagset, tagger.reader))
    train(tagger, examples, Recipe(learning_rate=0.05, batch_size=2, warmup=0), seed=1, steps=4)
    return tagger


@pytest.mark.parametrize("kind", KINDS)
def test_terms_stand_beside_the_inputs(
    kind: str, make: MakeSettings, lists: tuple[str, ...], notes: list[Note]
) -> None:
    tagger = built(make(kind, dictionaries=lists))
    plain = built(make(kind))
    assert tagger.dictionaries is not None
    width = tagger.dictionaries.width
    if isinstance(tagger, BirnnTagger) and isinstance(plain, BirnnTagger):
        assert tagger.forwards.input_size == plain.forwards.input_size + width
    for example in read_examples(notes, tagger.tagset, tagger.reader):
        assert example.inputs[TERMS].shape == (len(example.tags), width)
    for example in tagger.prepare(read_examples(notes, tagger.tagset, tagger.reader)):
        if isinstance(tagger, BertTagger):
            assert example.inputs["features"].shape == (len(example.tags), 32 + width)


def test_cached_features_are_those_of_the_forward_pass(
    make: MakeSettings, lists: tuple[str, ...], notes: list[Note]
) -> None:
    tagger = built(make("bert", dictionaries=lists)).eval()
    examples = read_examples(notes, tagger.tagset, tagger.reader)
    ready = tagger.prepare(examples)
    with torch.no_grad():
        assert torch.allclose(tagger(collate(examples)), tagger(collate(ready)), atol=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sentence_holds_nothing_of_the_next(kind: str, make: MakeSettings, lists: tuple[str, ...]) -> None:
    """A term over a sentence's border would tell of the other sentence; only what a window holds is looked at."""
    tagger = built(make(kind, dictionaries=lists))

    def first_terms(text: str) -> torch.Tensor:
        examples = read_examples([Note("n", "p", text)], tagger.tagset, tagger.reader)
        assert len(examples) == 2
        return examples[0].inputs[TERMS]

    assert first_terms("She has G6PD\n\nDeficiency here.").equal(first_terms("She has G6PD\n\nNothing here."))


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_folder_needs_no_dictionary(
    kind: str, make: MakeSettings, lists: tuple[str, ...], notes: list[Note], tmp_path: Path
) -> None:
    tagger = learned(built(make(kind, dictionaries=lists)), notes)
    texts = [note.text for note in notes] * 2
    expected = Extractor(tagger).extract(texts)
    folder = tmp_path / "model"
    save_model(folder, tagger, {})
    for path in lists:
        Path(path).unlink()
    assert INDEX in json.loads((folder / "manifest.json").read_text())["files"]
    assert Extractor.load(folder).extract(texts) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_hospitals_start_from_a_base_and_name_no_dictionary(
    kind: str, make: MakeSettings, lists: tuple[str, ...], notes: list[Note], tmp_path: Path
) -> None:
    public = learned(built(make(kind, dictionaries=lists)), notes)
    folder, again = tmp_path / "base", tmp_path / "trained"
    save_model(folder, public, {})
    for path in lists:
        Path(path).unlink()
    start = built(make(kind, base=str(folder)))
    assert start.trained().keys() == public.trained().keys()
    for name, weight in start.trained().items():  # the head, too, is the public one
        assert weight.equal(public.trained()[name])
    assert start.settings.dictionaries == lists
    save_model(again, learned(start, notes), {})
    texts = [note.text for note in notes]
    assert Extractor.load(again).extract(texts) == Extractor(start).extract(texts)


def test_a_frozen_encoder_is_given_dictionaries_afterwards(
    make: MakeSettings, bert_settings: MakeSettings, lists: tuple[str, ...], notes: list[Note], tmp_path: Path
) -> None:
    """First the whole encoder learns on public text, then the head with dictionaries, then hospitals."""
    first, second = tmp_path / "first", tmp_path / "second"
    whole = learned(built(bert_settings(trained="full")), notes)
    save_model(first, whole, {})
    public = learned(built(make("bert", base=str(first), dictionaries=lists)), notes)
    save_model(second, public, {})
    hospital = built(make("bert", base=str(second)))
    assert isinstance(whole, BertTagger)
    assert isinstance(hospital, BertTagger)
    for name, weight in whole.encoder.state_dict().items():
        assert weight.equal(hospital.encoder.state_dict()[name])
    for name, weight in public.trained().items():
        assert weight.equal(hospital.trained()[name])


@pytest.mark.parametrize("kind", KINDS)
def test_other_dictionaries_than_the_base_are_refused(
    kind: str, make: MakeSettings, lists: tuple[str, ...], tmp_path: Path
) -> None:
    save_model(tmp_path / "base", built(make(kind, dictionaries=lists)), {})
    same = built(make(kind, base=str(tmp_path / "base"), dictionaries=lists))
    assert same.dictionaries is not None
    with pytest.raises(FixSettings, match="other dictionaries"):
        built(make(kind, base=str(tmp_path / "base"), dictionaries=lists[:1]))


def test_a_birnn_without_dictionaries_is_given_none(
    make: MakeSettings, lists: tuple[str, ...], tmp_path: Path
) -> None:
    save_model(tmp_path / "base", built(make("birnn")), {})
    with pytest.raises(FixSettings, match="other dictionaries"):
        built(make("birnn", base=str(tmp_path / "base"), dictionaries=lists))


@pytest.mark.parametrize("kind", KINDS)
def test_a_site_with_other_files_refuses(kind: str, make: MakeSettings, lists: tuple[str, ...]) -> None:
    agreed = pin(make(kind, dictionaries=lists))
    assert len(agreed.dictionaries_sha256) == 2
    build_tagger(agreed)
    elsewhere = agreed.model_copy(update={"dictionaries": lists[::-1]})
    with pytest.raises(ReplaceModel, match="not the dictionary"):
        build_tagger(elsewhere)
    unchecked = elsewhere.model_copy(update={"dictionaries_sha256": ()})
    assert build_tagger(unchecked).dictionaries is not None  # without the check they would be used


def test_dictionaries_need_a_frozen_encoder(bert_settings: MakeSettings, lists: tuple[str, ...]) -> None:
    for trained in ("full", "lora", "bitfit"):
        with pytest.raises(FixSettings, match="frozen encoder"):
            pin(bert_settings(trained=trained, dictionaries=lists))


def test_a_missing_dictionary(make: MakeSettings, tmp_path: Path) -> None:
    for kind in KINDS:
        with pytest.raises(FixSettings, match="no such file"):
            pin(make(kind, dictionaries=(str(tmp_path / "none"),)))


def test_a_spoilt_index_is_refused(make: MakeSettings, lists: tuple[str, ...], tmp_path: Path) -> None:
    save_model(tmp_path / "base", built(make("birnn", dictionaries=lists)), {})
    (tmp_path / "base" / INDEX).write_bytes(b"")
    with pytest.raises(ReplaceModel, match="not the file that was saved"):
        load_tagger(tmp_path / "base")


def test_the_features_of_a_longer_batch_are_the_same(
    make: MakeSettings, lists: tuple[str, ...], notes: list[Note]
) -> None:
    """Padding of one example does not reach another."""
    tagger = built(make("bert", dictionaries=lists)).eval()
    examples = read_examples(notes, tagger.tagset, tagger.reader)
    together = tagger.prepare(examples)
    for index, example in enumerate(examples):
        alone = tagger.prepare([dataclasses.replace(example)])[0]
        assert torch.allclose(alone.inputs["features"], together[index].inputs["features"], atol=0.02)
