"""The 18 identifiers of the Safe Harbor rule, 45 CFR 164.514(b)(2)(i), and what finds each."""

from types import MappingProxyType

SAFE_HARBOR = MappingProxyType(
    {
        "A names": ("NAME",),
        "B geographic subdivisions smaller than a state": ("LOCATION", "ORGANIZATION"),
        "C dates except the year, ages over 89": ("DATE", "AGE"),
        "D telephone numbers": ("PHONE",),
        "E fax numbers": ("FAX",),
        "F e-mail addresses": ("EMAIL",),
        "G social security numbers": ("SSN",),
        "H medical record numbers": ("MRN",),
        "I health plan beneficiary numbers": ("HEALTH_PLAN",),
        "J account numbers": ("ACCOUNT",),
        "K certificate and license numbers": ("LICENSE",),
        "L vehicle identifiers, license plates": ("VEHICLE",),
        "M device identifiers and serial numbers": ("DEVICE",),
        "N web addresses": ("URL",),
        "O IP addresses": ("IP",),
        "P biometric identifiers": ("BIOMETRIC",),
        "Q full-face photographs": ("BIOMETRIC",),
        "R any other unique number or code": ("ID",),
    }
)
"""Identifier to the entities that cover it. Of P and Q, text can hold only references: names of files, ids of scans.
A state alone is not an identifier of B, nor a country; both are taken where the lists know them."""

ENTITIES = (*dict.fromkeys(entity for entities in SAFE_HARBOR.values() for entity in entities), "OVERLONG")
"""All entities that a detector reports; OVERLONG is a text that was not read because it is too long."""
