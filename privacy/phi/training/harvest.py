"""Messages and sentences of the open-source packages that are installed, read where they lie and kept nowhere.

A tagger must leave the words of programs alone, and learns them from programs: the texts of their logging calls and
exceptions, and the first sentences of their docstrings. None of it is part of this repository; the versions in
`constraints.txt` make a training repeatable. Packages are trained on or held out for tests, never both.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from privacy.phi.lexicon import NAME_OR_PLACE, TECHNICAL, is_usual, lexicon
from privacy.phi.wordlists import word_list

TRAINED_ON = tuple(
    word_list(
        "Crypto PIL accelerate alembic cryptography dateutil fsspec gensim google grpc huggingface_hub "
        "jinja2 joblib jsonschema mako mypy networkx numpy opacus opt_einsum pandas peft phonenumbers "
        "pip pluggy pyarrow pycparser pydantic pygments pytest referencing rich safetensors "
        "sentence_transformers setuptools sklearn spacy sqlalchemy starlette torch/distributed "
        "torch/utils transformers/utils transformers/generation transformers/integrations wrapt yaml"
    )
)
"""Packages, and folders of packages, of the training."""
HELD_OUT = tuple(
    word_list(
        "anyio cloudpickle fastapi filelock flwr h11 httpcore httpx idna loguru markdown_it "
        "opentelemetry presidio_analyzer presidio_anonymizer prometheus_client requests smart_open "
        "streamlit thinc tldextract truststore typer urllib3 uvicorn wasabi watchdog watchfiles weasel "
        "websockets"
    )
)
"""Packages whose messages no training has seen."""
_LOGS = frozenset(word_list("debug info warning warn error exception critical log fatal"))
_SENTENCE = re.compile(r"[A-Z][^.!?\n]+(?:\n[^.!?\n]+){0,2}[.!?](?=\s|$)")
_SPACES = re.compile(r"\s+")
_INSIDE = re.compile(r"(?<=[a-z,:;] )[A-Z][a-z]+")
_SIGNS = re.compile(r"[@\\<>|`*{}=]|https?:|:[a-z]+:|__")
_LARGEST = 400_000


@cache
def messages(packages: tuple[str, ...]) -> tuple[str, ...]:
    """Texts of logging calls and exceptions; `{}` or a `%` format stands where a value does.

    Args:
        packages: names of packages, or folders of packages with slashes; those not installed are left out.

    Returns:
        Different texts, sorted.
    """
    found = (_said(node) for _, tree in _trees(packages) for node in ast.walk(tree))
    return tuple(sorted({text for text in found if text is not None and _is_message(text)}))


@cache
def prose(packages: tuple[str, ...]) -> tuple[str, ...]:
    """First sentences of docstrings that name nobody.

    Args:
        packages: as of `messages`.

    Returns:
        Different sentences, sorted.
    """
    found: set[str] = set()
    for _, tree in _trees(packages):
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                first = _SENTENCE.match(ast.get_docstring(node) or "")
                text = _SPACES.sub(" ", first[0]) if first else ""
                if (
                    40 <= len(text) <= 220
                    and text.isascii()
                    and not _SIGNS.search(text)
                    and not _names_one(text)
                ):
                    found.add(text)
    return tuple(sorted(found))


def _trees(packages: tuple[str, ...]) -> Iterator[tuple[Path, ast.Module]]:
    """Every source file of some packages that is not a test."""
    for package in packages:
        name, _, below = package.partition("/")
        spec = find_spec(name)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            for path in sorted((Path(place) / below).rglob("*.py")):
                if path.stat().st_size <= _LARGEST and not {"tests", "testing", "test"} & set(path.parts):
                    yield path, ast.parse(path.read_bytes())


def _said(node: ast.AST) -> str | None:
    """The text of a logging call or of an exception that is raised."""
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
        return _text(node.exc.args[0])
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _LOGS:
        return next((text for argument in node.args[:2] if (text := _text(argument))), None)
    return None


def _text(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return _text(node.func.value)
    return None


def _is_message(text: str) -> bool:
    return (
        8 <= len(text) <= 200
        and text.isascii()
        and text.isprintable()
        and " " in text.strip()
        and "@" not in text
        and not _names_one(text)
    )


def _names_one(text: str) -> bool:
    """Whether a word inside the text may be somebody's name: such texts prove nothing."""
    flags = (lexicon().get(word.lower(), 0) for word in _INSIDE.findall(text))
    return any(flag & NAME_OR_PLACE and not flag & TECHNICAL and not is_usual(flag) for flag in flags)
