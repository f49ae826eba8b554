"""A model folder gives back what was saved, to us and to transformers, and anything else is refused."""

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForTokenClassification

from shared.errors import ChooseOutput, ReplaceModel
from shared.examples import collate, read_examples
from shared.extractor import Extractor
from shared.files import sha256
from shared.models.build import build_tagger, load_tagger
from shared.models.folder import CONFIG, MANIFEST, WEIGHTS, open_folder, save_model
from shared.models.settings import ModelSettings
from shared.models.tagger import Tagger
from shared.note import Note
from shared.training import Recipe, train

MakeSettings = Callable[..., ModelSettings]
Model = tuple[Path, Tagger]


def made(settings: ModelSettings, notes: list[Note], folder: Path) -> Model:
    torch.manual_seed(5)
    tagger = build_tagger(settings)
    examples = tagger.prepare(read_examples(notes, tagger.tagset, tagger.reader))
    train(tagger, examples, Recipe(learning_rate=0.01, batch_size=2, warmup=0), seed=1, steps=6)
    save_model(folder, tagger, {"rounds": 3, "command": "test"})
    return folder, tagger.eval()


@pytest.fixture(
    scope="module", params=["birnn", "birnn vectors", "bert full", "bert bitfit", "bert lora", "bert head"]
)
def model(
    request: pytest.FixtureRequest,
    birnn_settings: MakeSettings,
    bert_settings: MakeSettings,
    notes: list[Note],
    tmp_path_factory: pytest.TempPathFactory,
) -> Model:
    folder = tmp_path_factory.mktemp("models")
    kind, _, rest = request.param.partition(" ")
    if kind == "bert":
        return made(bert_settings(trained=rest), notes, folder / "model")
    changes: dict[str, Any] = {}
    if rest:
        glove = folder / "glove.txt"
        glove.write_text("gout 0.5 -0.5 1\nfever 0.1 0.2 0.3\nßeta 0 0 1\n", encoding="utf-8")
        changes["vectors"] = str(glove)
    saved = made(birnn_settings(**changes), notes, folder / "model")
    if rest:
        glove.unlink()  # the folder holds all it needs
    return saved


@pytest.fixture
def saved(birnn_settings: MakeSettings, bert_settings: MakeSettings, tmp_path: Path) -> Callable[[str], Path]:
    """A folder of an untrained model, to spoil."""

    def make(kind: str) -> Path:
        settings = birnn_settings() if kind == "birnn" else bert_settings()
        save_model(tmp_path / kind, build_tagger(settings), {})
        return tmp_path / kind

    return make


def reseal(folder: Path) -> None:
    """Writes the hashes anew, as someone would who can write the whole folder."""
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"] = {f.name: sha256(f) for f in folder.iterdir() if f.name != MANIFEST}
    (folder / MANIFEST).write_text(json.dumps(manifest))


def test_a_loaded_model_scores_as_the_saved_one(model: Model, notes: list[Note]) -> None:
    folder, tagger = model
    loaded = load_tagger(folder)
    assert not loaded.training
    assert not loaded.trained()
    assert loaded.settings.labels == tagger.settings.labels
    own, again = (read_examples(notes, t.tagset, t.reader) for t in (tagger, loaded))
    with torch.no_grad():
        before, after = tagger(collate(tagger.prepare(own))), loaded(collate(loaded.prepare(again)))
    exact = tagger.settings.trained != "lora"  # merging adapters rounds
    assert torch.allclose(before, after, atol=0 if exact else 1e-4, rtol=0)
    texts = [note.text for note in notes]
    assert Extractor(loaded).extract(texts) == Extractor(tagger).extract(texts)


def test_a_model_saved_again_holds_the_same_weights(model: Model, tmp_path: Path) -> None:
    folder, _ = model
    save_model(tmp_path / "again", load_tagger(folder), {})
    before, after = open_folder(folder).weights, open_folder(tmp_path / "again").weights
    assert before.keys() == after.keys()
    assert all(weight.equal(after[name]) for name, weight in before.items())


