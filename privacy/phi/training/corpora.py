"""Texts for training the taggers, identifying words marked: the synthetic clinic, sentences, log lines."""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from random import Random

from privacy.phi.training.draw import Draw
from privacy.phi.training.harvest import TRAINED_ON, messages, prose
from privacy.phi.wordlists import word_list
from shared.synthetic import make_notes

Mark = tuple[int, int, int]
Marked = tuple[str, list[Mark]]
"""A text and its marks: first character, one past the last, class."""

NAME, LOCATION, ORGANIZATION, ID = 1, 2, 3, 4
_OF_LABEL = {
    **dict.fromkeys(("PATIENT", "RELATIVE", "CLINICIAN"), NAME),
    **dict.fromkeys(("HOSPITAL", "EMPLOYER"), ORGANIZATION),
    **dict.fromkeys(("MRN", "ACCOUNT", "HEALTH_PLAN", "LICENSE", "VEHICLE", "DEVICE"), ID),
    "LOCATION": LOCATION,
}
_SLOT = re.compile(r"\{([A-Za-z#])\}")
_FILL = re.compile(r"\{[^{}]*\}|%\([a-z_]+\)[sdr]|%[-+0-9.]*[sdrifgx]|<[a-z_]+>")
_HEADS = word_list(
    "disease syndrome disease syndrome sign dystrophy anemia palsy lymphoma tumor ataxia encephalopathy thyroiditis"
    " sarcoma contracture hernia phenomenon fracture esophagus body-dementia"
)
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "WARN", "info", "error", "warn")


