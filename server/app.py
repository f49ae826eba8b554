"""The Flower ServerApp: it runs the rounds of the run folder that the run configuration names."""

from pathlib import Path

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from server.run import run_rounds

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Runs all rounds that are still to do."""
    run_rounds(grid, Path(str(context.run_config["run-folder"])))
