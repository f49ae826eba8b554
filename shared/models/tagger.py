"""What every extractor's network has in common: inputs, tag scores, and which weights are trained."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from shared.dictionaries import DictionaryIndex, save_index
from shared.errors import RejectUpdate
from shared.examples import Batch, Example, TextReader
from shared.models.settings import ModelSettings
from shared.tags import TagSet

Weights = dict[str, NDArray[np.float32]]


class Tagger(nn.Module, ABC):
    """A network that scores BIO tags for each word of a window.

    Args:
        settings: of the network.
        dictionaries: whose features it reads beside the words; None for none.
    """

    def __init__(self, settings: ModelSettings, dictionaries: DictionaryIndex | None = None) -> None:
        super().__init__()
        self.settings = settings
        self.dictionaries = dictionaries
        self.tagset = TagSet(settings.labels)

    @property
    @abstractmethod
    def reader(self) -> TextReader:
        """Turns notes into this network's inputs."""

    @abstractmethod
    def forward(self, batch: Batch) -> Tensor:
        """Tag scores (logits), float32, shape `(examples, words, tags)`."""

    @abstractmethod
    def head_names(self) -> frozenset[str]:
        """Names of the parameters of the tag head, which may learn at a rate of their own."""

    @abstractmethod
    def export(self) -> dict[str, Tensor]:
        """All weights under the names of the model folder, adapters merged."""

    @abstractmethod
    def network_config(self) -> dict[str, Any]:
        """What `config.json` says of the network besides the settings."""

    @abstractmethod
    def save_text_files(self, folder: Path) -> None:
        """Writes what reading text needs (tokenizer or word list, dictionaries) into a model folder."""

    def save_dictionaries(self, folder: Path) -> None:
        """Writes the index of the dictionaries, if there are any."""
        if self.dictionaries is not None:
            save_index(folder, self.dictionaries)

    def prepare(self, examples: Sequence[Example], apart: Sequence[int] | None = None) -> Sequence[Example]:
        """Does once what frozen weights would do again in every epoch; by default nothing.

        Args:
            examples: as they were read.
            apart: a group for each; none is computed beside one of another group, whose absence would then be felt
                in the last bits. None: all may be.
        """
        return examples

    def trained(self) -> dict[str, nn.Parameter]:
        """The weights that learn, by name, in a fixed order."""
        return {name: weight for name, weight in sorted(self.named_parameters()) if weight.requires_grad}


def get_weights(tagger: Tagger) -> Weights:
    """Copies the trained weights out, float32, by name in a fixed order."""
    return {
        name: np.array(weight.detach().to(torch.float32).numpy(), copy=True)
        for name, weight in tagger.trained().items()
    }


@torch.no_grad()
def set_weights(tagger: Tagger, weights: Weights) -> None:
    """Writes trained weights in.

    Args:
        tagger: the network.
        weights: every trained weight by name, none other.

    Raises:
        RejectUpdate: a name is missing or unknown, or a shape differs.
    """
    own = tagger.trained()
    if own.keys() != weights.keys():
        raise RejectUpdate(
            f"{len(own.keys() - weights.keys())} weights are missing, {len(weights.keys() - own.keys())} unknown",
            where="weights",
            remedy="Use the same clinfed version and model settings at every site.",
        )
    for name, parameter in own.items():
        if parameter.shape != weights[name].shape:
            raise RejectUpdate(
                f"shape {tuple(weights[name].shape)} instead of {tuple(parameter.shape)}", where=name
            )
    for name, parameter in own.items():
        parameter.copy_(torch.from_numpy(np.ascontiguousarray(weights[name])))
