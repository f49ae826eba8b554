"""Facts as FHIR R4: one Bundle a note, a Condition for each finding of the patient, and family history apart.

What the note says goes into `verificationStatus` and `clinicalStatus`. A relative's finding is never a Condition of
the patient: it is a FamilyMemberHistory. Every resource is tagged as extracted by software, and says where
in the note it stands. A code that is only suggested is not stated as the finding's code.
"""

import uuid
from collections.abc import Sequence
from typing import Any

from shared.facts import Fact

ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
_SPACE = uuid.UUID("5b1f6c56-3c57-4b66-9c38-6d0a4d6a1f0e")  # ours: the same fact gets the same id
_STATUS = {  # assertion: verificationStatus, clinicalStatus
    "present": ("confirmed", "active"),
    "historical": ("confirmed", "inactive"),
    "possible": ("provisional", "active"),
    "hypothetical": ("unconfirmed", None),
    "negated": ("refuted", None),
}


def bundle(facts: Sequence[Fact], note_id: str = "", patient_id: str = "") -> dict[str, Any]:
    """Writes the facts of one note as a FHIR R4 Bundle.

    Args:
        facts: of one note.
        note_id: of the DocumentReference that holds the note; empty if it has none.
        patient_id: of the Patient; empty if not known.

    Returns:
        The resource, ready for `json.dumps`.
    """
    entries = []
    for fact in facts:
        resource = _relative(fact, patient_id) if fact.assertion == "family" else _condition(fact, patient_id)
        resource["extension"] = [_place(fact)]
        if note_id and fact.assertion != "family":
            resource["evidence"][0]["detail"] = [{"reference": f"DocumentReference/{note_id}"}]
        name = f"{note_id}/{patient_id}/{fact.start}/{fact.end}/{fact.label}/{fact.text}"
        entries.append({"fullUrl": f"urn:uuid:{uuid.uuid5(_SPACE, name)}", "resource": resource})
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def _condition(fact: Fact, patient_id: str) -> dict[str, Any]:
    verification, clinical = _STATUS[fact.assertion]
    resource: dict[str, Any] = {"resourceType": "Condition", "meta": _meta()}
    if clinical is not None:
        resource["clinicalStatus"] = _concept("condition-clinical", clinical)
    return resource | {
        "verificationStatus": _concept("condition-ver-status", verification),
        "category": [_concept("condition-category", "encounter-diagnosis")],
        "code": _code(fact),
        "subject": _patient(patient_id),
        "evidence": [{"code": [{"text": fact.text}]}],
    }


def _relative(fact: Fact, patient_id: str) -> dict[str, Any]:
    return {
        "resourceType": "FamilyMemberHistory",
        "meta": _meta(),
        "status": "partial",
        "patient": _patient(patient_id),
        "relationship": _concept("v3-RoleCode", "FAMMEMB"),
        "condition": [{"code": _code(fact)}],
    }


def _code(fact: Fact) -> dict[str, Any]:
    concept: dict[str, Any] = {"text": fact.text}
    if fact.codes and fact.codes[0].how != "suggested":
        first = fact.codes[0]
        concept["coding"] = [{"system": ICD_10_CM, "code": first.code, "display": first.name}]
    return concept


def _place(fact: Fact) -> dict[str, Any]:
    """Where the fact stands in the note, and why it is what it is."""
    reason = fact.reason
    parts: list[dict[str, Any]] = [
        {"url": "start", "valueInteger": fact.start},
        {"url": "end", "valueInteger": fact.end},
        {"url": "score", "valueDecimal": round(fact.score, 4)},
        {"url": "assertion", "valueCode": fact.assertion},
        {"url": "rule", "valueString": reason.rule},
    ]
    named = {"section": fact.section, "cue": reason.cue, "model": reason.model, "version": reason.version}
    parts += [{"url": url, "valueString": value} for url, value in named.items() if value]
    parts += [
        {"url": "candidate", "valueCoding": {"system": ICD_10_CM, "code": one.code, "display": one.name}}
        for one in fact.codes
    ]
    return {"url": "urn:clinfed:fact", "extension": parts}


def _concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": f"{_TERMINOLOGY}/{system}", "code": code}]}


def _meta() -> dict[str, Any]:
    return {"tag": [{"system": "urn:clinfed:origin", "code": "extracted", "display": "not reviewed"}]}


def _patient(patient_id: str) -> dict[str, Any]:
    return {"reference": f"Patient/{patient_id}"} if patient_id else {"display": "patient of the note"}
