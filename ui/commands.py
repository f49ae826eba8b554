"""The app for clinicians and privacy officers: extraction, redaction, the federation and its budgets."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help=__doc__, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def ui(
    config: Annotated[
        Path | None, typer.Option("--config", help="ui.toml, with everything the app is told.")
    ] = None,
    runs: Annotated[
        Path | None, typer.Option("--runs", help="Folder of run folders. [default: runs]")
    ] = None,
    model: Annotated[
        list[Path] | None, typer.Option("--model", help="Model folder to offer first; may be repeated.")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="To listen on. [default: 8501]")
    ] = None,
) -> None:
    """Serves the app, to this machine only unless ui.toml says otherwise."""
    from ui.serve import serve
    from ui.settings import Settings, read_settings

    settings = Settings() if config is None else read_settings(config)
    said = {
        "runs": runs and runs.resolve(),
        "models": tuple(folder.resolve() for folder in model) if model else None,
        "port": port,
    }
    settings = settings.model_copy(update={name: value for name, value in said.items() if value is not None})
    scheme = "http" if settings.certificate is None else "https"
    typer.echo(f"{scheme}://{settings.address}:{settings.port} is the app; Ctrl-C ends.", err=True)
    serve(settings)
