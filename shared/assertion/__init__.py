"""Whether a finding is the patient's, now: present, negated, possible, historical, family or hypothetical.

In reading order: `words` (a note as words and clauses), `cues.tsv` (the phrases that say so, for people to read and
extend), `lexicon` (that file, ready to be matched), `scopes` (which findings a phrase speaks about), `judge` (one
assertion for each finding).
"""

from shared.assertion.judge import Assertion, Judgement, assertions_of

__all__ = ["Assertion", "Judgement", "assertions_of"]
