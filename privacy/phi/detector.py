"""Text to findings: normalise, look only where something can be, judge, and lead the way back to the original.

The order of the story: `normalise` undoes disguises; `gate` says which rules can match; the rules propose spans; the
tagger adds names and places; `spans.merge` makes findings of them.
"""

from functools import cache

from privacy.phi.accounts import USER_WORDS, dotted, portal_users, users
from privacy.phi.addresses import UNIT_WORDS, units
from privacy.phi.codes import codes, travel_documents
from privacy.phi.components import components
from privacy.phi.dates import AGE_WORDS, MONTH_WORDS, REPR_WORDS, date_reprs, months, old_ages, written_dates
from privacy.phi.disguises import disguised
from privacy.phi.findings import Finding, Profile
from privacy.phi.keyed import KEY_WORDS, keyed
from privacy.phi.lists import attached, listed, repeated
from privacy.phi.network import network
from privacy.phi.normalise import normalise
from privacy.phi.numbers import numbers
from privacy.phi.people import PEOPLE_WORDS, people
from privacy.phi.places import names_places, places
from privacy.phi.presidio import second_opinion
from privacy.phi.reading import Reading, read
from privacy.phi.roles import ROLE_WORDS, VERBS, acting, aged, roles
from privacy.phi.spans import Span, merge
from privacy.phi.stamps import own_time_ends, without_own_times
from privacy.phi.structured import STRUCTURE_WORDS, structured
from privacy.phi.tagging import tag

LONGEST = 65_536
"""Characters; of longer texts the logs profile shows nothing."""


class Detector:
    """Finds identifiers. Holds no text and no state between calls, so threads may share it.

    Args:
        profile: `logs` or `notes`.
    """

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._is_log = profile == "logs"
        self.find("Warm up: Dr. Jane Roe, 555-0100.")  # loads the lists and the tagger

    def find(self, text: str) -> list[Finding]:
        """Finds identifiers.

        Args:
            text: any Unicode.

        Returns:
            Findings with offsets in `text`, sorted, not overlapping.
        """
        if self._is_log and len(text) > LONGEST:
            return [Finding(0, len(text), "OVERLONG", 1.0)]
        spans: list[Span] = []
        view = normalise(text)
        if self._is_log and (behind := own_time_ends(view.text)):
            view = view.without(behind)
        reading = read(view.text)
        for start, end, entity, score in self._scan(reading):
            spans.append((*view.origin(start, end), entity, score))
        for hidden in disguised(reading, view, is_log=self._is_log):
            for start, end, entity, score in self._scan(read(hidden.text)):
                spans.append((*hidden.origin(start, end), entity, score))
        return [Finding(*span) for span in merge(spans)] if spans else []

    def redact(self, text: str) -> str:
        """Puts `<ENTITY>` in place of each finding.

        Args:
            text: any Unicode.

        Returns:
            The text without its identifiers.
        """
        parts: list[str] = []
        at = 0
        for finding in self.find(text):
            parts += (text[at : finding.start], f"<{finding.entity}>")
            at = finding.end
        return "".join(parts) + text[at:] if parts else text

    def _scan(self, reading: Reading) -> list[Span]:
        """Spans of one view."""
        is_log, groups = self._is_log, reading.groups
        spans: list[Span] = list(network(reading, is_log=is_log))
        if reading.numbers:
            spans += numbers(reading, is_log=is_log)
            spans += codes(reading, is_log=is_log)
            if groups & KEY_WORDS:
                spans += keyed(reading, is_log=is_log)
            if groups & REPR_WORDS:
                spans += date_reprs(reading)
            if is_log:
                spans += attached(reading)
        if names_places(reading):
            spans += places(reading)
        if groups & UNIT_WORDS:
            spans += units(reading)
        if "<<" in reading.text:
            spans += travel_documents(reading)
        if groups & MONTH_WORDS:
            spans += written_dates(reading)
            if not is_log:
                spans += months(reading)
        if reading.numbers or groups & AGE_WORDS:
            spans += old_ages(reading)
        if groups & STRUCTURE_WORDS or ")=(" in reading.text:
            spans += structured(reading, is_log=is_log)
        if groups & PEOPLE_WORDS:
            spans += people(reading)
        if reading.suspects or not is_log:
            spans += tag(reading, self.profile)
            spans += listed(reading, is_log=is_log)
            if is_log:
                spans += users(reading)
                spans += dotted(reading)
                spans += components(reading)
        if groups & USER_WORDS and not is_log:
            spans += portal_users(reading)
        if groups & ROLE_WORDS:
            spans += roles(reading, is_log=is_log)
        if groups & VERBS:
            spans += acting(reading, is_log=is_log)
        if reading.numbers and reading.has_upper:
            spans += aged(reading)
        if spans:
            spans += repeated(reading, spans)
        if is_log:
            return list(without_own_times(reading.text, spans)) if spans else spans
        if reading.numbers:
            spans += second_opinion(reading, spans)
        return spans


@cache
def detector(profile: Profile) -> Detector:
    """The process's detector of a profile, built on first use.

    Args:
        profile: `logs` or `notes`.
    """
    return Detector(profile)
