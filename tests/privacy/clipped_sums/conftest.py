"""One thread, so that sums come in one order; networks of ours, and notes for them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from shared.models.build import build_tagger
from shared.models.settings import ModelSettings
from shared.models.tagger import Tagger
from shared.note import Entity, Note

torch.set_num_threads(1)

NOTES = (
    ("p0", "Fever since Monday. No gout.", "Fever"),
    ("p1", "Known gout and fever, gout again.", "gout"),
    ("p0", "Asthma, no fever; seen on the ward with sepsis.", "sepsis"),
    ("p2", "Well.", None),
    ("p1", "Seen for follow-up of asthma", "asthma"),
    ("p3", "No fever.", "fever"),
)


@pytest.fixture(scope="session")
def notes() -> list[Note]:
    """Six notes of four patients, who share words."""
    made = []
    for number, (patient, text, disease) in enumerate(NOTES):
        start = text.index(disease) if disease else 0
        entities = (Entity(start, start + len(disease), "Disease"),) if disease else ()
        made.append(Note(f"n{number}", patient, text, entities))
    return made


@pytest.fixture(scope="session")
def make_tagger(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Tagger]:
    """A tiny `birnn`, or the bundled MiniLM with another set of trained weights; `layers` leaves
    only the first few of MiniLM, other keywords change the settings."""
    vectors = Path(tmp_path_factory.mktemp("vectors")) / "glove.txt"
    vectors.write_text("gout 0.5 -0.5 1\nfever 0.1 0.2 0.3\nno 0 0 1\n", encoding="utf-8")
    tiny: dict[str, dict[str, Any]] = {
        "birnn": {
            "word_rows": 64,
            "word_width": 8,
            "hidden": 8,
            "character_width": 4,
            "character_filters": 6,
            "vectors": str(vectors),
        },
        "bert": {"bf16": False, "lora_rank": 2, "head_width": 8},
    }

    def make(kind: str, *, layers: int | None = None, **changes: Any) -> Tagger:
        torch.manual_seed(5)
        tagger: Any = build_tagger(
            ModelSettings.model_validate(
                {"kind": kind, "labels": ("Disease",), "dropout": 0.1, **tiny[kind]} | changes
            )
        )
        if layers is not None:
            tagger.encoder.encoder.layer = tagger.encoder.encoder.layer[:layers]
        for name, weight in tagger.named_parameters():
            if "lora_B" in name:  # zero at first, and with it the gradient of A
                torch.nn.init.normal_(weight, std=0.02)
        return cast(Tagger, tagger.eval())

    return make