def test_a_folder_holds_these_files_and_no_pickle(model: Model) -> None:
    folder, tagger = model
    names = {file.name for file in folder.iterdir()}
    assert {WEIGHTS, CONFIG, MANIFEST, "model_card.md"} <= names
    assert ("tokenizer.json" in names) == (tagger.settings.kind == "bert")
    manifest = json.loads((folder / MANIFEST).read_text())
    assert manifest["files"].keys() == names - {MANIFEST}
    assert manifest["run"]["rounds"] == 3
    assert (manifest["epsilon"], manifest["signature"]) == (None, None)
    for file in folder.iterdir():
        assert file.read_bytes()[:2] not in (b"\x80\x02", b"\x80\x04", b"PK")
    assert "without differential privacy" in (folder / "model_card.md").read_text()
    assert not list(folder.parent.glob(f".{folder.name}.*"))


@pytest.mark.parametrize("trained", ["full", "lora", "bitfit"])
def test_transformers_reads_a_linear_head(
    trained: str, bert_settings: MakeSettings, notes: list[Note], tmp_path: Path
) -> None:
    folder, tagger = made(bert_settings(trained=trained), notes, tmp_path / "model")
    theirs = AutoModelForTokenClassification.from_pretrained(folder).eval()
    assert theirs.config.id2label == dict(enumerate(tagger.tagset.names))
    batch = collate(read_examples(notes, tagger.tagset, tagger.reader))
    with torch.no_grad():
        logits = theirs(input_ids=batch.inputs["ids"], attention_mask=batch.inputs["mask"]).logits
        ours = tagger(batch)
    for row, length in enumerate(batch.lengths.tolist()):
        firsts = batch.inputs["firsts"][row, :length]
        assert torch.allclose(logits[row, firsts], ours[row, :length], atol=1e-4)


def spoil_weights(folder: Path) -> None:
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (folder / WEIGHTS).write_bytes(content)


def spoil_config(folder: Path) -> None:
    path = folder / CONFIG
    path.write_text(path.read_text().replace("Disease", "Disorder"))


def add_pickle(folder: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({}))


def edit_manifest(folder: Path, **changes: Any) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | changes))


def empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def replace_by_folder(folder: Path) -> None:
    (folder / CONFIG).unlink()
    (folder / CONFIG).mkdir()


SPOILS: list[tuple[Callable[[Path], object], str]] = [
    (spoil_weights, f"{WEIGHTS} is not the file"),
    (spoil_config, f"{CONFIG} is not the file"),
    (lambda f: (f / WEIGHTS).unlink(), f"{WEIGHTS} is missing"),
    (lambda f: (f / "model_card.md").unlink(), "model_card.md is missing"),
    (lambda f: (f / MANIFEST).unlink(), f"no {MANIFEST}"),
    (lambda f: (f / "notes.txt").write_text("x"), "notes.txt is not in the manifest"),
    (lambda f: (f / "inner").mkdir(), "inner is not in the manifest"),
    (add_pickle, "pytorch_model.bin is not in the manifest"),
    (lambda f: edit_manifest(f, form="clinfed-model-9"), "is not a clinfed-model-1 folder"),
    (lambda f: edit_manifest(f, files=["model.safetensors"]), "is not a clinfed-model-1 folder"),
    (lambda f: edit_manifest(f, files={}), "is not a clinfed-model-1 folder"),
    (lambda f: (f / MANIFEST).write_text("{"), "is not JSON"),
    (lambda f: (f / MANIFEST).write_bytes(b"\xff\xfe"), "is not JSON"),
    (lambda f: (f / MANIFEST).write_text("[]"), "is not an object"),
    (lambda f: (f / MANIFEST).write_text("[" * 100_000), "is not JSON"),
    (replace_by_folder, f"{CONFIG} is not the file"),
    (empty, f"no {MANIFEST}"),
    (shutil.rmtree, f"no {MANIFEST}"),
]


@pytest.mark.parametrize(("spoil", "what"), SPOILS, ids=[f"{i}-{what}" for i, (_, what) in enumerate(SPOILS)])
def test_a_spoilt_folder_is_refused(
    spoil: Callable[[Path], object], what: str, saved: Callable[[str], Path]
) -> None:
    folder = saved("birnn")
    spoil(folder)
    with pytest.raises(ReplaceModel, match=what) as refusal:
        load_tagger(folder)
    assert str(folder) in str(refusal.value)
    assert refusal.value.remedy


