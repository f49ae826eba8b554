"""Settings become the network they name, from a base or from scratch, or an error that says which setting to fix."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from shared.errors import ClinfedError, FixFederation, FixSettings, InstallEncoder, ReplaceModel
from shared.examples import collate, read_examples
from shared.files import sha256
from shared.models.build import TRAINED, build_tagger, pin
from shared.models.folder import MANIFEST, save_model
from shared.models.settings import ModelSettings
from shared.models.tagger import Tagger
from shared.note import Note

MakeSettings = Callable[..., ModelSettings]
Make = Callable[..., ModelSettings]


def built(settings: ModelSettings, seed: int = 1) -> Tagger:
    torch.manual_seed(seed)
    return build_tagger(settings)


def saved(folder: Path, settings: ModelSettings) -> str:
    save_model(folder, built(settings, seed=77), {})
    return str(folder)


@pytest.fixture
def makers(birnn_settings: MakeSettings, bert_settings: MakeSettings) -> dict[str, Make]:
    return {"birnn": birnn_settings, "bert": bert_settings}


@pytest.mark.parametrize(
    ("kind", "trained"),
    [("birnn", t) for t in ("lora", "bitfit", "full")] + [("bert", "all")],
)
def test_a_kind_trains_what_it_has(kind: str, trained: str, makers: dict[str, Make]) -> None:
    with pytest.raises(FixSettings) as refusal:
        pin(makers[kind](trained=trained))
    assert refusal.value.where == "trained"
    assert all(name in refusal.value.remedy for name in TRAINED[kind])


def test_a_head_alone_needs_a_base(birnn_settings: MakeSettings) -> None:
    with pytest.raises(FixSettings, match="--base"):
        pin(birnn_settings(trained="head"))


def test_labels_come_once(birnn_settings: MakeSettings) -> None:
    with pytest.raises(FixFederation, match="labels"):
        build_tagger(birnn_settings(labels=("Disease", "Disease")))


def test_pinning_names_every_public_file(makers: dict[str, Make], tiny_encoder: Path, tmp_path: Path) -> None:
    glove = tmp_path / "glove.txt"
    glove.write_text("gout 1 2\n")
    base = Path(saved(tmp_path / "base", makers["birnn"]()))
    assert pin(makers["birnn"]()) == makers["birnn"]()
    assert pin(makers["birnn"](vectors=str(glove))).vectors_sha256 == sha256(glove)
    assert pin(makers["bert"]()).encoder_sha256 == sha256(tiny_encoder / "model.safetensors")
    pinned = pin(makers["birnn"](base=str(base)))
    assert pinned.base_sha256 == sha256(base / MANIFEST)
    assert pin(pinned) == pinned


Wrong = Callable[[dict[str, Make], Path], ModelSettings]
MISSING: list[tuple[str, type[ClinfedError], Wrong]] = [
    ("vectors", FixSettings, lambda make, path: make["birnn"](vectors=str(path / "no.txt"))),
    ("vectors that are a folder", FixSettings, lambda make, path: make["birnn"](vectors=str(path))),
    ("encoder", InstallEncoder, lambda make, path: make["bert"](encoder=str(path))),
    ("base", ReplaceModel, lambda make, path: make["birnn"](base=str(path / "no"))),
    ("base that is empty", ReplaceModel, lambda make, path: make["bert"](base=str(path))),
]


@pytest.mark.parametrize("step", [pin, build_tagger])
@pytest.mark.parametrize(("what", "error", "wrong"), MISSING, ids=[what for what, _, _ in MISSING])
def test_a_missing_file_has_a_typed_error(
    what: str,
    error: type[ClinfedError],
    wrong: Wrong,
    step: Callable[[ModelSettings], Any],
    makers: dict[str, Make],
    tmp_path: Path,
) -> None:
    with pytest.raises(error) as refusal:
        step(wrong(makers, tmp_path))
    assert refusal.value.where
    assert refusal.value.remedy


@pytest.mark.parametrize("kind", ["birnn", "bert"])
def test_a_base_of_another_kind(kind: str, makers: dict[str, Make], tmp_path: Path) -> None:
    other = {"birnn": "bert", "bert": "birnn"}[kind]
    base = saved(tmp_path / "base", makers[other]())
    with pytest.raises(FixSettings, match=f"--model {other}"):
        build_tagger(makers[kind](base=base))


def test_a_base_that_was_not_agreed_on(birnn_settings: MakeSettings, tmp_path: Path) -> None:
    base = saved(tmp_path / "base", birnn_settings())
    pinned = pin(birnn_settings(base=base))
    build_tagger(pinned)
    manifest = json.loads((tmp_path / "base" / MANIFEST).read_text())
    (tmp_path / "base" / MANIFEST).write_text(json.dumps(manifest | {"run": {"rounds": 9}}))
    with pytest.raises(ReplaceModel, match="agreed on"):
        build_tagger(pinned)


def test_vectors_that_were_not_agreed_on(birnn_settings: MakeSettings, tmp_path: Path) -> None:
    glove = tmp_path / "glove.txt"
    glove.write_text("gout 1 2\n")
    pinned = pin(birnn_settings(vectors=str(glove)))
    build_tagger(pinned)
    glove.write_text("gout 1 3\n")
    with pytest.raises(ReplaceModel, match="agreed on"):
        build_tagger(pinned)


@pytest.mark.parametrize("kind", ["birnn", "bert"])
def test_a_base_continues_with_the_same_weights(kind: str, makers: dict[str, Make], tmp_path: Path) -> None:
    source = built(makers[kind](), seed=77).export()
    base = saved(tmp_path / "base", makers[kind]())
    tagger = built(makers[kind](base=base), seed=1)
    assert tagger.training
    assert tagger.trained()
    for name, weight in tagger.export().items():
        assert weight.equal(source[name]), name


@pytest.mark.parametrize("kind", ["birnn", "bert"])
def test_a_base_with_other_labels_gets_a_fresh_head(
    kind: str, makers: dict[str, Make], tmp_path: Path
) -> None:
    source = built(makers[kind](), seed=77).export()
    base = saved(tmp_path / "base", makers[kind]())
    tagger = built(makers[kind](base=base, labels=("Chemical", "Gene")), seed=1)
    assert len(tagger.tagset) == 5
    weights = tagger.export()
    assert weights["classifier.weight"].shape[0] == 5
    for name, weight in weights.items():
        if not name.startswith("classifier."):
            assert weight.equal(source[name]), name
    same_size = built(makers[kind](base=base, labels=("Chemical",)), seed=1).export()
    assert not same_size["classifier.weight"].equal(source["classifier.weight"])


def test_the_network_of_a_birnn_base_counts_not_the_settings(
    birnn_settings: MakeSettings, notes: list[Note], tmp_path: Path
) -> None:
    base = saved(tmp_path / "base", birnn_settings(hidden=6, word_rows=32))
    tagger = built(birnn_settings(base=base, dropout=0.4))
    assert (tagger.settings.hidden, tagger.settings.word_rows, tagger.settings.dropout) == (6, 32, 0.4)
    tagger(collate(read_examples(notes, tagger.tagset, tagger.reader)))


@pytest.mark.parametrize(
    ("base_changes", "changes", "kept"),
    [
        ({"trained": "full"}, {"trained": "lora"}, True),
        ({"trained": "lora"}, {"trained": "full"}, True),
        ({"trained": "head"}, {"trained": "head"}, True),
        ({"trained": "head"}, {"trained": "head", "head_width": 5}, False),
        ({"trained": "head"}, {"trained": "full"}, False),
        ({"trained": "full"}, {"trained": "head"}, False),
    ],
)
def test_a_head_is_kept_where_its_form_is_the_same(
    base_changes: dict[str, Any],
    changes: dict[str, Any],
    kept: bool,
    bert_settings: MakeSettings,
    tmp_path: Path,
) -> None:
    source = built(bert_settings(**base_changes), seed=77).export()
    base = saved(tmp_path / "base", bert_settings(**base_changes))
    weights = built(bert_settings(base=base, **changes), seed=1).export()
    head = {name: weight for name, weight in weights.items() if name.startswith("classifier.")}
    drawn = {name for name in head if not name.endswith("bias")}
    assert all(name in source and head[name].equal(source[name]) for name in head) or not kept
    assert kept or not any(name in source and head[name].equal(source[name]) for name in drawn)
    assert all(weight.equal(source[n]) for n, weight in weights.items() if not n.startswith("classifier."))