@cache
def lines(name: str) -> tuple[str, ...]:
    """The lines of a file beside this one, without comments."""
    text = (files("privacy.phi.training") / name).read_text("utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("# "))


@cache
def eponyms() -> tuple[str, ...]:
    """Names that stand for diseases and methods."""
    text = (files("privacy.phi") / "data" / "eponyms.txt").read_text()
    return tuple(word for line in text.splitlines() if not line.startswith("#") for word in line.split())


def clinic_notes(seed: int, patients: int) -> Iterator[Marked]:
    """Training notes of the synthetic clinic, in paragraphs; half of the names are replaced by foreign ones."""
    rng = Random(f"clinic {seed}")  # noqa: S311 - not for security
    draw = Draw(rng)
    for hospital in range(60):
        for note in make_notes(seed, hospital, hospitals=60, patients=patients):
            marks = [(e.start, e.end, _OF_LABEL.get(e.label, 0)) for e in note.phi]
            yield _replace(note.text, [mark for mark in marks if mark[2]], draw)


def sentences(seed: int, count: int) -> Iterator[Marked]:
    """Sentences of ours, filled, two or more together now and then."""
    rng = Random(f"sentences {seed}")  # noqa: S311
    draw = Draw(rng)
    ours, plain, docs = lines("sentences.txt"), lines("plain.txt"), prose(TRAINED_ON)
    for _ in range(count):
        text = ""
        marks: list[Mark] = []
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            roll = rng.random()
            template = (
                rng.choice(ours) if roll < 0.72 else rng.choice(plain) if roll < 0.85 else rng.choice(docs)
            )
            if text:
                text += rng.choice((" ", " ", "\n"))
            text, marks = _fill(
                template.replace("\\n", "\n") if roll < 0.85 else template,
                text,
                marks,
                draw,
                slots=roll < 0.72,
            )
        yield _recase(text, rng, 0.07, 0.04), marks


def log_lines(seed: int, count: int, clean: float = 0.62) -> Iterator[Marked]:
    """Log lines with and without identifiers.

    Args:
        seed: other lines for another seed.
        count: of lines.
        clean: share of lines without an identifier, from the messages of the packages installed.
    """
    rng = Random(f"logs {seed}")  # noqa: S311
    draw = Draw(rng)
    ours, spoken = lines("log_lines.txt"), lines("sentences.txt")
    said = messages(TRAINED_ON) if clean else ()
    for _ in range(count):
        head = _log_head(rng)
        roll = rng.random()
        if roll < clean:
            text = clean_line(rng.choice(said), rng, head)
            if rng.random() < 0.2:
                text += " " + " ".join(
                    f"{rng.choice(_KEYS)}={_value(rng)}" for _ in range(rng.randrange(1, 6))
                )
            yield text, []
            continue
        template = rng.choice(ours) if roll < 0.9 else rng.choice(spoken)
        text, marks = _fill(template.replace("\\n", " "), head, [], draw, slots=True)
        yield _recase(text, rng, 0.15, 0.05), marks


def clean_line(message: str, rng: Random, head: str | None = None) -> str:
    """A log line without identifiers.

    Args:
        message: with the marks of `%` and `{}` formats where values stand.
        rng: source of the values.
        head: time, level and logger; drawn when None.
    """
    return (_log_head(rng) if head is None else head) + _FILL.sub(lambda _: _value(rng), message)


_KEYS = word_list(
    "loss epoch round step client server node pid port size status took duration rank "
    "device batch lr f1 name model state mode phase level code retries host worker run "
    "job"
)


def _value(rng: Random) -> str:
    """What stands in a clean message's place."""
    roll = rng.random()
    if roll < 0.35:
        return str(rng.choice((0, 1, 2, 3, rng.randrange(100), rng.randrange(10000), round(rng.random(), 4))))
    if roll < 0.5:
        return rng.choice(
            (
                "/var/lib/clinfed/model",
                "/srv/run/metrics.json",
                "model.safetensors",
                "config.toml",
                "/usr/lib/python3/dist-packages",
                "notes.jsonl",
            )
        )
    if roll < 0.9:
        return rng.choice(
            word_list(
                "birnn bert None True False float32 cuda:0 cpu hospital-3 north-cardiology "
                "train test eval utf-8 default main worker-2 int64 str dict Tensor Linear LSTM "
                "list ValueError tcp https 127.0.0.1:8080 v1.2.3 adam Adam relu GET POST 200 "
                "404 running done failed queued embedding weight bias layer.0.attention secagg "
                "Opacus Flower Presidio"
            )
        )
    return "".join(rng.choices("0123456789abcdef", k=rng.choice((8, 12, 16, 32))))


def _log_head(rng: Random) -> str:
    """Time, level and logger of a line, in one of the usual forms."""
    day = f"20{rng.randrange(20, 30)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"
    clock = f"{rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}"
    level = rng.choice(_LEVELS)
    logger = rng.choice(
        word_list(
            "client.agent server.round flwr urllib3.connectionpool uvicorn.access root "
            "privacy.logs sqlalchemy.engine transformers.trainer __main__ asyncio streamlit "
            "opacus"
        )
    )
    return rng.choice(
        (
            "",
            "",
            f"{day} {clock},{rng.randrange(1000):03} {level} {logger}: ",
            f"{level}:{logger}:",
            f"[{day} {clock}] [{level}] ",
            f"{day}T{clock}Z {level.lower()} ",
            f"{level} : ",
            f"[{level}] {logger} - ",
            f"{level}:     ",
        )
    )


def _fill(template: str, text: str, marks: list[Mark], draw: Draw, *, slots: bool) -> Marked:
    """Appends a template with its slots filled."""
    at = 0
    for slot in _SLOT.finditer(template) if slots else ():
        text += template[at : slot.start()]
        surface, kind = _surface(slot[1], draw)
        if kind:
            marks = [*marks, (len(text), len(text) + len(surface), kind)]
        text += surface
        at = slot.end()
    return text + template[at:], marks


def _surface(slot: str, draw: Draw) -> tuple[str, int]:
    rng = draw.rng
    if slot in "NFLflu":
        name = draw.name() if slot == "N" else draw.last() if slot in "Ll" else draw.first()
        if slot == "u":
            name = (name[0] + draw.last()).replace(" ", "").replace("'", "")
        return (name.lower().replace(" ", "") if slot in "flu" else name), NAME
    if slot in "PAS":
        return (draw.place() if slot == "P" else draw.address() if slot == "A" else draw.street()), LOCATION
    if slot in "OH":
        return (draw.organisation() if slot == "O" else draw.hospital()), ORGANIZATION
    if slot == "C":
        return draw.code(), ID
    if slot == "E":
        names = "-".join(word.capitalize() for word in rng.sample(eponyms(), rng.choice((1, 1, 1, 2))))
        return f"{names}{rng.choice((chr(39) + 's', '', '', ''))} {rng.choice(_HEADS).replace('-', ' ')}", 0
    if slot == "D":
        return f"{rng.randrange(1, 13)}/{rng.randrange(1, 29)}/20{rng.randrange(10, 26)}", 0
    return str(rng.randrange(1, 99)), 0


def _replace(text: str, marks: list[Mark], draw: Draw) -> Marked:
    """Replaces half of the names and places of a note by others, so that a list is not all that is learnt."""
    rng = draw.rng
    out, at, moved = "", 0, []
    for start, end, kind in marks:
        surface = text[start:end]
        if rng.random() < 0.5 and "\n" not in surface:
            if kind == NAME:
                surface = (
                    f"{draw.last()}, {draw.first()}"
                    if "," in surface
                    else draw.last()
                    if " " not in surface
                    else draw.name()
                )
            elif kind == LOCATION:
                surface = (
                    draw.address().replace("\n", ", ") if any(map(str.isdigit, surface)) else draw.city()
                )
            elif kind == ORGANIZATION and rng.random() < 0.5:
                surface = (
                    draw.hospital() if re.search("Hospital|Clinic|Center", surface) else draw.organisation()
                )
        out += text[at:start]
        moved.append((len(out), len(out) + len(surface), kind))
        out += surface
        at = end
    return _recase(out + text[at:], rng, 0.05, 0.02), moved


def _recase(text: str, rng: Random, lower: float, upper: float) -> str:
    """Now and then, a text all in lower or upper case; never of another length."""
    roll = rng.random()
    changed = text.lower() if roll < lower else text.upper() if roll < lower + upper else text
    return changed if len(changed) == len(text) else text