def change_config(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    config = json.loads((folder / CONFIG).read_text())
    change(config)
    (folder / CONFIG).write_text(json.dumps(config))


CONTRADICTIONS: list[tuple[str, str, Callable[[Path], object]]] = [
    ("birnn", "no settings", lambda f: change_config(f, lambda c: c.pop("clinfed"))),
    ("birnn", "unknown setting", lambda f: change_config(f, lambda c: c["clinfed"].update(extra=1))),
    ("birnn", "another width", lambda f: change_config(f, lambda c: c["clinfed"].update(hidden=9))),
    ("birnn", "not safetensors", lambda f: (f / WEIGHTS).write_bytes(b"\x80\x04garbage")),
    ("birnn", "weights of nothing", lambda f: (f / WEIGHTS).write_bytes(b"\x02" + b"\0" * 7 + b"{}")),
    ("bert", "no kind of encoder", lambda f: change_config(f, lambda c: c.pop("model_type"))),
    ("bert", "unknown encoder", lambda f: change_config(f, lambda c: c.update(model_type="oracle"))),
    ("bert", "another width", lambda f: change_config(f, lambda c: c.update(hidden_size=48))),
    ("bert", "a width of no kind", lambda f: change_config(f, lambda c: c.update(hidden_size="wide"))),
    ("bert", "not a tokenizer", lambda f: (f / "tokenizer.json").write_text("{}")),
    ("bert", "no tokenizer", lambda f: (f / "tokenizer.json").unlink()),
]


@pytest.mark.parametrize(
    ("kind", "why", "spoil"), CONTRADICTIONS, ids=[f"{kind} {why}" for kind, why, _ in CONTRADICTIONS]
)
def test_a_folder_that_contradicts_itself_is_refused(
    kind: str, why: str, spoil: Callable[[Path], object], saved: Callable[[str], Path]
) -> None:
    folder = saved(kind)
    spoil(folder)
    reseal(folder)
    with pytest.raises(ReplaceModel):
        load_tagger(folder)


class Payload:
    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.proof),)


@pytest.mark.parametrize("kind", ["birnn", "bert"])
@pytest.mark.parametrize("name", [WEIGHTS, "pytorch_model.bin", "adapter_model.bin", "training_args.bin"])
def test_no_pickle_is_ever_loaded(kind: str, name: str, saved: Callable[[str], Path], tmp_path: Path) -> None:
    """Even where the attacker has sealed the folder anew."""
    folder = saved(kind)
    proof = tmp_path / "proof"
    (folder / name).write_bytes(pickle.dumps(Payload(proof)))
    reseal(folder)
    if name == WEIGHTS:
        with pytest.raises(ReplaceModel):
            load_tagger(folder)
    else:
        load_tagger(folder)
    assert not proof.exists()
    pickle.loads((folder / name).read_bytes())  # noqa: S301  the payload would have worked
    assert proof.exists()


@pytest.mark.parametrize("existing", ["folder", "file"])
def test_nothing_is_overwritten(existing: str, birnn_settings: MakeSettings, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir() if existing == "folder" else target.write_text("mine")
    with pytest.raises(ChooseOutput) as refusal:
        save_model(target, build_tagger(birnn_settings()), {})
    assert refusal.value.where == str(target)
    assert [file.name for file in tmp_path.iterdir()] == ["out"]
    assert target.is_dir() or target.read_text() == "mine"


def test_the_returned_hash_names_the_model(birnn_settings: MakeSettings, tmp_path: Path) -> None:
    tagger = build_tagger(birnn_settings())
    name = save_model(tmp_path / "deep" / "a", tagger, {"rounds": 1})
    assert name == sha256(tmp_path / "deep" / "a" / MANIFEST)
    assert name == save_model(tmp_path / "b", tagger, {"rounds": 1})
    assert name != save_model(tmp_path / "c", tagger, {"rounds": 2})


def test_a_save_that_fails_leaves_nothing(
    birnn_settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagger = build_tagger(birnn_settings())

    def full(folder: Path) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(tagger, "save_text_files", full)
    with pytest.raises(OSError, match="no space"):
        save_model(tmp_path / "out", tagger, {})
    assert not list(tmp_path.iterdir())
