"""axe-core, the accessibility checker: fetched by npm's own client, kept in `.venv`, not part of the repository.

`python -m tests.ui.browser.axe` fetches it; the tests do so themselves where there is npm.
"""

import shutil
import subprocess
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[3] / ".venv" / "axe"
VERSION = "4.11.0"


def fetch() -> Path | None:
    """The script, fetched if it is not there; None if it cannot be had."""
    source = FOLDER / f"axe-{VERSION}.min.js"
    npm = shutil.which("npm")
    if source.exists() or npm is None:
        return source if source.exists() else None
    FOLDER.mkdir(parents=True, exist_ok=True)
    packed = subprocess.run(
        [npm, "pack", "--silent", f"axe-core@{VERSION}"],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=False,
    )
    if packed.returncode:
        return None
    subprocess.run(["tar", "xzf", packed.stdout.split()[-1]], cwd=FOLDER, check=True)
    return (FOLDER / "package" / "axe.min.js").rename(source)


if __name__ == "__main__":
    fetch()
