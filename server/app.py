"""The Flower ServerApp: it does what is still to do in the run folder that the run configuration names."""

import privacy.logs.first  # noqa: F401 - before anything else, so that nothing is logged unredacted

# isort: split
from pathlib import Path

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from server.glove_count import run_counting
from server.glove_settings import is_glove
from server.run import run_rounds

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Runs all rounds that are still to do, or the one sum of a run that counts word pairs."""
    folder = Path(str(context.run_config["run-folder"]))
    if is_glove(folder):
        run_counting(grid, folder, anyway=bool(context.run_config.get("anyway", False)))
    else:
        run_rounds(grid, folder)
