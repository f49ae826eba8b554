"""What defines an extractor's network, and what of it is trained."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["birnn", "bert"]
Trained = Literal["all", "head", "lora", "bitfit", "full"]


class ModelSettings(BaseModel):
    """The network of an extractor; the same at every hospital.

    Paths and hub ids name public weights that every site holds itself; their SHA-256 travels with the settings,
    and a site whose copy differs refuses to train.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    labels: tuple[str, ...] = Field(min_length=1)
    trained: Trained = "all"
    """`birnn`: `all` or `head`; `bert`: `head` (frozen encoder), `lora`, `bitfit` or `full`."""
    base: str | None = None
    """Folder of a model to start from, as `clinfed aggregator pretrain` makes it."""
    base_sha256: str | None = None
    """SHA-256 of the base's `manifest.json`."""

    window: int = Field(default=0, ge=0)
    """Sentences are packed until a window costs this many words (`birnn`) or subtokens (`bert`)."""
    windows_a_note: int | None = Field(default=None, ge=1)
    """Windows of a note that are trained on, drawn by chance; None for all. Of many notes, a few will do."""
    dropout: float = Field(default=0.5, ge=0, lt=1)
    abbreviations: bool = False
    """Mark an abbreviation that a note defines wherever it stands, if its long form is marked."""

    encoder: str = "bundled"
    """`bert`: `bundled`, a folder, or the id of one fetched from the Hugging Face hub."""
    encoder_sha256: str | None = None
    bf16: bool = True
    """`bert`: matrix products in bfloat16; weights and sums stay float32."""
    lora_rank: int = Field(default=16, ge=1)
    head_width: int = Field(default=128, ge=1)
    """`bert`, trained weights `head`: hidden units of the windowed head."""

    dictionaries: tuple[str, ...] = ()
    """Open term lists whose features stand beside the words (`birnn`) or the encoder's (`bert`, trained weights
    `head`). A base model brings its own."""
    dictionaries_sha256: tuple[str, ...] = ()

    vectors: str | None = None
    """`birnn`: `bundled` (the bundled encoder's wordpiece vectors), or a file of word vectors (GloVe text, word2vec
    text or binary, gensim KeyedVectors); None for none."""
    vectors_sha256: str | None = None
    word_rows: int = Field(default=16384, ge=2)
    word_width: int = Field(default=100, ge=1)
    """Ignored with `vectors`, which bring their own."""
    word_dropout: float = Field(default=0.15, ge=0, lt=1)
    """`birnn`: share of words whose hashed row is hidden in training, so that unseen words look familiar."""
    character_width: int = Field(default=25, ge=1)
    character_filters: int = Field(default=100, ge=1)
    hidden: int = Field(default=200, ge=1)
    """LSTM units in each direction."""
