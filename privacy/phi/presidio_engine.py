"""Our detector inside a Presidio analyzer, over a blank spaCy pipeline; import it through `presidio.analyzer`."""

import spacy
from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerRegistry, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts, SlimSpacyNlpEngine

from privacy.phi.detector import detector
from privacy.phi.entities import ENTITIES
from privacy.phi.findings import Profile


class ClinicalRecognizer(EntityRecognizer):
    """All of our rules and the tagger as one recognizer of Presidio.

    Args:
        profile: of the detector.
    """

    def __init__(self, profile: Profile) -> None:
        self._detector = detector(profile)
        super().__init__(
            supported_entities=list(ENTITIES), name="ClinicalRecognizer", supported_language="en"
        )

    def load(self) -> None:
        """Nothing to load: the detector is there."""

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        """Finds identifiers.

        Args:
            text: any Unicode.
            entities: kinds asked for.
            nlp_artifacts: not used.

        Returns:
            Presidio's results.
        """
        return [
            RecognizerResult(found.entity, found.start, found.end, found.score)
            for found in self._detector.find(text)
            if not entities or found.entity in entities
        ]


class BlankEngine(SlimSpacyNlpEngine):
    """Tokens only: `spacy.blank`, so nothing is downloaded."""

    def __init__(self, *, keep_tokens: bool) -> None:
        super().__init__(models=[{"lang_code": "en", "model_name": "blank"}], auto_download=False)
        self._keep_tokens = keep_tokens

    @classmethod
    def ready(cls, *, keep_tokens: bool) -> "BlankEngine":
        """Makes an engine and loads it.

        Args:
            keep_tokens: whether to split texts, for recognizers that look at the words around; spaCy's store then
                keeps every word it saw.
        """
        made = cls(keep_tokens=keep_tokens)
        made.load()
        return made

    def load(self) -> None:
        """Makes the blank pipeline."""
        self.nlp = {"en": spacy.blank("en")}  # type: ignore[assignment]  # Presidio says None

    def process_text(self, text: str, language: str) -> NlpArtifacts:
        """Tokens of a text, or none."""
        doc = self.nlp[language](  # type: ignore[index]
            text if self._keep_tokens else ""
        )
        return NlpArtifacts(
            [], doc, [token.idx for token in doc], [token.lower_ for token in doc], self, language
        )


def engine(profile: Profile) -> AnalyzerEngine:
    """Builds the analyzer.

    Args:
        profile: of the detector.

    Returns:
        An analyzer with one recognizer: ours, which asks Presidio's itself.
    """
    registry = RecognizerRegistry(supported_languages=["en"])
    registry.add_recognizer(ClinicalRecognizer(profile))
    return AnalyzerEngine(
        registry=registry, nlp_engine=BlankEngine.ready(keep_tokens=False), supported_languages=["en"]
    )
