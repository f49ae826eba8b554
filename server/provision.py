"""Keys and rosters of a local federation: each hospital gets a folder of its own, as a site has it.

Every file is made once; a run that goes on finds them as they were. The private keys lie beside the run's results
because all hospitals are this machine.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from privacy.book import Cap
from privacy.secagg.identity import Identity, Roster
from privacy.secagg.policy import SitePolicy
from privacy.site import Budget, SiteSettings, read_identity, read_roster, write_identity, write_roster
from shared.errors import FixSettings

FOLDER, ROSTER, LEDGER = "sites", "roster.json", "ledger.sqlite"


def provision(
    run: Path,
    hospitals: Sequence[str],
    policy: SitePolicy,
    cap: Cap | None = None,
    countings: tuple[str, ...] = (),
) -> dict[str, SiteSettings]:
    """Makes what the hospitals of a local federation need for secure sums.

    Args:
        run: the run's folder.
        hospitals: names.
        policy: the limits of every site.
        cap: of every site's privacy budget; None if they keep none.
        countings: digests of what every site lets be counted exactly.

    Returns:
        Settings by hospital.

    Raises:
        FixSettings: a file cannot be made, or is another run's.
    """
    settings = {}
    keys = {}
    for name in hospitals:
        folder = run / FOLDER / quote(name, safe=" ")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FixSettings(
                f"cannot be made ({error.strerror})",
                where=str(folder),
                remedy="Name another folder with --out.",
            ) from None
        identity = folder / "identity.pem"
        if not identity.exists():
            write_identity(identity, Identity.new(name))
        keys[name] = read_identity(identity, name).public_key
        settings[name] = SiteSettings(
            identity=str(identity),
            roster=str(run / ROSTER),
            memory=str(folder / "memory.sqlite"),
            policy=policy,
            countings=countings,
            budget=None
            if cap is None
            else Budget(ledger=str(folder / LEDGER), unit=cap.unit, epsilon=cap.epsilon, delta=cap.delta),
        )
    if not (run / ROSTER).exists():
        write_roster(run / ROSTER, Roster(keys))
    if read_roster(run / ROSTER).digest != Roster(keys).digest:
        raise FixSettings(
            "is not the roster of these hospitals", where=str(run / ROSTER), remedy="Name another folder."
        )
    return settings


def node_configs(
    sources: dict[str, str], sites: Mapping[str, SiteSettings] | None
) -> dict[str, dict[str, str]]:
    """Flower's node configuration of each hospital, from its source of notes and its site."""
    configs = {name: {"source": source} for name, source in sources.items()}
    for name, site in (sites or {}).items():
        configs[name]["site"] = json.dumps(site.model_dump(mode="json"))
    return configs
