"""A file holds the old content or the new, wherever writing it breaks off."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from shared.files import sha256, write_bytes, write_text

OLD, NEW = b"old content", b"new content, longer than the old"


class Crash(BaseException):
    """The machine stops here."""


def crash(*_: Any, **__: Any) -> None:
    raise Crash


def test_content_is_written_and_nothing_is_left_beside(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (OLD, NEW, b"", b"\r\n\x00\xff"):
        write_bytes(path, content)
        assert path.read_bytes() == content
    write_text(path, "ä😀\n")
    assert path.read_bytes() == "ä😀\n".encode()
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("exists", [True, False])
def test_a_crash_leaves_the_old_content(
    step: str, exists: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    if exists:
        path.write_bytes(OLD)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", crash) if step == "fsync" else patched.setattr(Path, "replace", crash)
        with pytest.raises(Crash):
            write_bytes(path, NEW)
    assert path.exists() == exists
    assert not exists or path.read_bytes() == OLD
    write_bytes(path, NEW)  # what the crash left is no obstacle
    assert path.read_bytes() == NEW
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_all_is_on_disk_before_it_takes_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    seen = []
    replace, fsync = Path.replace, os.fsync

    def flush(descriptor: int) -> None:
        seen.append(("flushed", os.fstat(descriptor).st_size, path.read_bytes()))
        fsync(descriptor)

    def rename(self: Path, target: Path) -> Path:
        seen.append(("renamed", self.stat().st_size, path.read_bytes()))
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(Path, "replace", rename)
    write_bytes(path, NEW)
    assert seen == [("flushed", len(NEW), OLD), ("renamed", len(NEW), OLD)]


def test_the_hash_is_that_of_the_content(tmp_path: Path) -> None:
    content = os.urandom(300_000)
    (tmp_path / "file").write_bytes(content)
    assert sha256(tmp_path / "file") == hashlib.sha256(content).hexdigest()
    (tmp_path / "empty").touch()
    assert sha256(tmp_path / "empty") == hashlib.sha256().hexdigest()
