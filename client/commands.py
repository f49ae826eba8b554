"""Commands of the hospital node: find facts, redact, see the budget, approve counts, drill the log layer."""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer

T = TypeVar("T")
app = typer.Typer(help=__doc__, no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def node() -> None:
    """Commands of the hospital node: find facts, redact, see the budget, approve counts, drill the log layer."""


@app.command()
def extract(
    model: Annotated[Path, typer.Option("--model", help="Model folder.")],
    file: Annotated[Path | None, typer.Argument(help="Text to read; standard input without it.")] = None,
    notes: Annotated[
        bool,
        typer.Option("--notes", help="FILE holds notes (JSONL, CoNLL or brat): print a JSON line a note."),
    ] = False,
    form: Annotated[
        Literal["json", "fhir", "omop", "csv"],
        typer.Option(
            "--format", help="JSON; FHIR R4 bundles; rows of OMOP note_nlp; a table. The last two as CSV."
        ),
    ] = "json",
) -> None:
    """Finds facts in text: entities with assertion, codes, section and reason; offsets are of characters."""
    from client.facts import printer
    from shared.errors import FixSettings
    from shared.extractor import Extractor
    from shared.facts import FactFinder

    if notes and file is None:
        raise FixSettings(
            "--notes needs a file", where="clinfed node extract", remedy="Name the file of notes."
        )
    finder = FactFinder(Extractor.load(model))
    written = printer(form, many=notes)
    if notes and file is not None:
        from shared.formats import read_notes

        for chunk in _chunks(read_notes(file), 64):
            for note, facts in zip(chunk, finder.facts(note.text for note in chunk), strict=True):
                typer.echo(written(note.text, facts, note.note_id, note.patient_id), nl=False)
        return
    text = _read_text(file)
    (facts,) = finder.facts([text])
    typer.echo(written(text, facts, "", ""), nl=False)


@app.command()
def redact(
    file: Annotated[Path | None, typer.Argument(help="Text to read; standard input without it.")] = None,
    mode: Annotated[
        str, typer.Option("--mode", help="mask, surrogate (made-up values, dates shifted) or hash.")
    ] = "mask",
    key_file: Annotated[
        Path | None, typer.Option("--key-file", help="File with the secret key of surrogate and hash.")
    ] = None,
    patient: Annotated[
        str, typer.Option("--patient", help="Whose text it is: one patient's stand-ins are the same.")
    ] = "",
    notes: Annotated[
        bool,
        typer.Option("--notes", help="FILE holds notes (JSONL, CoNLL or brat): print a JSON line a note."),
    ] = False,
) -> None:
    """Removes identifiers of patients from text and prints the rest."""
    from client.redact import Redactor, read_key
    from shared.errors import FixSettings

    if notes and file is None:
        raise FixSettings(
            "--notes needs a file", where="clinfed node redact", remedy="Name the file of notes."
        )
    redactor = Redactor(mode, read_key(key_file) if key_file else b"")  # type: ignore[arg-type]  # checked there
    if notes and file is not None:
        for record in redactor.redact_notes(file):
            typer.echo(json.dumps(record, ensure_ascii=True))
        return
    typer.echo(redactor.redact(_read_text(file), patient), nl=False)


@app.command()
def budget(
    ledger: Annotated[Path | None, typer.Option("--ledger", help="The node's privacy ledger.")] = None,
    noise_multiplier: Annotated[
        float | None, typer.Option("--noise-multiplier", help="Of a round to know the cost of.")
    ] = None,
    sample_rate: Annotated[float | None, typer.Option("--sample-rate", help="Of that round.")] = None,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Private steps of that round.")] = 1,
    export: Annotated[
        Path | None, typer.Option("--export", help="Also write all entries as JSON lines to this new file.")
    ] = None,
    verify: Annotated[
        Path | None, typer.Option("--verify", help="An exported ledger to check, in place of --ledger.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Shows the privacy budget: what is spent and left, on what, and what one more round costs."""
    from client.budget import budget_text
    from privacy.accountant import Release
    from privacy.book import verify as verified
    from privacy.budget import budget_tree
    from privacy.ledger import Ledger
    from shared.errors import FixSettings

    if (ledger is None) == (verify is None) or (verify is not None and export is not None):
        raise FixSettings(
            "shows either a ledger or an exported one",
            where="clinfed node budget",
            remedy="Use --ledger FILE, or --verify FILE.",
        )
    if (noise_multiplier is None) != (sample_rate is None):
        raise FixSettings(
            "a round has both a noise multiplier and a sample rate",
            where="clinfed node budget",
            remedy="Give --noise-multiplier and --sample-rate.",
        )
    asked = None
    if noise_multiplier is not None and sample_rate is not None:
        asked = Release(noise_multiplier, sample_rate, steps)
    if ledger is not None:
        opened = Ledger.existing(ledger)
        if export is not None:
            opened.export(export)
            typer.echo(f"exported: {export}", err=True)
        book = opened.book()
    elif verify is not None:
        book = verified(verify)
        typer.echo(f"verified: {verify}", err=True)
    tree = budget_tree(book, asked)
    typer.echo(json.dumps(tree, indent=1) if as_json else budget_text(tree))


@app.command()
def counting(
    vocabulary: Annotated[Path, typer.Argument(help="vocabulary.txt of `clinfed aggregator glove`.")],
    window: Annotated[
        int, typer.Option("--window", min=1, max=16, help="Words between which two are neighbours.")
    ] = 10,
    pairs: Annotated[
        Path | None, typer.Option("--pairs", help="pairs.txt beside it. [default: all pairs of the words]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Shows the digest by which a site approves exact counts, once someone has looked the vocabulary through."""
    from shared.cooccurrence import Counting
    from shared.pairs import listed_pairs
    from shared.vocabulary import read_vocabulary

    words = read_vocabulary(vocabulary)
    counted = Counting(words, window, listed_pairs(pairs, words))
    tree = {
        "words": len(words.words),
        "window": window,
        "pairs": counted.pairs.size,
        "digest": counted.digest,
    }
    typer.echo(json.dumps(tree, indent=1) if as_json else counted.digest)


@app.command()
def drill(
    config: Annotated[
        Path | None, typer.Option("--config", help="node.toml; its tables [logs] and [drill] are read.")
    ] = None,
    records: Annotated[
        int | None, typer.Option("--records", min=0, help="Records of the surge. [default: 10000]")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Of the synthetic patients. [default: drawn anew]")
    ] = None,
    without_redaction: Annotated[
        bool, typer.Option("--without-redaction", help="Only the twin: redaction off, everything must leak.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Pushes synthetic patients through this installation's log layer; exits 1 if one leaks or a record is lost."""
    from client.drill.report import run_and_print

    if not run_and_print(
        config, records, seed=seed, without_redaction=without_redaction, as_json=as_json, say=typer.echo
    ):
        raise typer.Exit(1)


def _read_text(file: Path | None) -> str:
    from shared.errors import FixNotes

    try:
        content = sys.stdin.buffer.read() if file is None else file.read_bytes()
        return content.decode("utf-8")
    except OSError:
        raise FixNotes("cannot be read", where=str(file), remedy="Name a text file.") from None
    except UnicodeDecodeError as error:
        raise FixNotes(
            f"byte {error.start} is not UTF-8",
            where=str(file or "standard input"),
            remedy="Save it as UTF-8.",
        ) from None


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    chunk: list[T] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
