"""The console command `clinfed`: the log layer first, then the command itself.

It stands here, and not in `shared`, because imports point down: `shared.cli` assembles the command and knows
nothing of redaction.
"""

from privacy.logs.install import install


def main() -> None:
    """Runs `clinfed` with nothing logged unredacted; exit codes as of `shared.cli.main`."""
    install(whole=True)
    from shared.cli import main as run

    run()
