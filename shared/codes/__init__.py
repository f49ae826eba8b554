"""ICD-10-CM codes for mentions: what a finding may be called in a list of codes, and how sure that is.

In reading order: `normal` (spellings of one name brought together), `aliases.tsv` (what clinicians and patients say,
for people to read and extend), `names` (official names and synonyms: `names.tsv.gz`, written by `make_names`),
`finder` (candidates for a mention).
"""

from shared.codes.finder import Code, codes_of

__all__ = ["Code", "codes_of"]
