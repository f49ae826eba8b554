"""Word vectors are read in every form they come in, and nothing in the file is ever run."""

import contextlib
import gzip
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gensim.models import KeyedVectors

from shared.errors import FixSettings
from shared.models.vectors import read_vectors

WORDS = ["gout", "fever", "ßeta", "12"]
ROWS = np.arange(12, dtype=np.float32).reshape(4, 3) / 8 - 0.5


def keyed(words: list[str] = WORDS, rows: Any = ROWS) -> Any:
    made = KeyedVectors(vector_size=rows.shape[1])
    made.add_vectors(words, rows)
    return made


def glove_text(path: Path) -> None:
    lines = [" ".join([word, *map(str, row)]) for word, row in zip(WORDS, ROWS.tolist(), strict=True)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def save_split(path: Path) -> None:
    keyed().save(str(path), sep_limit=0)
    assert path.with_name(f"{path.name}.vectors.npy").is_file()


FORMS: dict[str, Callable[[Path], object]] = {
    "glove text": glove_text,
    "word2vec text": lambda path: keyed().save_word2vec_format(str(path), binary=False),
    "word2vec binary": lambda path: keyed().save_word2vec_format(str(path), binary=True),
    "keyed vectors": lambda path: keyed().save(str(path)),
    "keyed vectors with an array beside": save_split,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_words_and_vectors(form: str, tmp_path: Path) -> None:
    path = tmp_path / "vectors"  # the form comes from the content, not the name
    FORMS[form](path)
    words, vectors = read_vectors(path)
    assert words == WORDS
    assert vectors.dtype == torch.float32
    assert np.allclose(vectors.numpy(), ROWS, atol=1e-6)


@pytest.mark.parametrize("form", ["glove text", "word2vec text", "word2vec binary", "keyed vectors"])
def test_every_form_may_be_gzipped(form: str, tmp_path: Path) -> None:
    plain, path = tmp_path / "plain", tmp_path / "vectors.gz"
    FORMS[form](plain)
    path.write_bytes(gzip.compress(plain.read_bytes()))
    words, vectors = read_vectors(path)
    assert words == WORDS
    assert np.allclose(vectors.numpy(), ROWS, atol=1e-6)


def test_words_are_lower_case_each_once_and_without_spaces(tmp_path: Path) -> None:
    path = tmp_path / "vectors"
    words = ["Gout", "gout", "two words", "\u2028", "GOUT", "ok"]
    keyed(words, np.arange(12, dtype=np.float32).reshape(6, 2)).save(str(path))
    found, vectors = read_vectors(path)
    assert found == ["gout", "ok"]
    assert vectors.tolist() == [[0.0, 1.0], [10.0, 11.0]]


def test_glove_words_may_hold_spaces(tmp_path: Path) -> None:
    path = tmp_path / "glove.840B"
    path.write_text(", 0.1 0.2\n. . . 0.3 0.4\nat name@domain.com 0.5 0.6\ngout 1 -1e-2\n", encoding="utf-8")
    words, vectors = read_vectors(path)
    assert words == [",", "gout"]
    assert torch.allclose(vectors, torch.tensor([[0.1, 0.2], [1, -0.01]]))


class Payload:
    """What an attacker pickles: on loading, a folder appears."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.proof),)


def inside(path: Path, payload: Payload) -> None:
    made = keyed()
    made.expandos = {"label": payload}
    made.save(str(path))


def instead(path: Path, payload: Payload) -> None:
    path.write_bytes(pickle.dumps(payload))


def zipped(path: Path, payload: Payload) -> None:
    path.write_bytes(gzip.compress(pickle.dumps(payload)))


def beside(path: Path, payload: Payload) -> None:
    """Nothing in the file itself is foreign, but gensim would unpickle the one it names."""
    made = keyed()
    setattr(made, "__scipys", ["expandos"])
    setattr(made, "__numpys", [])
    setattr(made, "__ignoreds", [])
    setattr(made, "__recursive_saveloads", [])
    path.write_bytes(pickle.dumps(made, protocol=4))
    path.with_name(f"{path.name}.expandos.npy").write_bytes(pickle.dumps(payload))


def array(path: Path, payload: Payload) -> None:
    """The array beside holds pickled objects."""
    save_split(path)
    np.save(path.with_name(f"{path.name}.vectors.npy"), np.array([payload], dtype=object), allow_pickle=True)


@pytest.mark.parametrize("attack", [inside, instead, zipped, beside, array])
def test_a_pickle_runs_nothing(attack: Callable[[Path, Payload], None], tmp_path: Path) -> None:
    path, proof = tmp_path / "vectors", tmp_path / "proof"
    attack(path, Payload(proof))
    if attack is beside:
        read_vectors(path)  # the file itself is sound; what lies beside is not touched
    else:
        with pytest.raises(FixSettings):
            read_vectors(path)
    assert not proof.exists()


@pytest.mark.parametrize("attack", [inside, beside])
def test_the_attacks_work_on_gensim_itself(attack: Callable[[Path, Payload], None], tmp_path: Path) -> None:
    path, proof = tmp_path / "vectors", tmp_path / "proof"
    attack(path, Payload(proof))
    with contextlib.suppress(Exception):  # it fails after it has run the payload
        KeyedVectors.load(str(path))
    assert proof.exists()


BROKEN: list[tuple[bytes, str]] = [
    (b"", "nothing"),
    (b"\n\n", "no words"),
    (b"gout 0.1 0.2\nfever 0.1\n", "rows of unlike width"),
    (b"gout a b\n", "no numbers"),
    (b"gout 0.1 nan\n", "not a number"),
    (b"gout 0.1 inf\n", "infinite"),
    (b"5 3\ngout 0 0 0\n", "fewer rows than promised, text"),
    (b"2 3\n" + b"gout " + struct.pack("<3f", 1, 2, 3), "fewer rows than promised, binary"),
    (b"\xff\xfe\x00garbage", "not UTF-8"),
    (bytes(range(256)) * 8, "noise"),
    (b"\x80\x04", "a pickle that stops"),
    (pickle.dumps([1, 2, 3]), "a pickle of something else"),
    (pickle.dumps({"index_to_key": ["a"]}), "a pickle of a dictionary"),
    (gzip.compress(b"gout 1 2\n")[:-9], "a gzip file that stops"),
    (b"99999999999999 300\ngout 1 2\n", "more rows than any machine holds"),
]


@pytest.mark.parametrize(("content", "why"), BROKEN, ids=[why for _, why in BROKEN])
def test_a_broken_file_is_a_setting_to_fix(content: bytes, why: str, tmp_path: Path) -> None:
    path = tmp_path / "vectors"
    path.write_bytes(content)
    with pytest.raises(FixSettings) as refusal:
        read_vectors(path)
    assert refusal.value.where == str(path), why
    assert refusal.value.remedy


@pytest.mark.parametrize(
    "rows", [None, np.zeros(4), np.zeros((2, 3)), "text"], ids=["none", "flat", "short", "text"]
)
def test_keyed_vectors_whose_parts_do_not_fit_are_refused(rows: Any, tmp_path: Path) -> None:
    made = keyed()
    made.vectors = rows
    (tmp_path / "vectors").write_bytes(pickle.dumps(made, protocol=4))
    with pytest.raises(FixSettings):
        read_vectors(tmp_path / "vectors")


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_a_missing_file_is_a_setting_to_fix(name: str, tmp_path: Path) -> None:
    with pytest.raises(FixSettings, match="no such file"):
        read_vectors(tmp_path / name)
