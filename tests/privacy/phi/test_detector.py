"""The detector's promises, each over a table of cases."""

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.phi import Detector, Profile, detector
from privacy.phi import detector as _factory
from privacy.phi.detector import LONGEST
from privacy.phi.entities import ENTITIES, SAFE_HARBOR
from privacy.phi.lexicon import lexicon

PROFILES = get_args(Profile)
RED_TEAM = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "phi" / "red_team.jsonl").read_text().splitlines()
]
MOST_EXCEPTIONS = 3

# one or more texts an identifier of 45 CFR 164.514(b)(2)(i), with what must not be left of each
IDENTIFIERS = [
    ("NAME", "Patient: Okonkwo, Margaret was seen", "Okonkwo"),
    ("NAME", "Seen by Dr. Whitfield today", "Whitfield"),
    ("NAME", "Electronically signed by Tunde Adeyemi, MD", "Adeyemi"),
    ("LOCATION", "Address: 1427 Juniper Street, Burlington, VT 05401", "1427 Juniper"),
    ("LOCATION", "her zip code is 05401", "05401"),
    ("LOCATION", "P.O. Box 4471 is full", "4471"),
    ("ORGANIZATION", "Transferred from Larkspur Memorial Hospital today", "Larkspur"),
    ("DATE", "admitted on 03/14/2021", "03/14"),
    ("DATE", "seen 14 March 2021", "14 March"),
    ("DATE", "seen Mar 14th, 2021", "Mar 14"),
    ("DATE", "on the fourteenth of March", "fourteenth"),
    ("DATE", "visit of 2021-03-14", "2021-03-14"),
    ("DATE", "seen on 03/14 and stable", "03/14"),
    ("DATE", "dob 14MAR1951", "14MAR1951"),
    ("AGE", "a 94-year-old woman", "94"),
    ("AGE", "a ninety-four-year-old woman", "ninety-four"),
    ("AGE", "aged 101", "101"),
    ("PHONE", "call (802) 555-0142", "555-0142"),
    ("PHONE", "call 555-0142 today", "555-0142"),
    ("PHONE", "tel +44 20 7946 0958", "7946"),
    ("FAX", "fax 802-555-0199", "555-0199"),
    ("EMAIL", "write to jane.roe@stmarys.org", "jane.roe"),
    ("SSN", "SSN 123-45-6789", "123-45-6789"),
    ("SSN", "social security no. 123456789", "123456789"),
    ("SSN", "SSN: 000-12-3456", "000-12-3456"),
    ("MRN", "MRN 26219121", "26219121"),
    ("MRN", "MEDICAL_RECORD_NUMBER=MRN-QX417-0009", "QX417"),
    ("ID", "Aadhaar 2345 6789 0124", "6789"),
    ("ID", "CPF 123.456.789-09", "456"),
    ("ID", "PAN ABCPE1234F", "ABCPE1234F"),
    ("ID", "insured under QQ 12 34 56 C".replace("QQ", "AB"), "12 34"),
    ("ID", "P<UTOSAMPLE<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<<<", "SAMPLE"),
    ("LOCATION", "ZIPCODE=05401", "05401"),
    ("LOCATION", "moved to Lindenstrasse 12, last week", "12"),
    ("LOCATION", "Suite 574", "574"),
    ("NAME", "her friend Alex River waits", "River"),
    ("MRN", "MRN: 123-45-67", "123-45-67"),
    ("HEALTH_PLAN", "policy number ABC123456789", "ABC123456789"),
    ("HEALTH_PLAN", "1EG4-TE5-MK73 on the card", "1EG4-TE5-MK73"),
    ("ACCOUNT", "account 88-123456", "88-123456"),
    ("ACCOUNT", "iban GB82 WEST 1234 5698 7654 32", "5698"),
    ("ACCOUNT", "card 4111 1111 1111 1111", "4111 1111"),
    ("LICENSE", "DEA BX6621124", "BX6621124"),
    ("LICENSE", "NPI 1234567893", "1234567893"),
    ("VEHICLE", "VIN 1HGCM82633A004352", "1HGCM82633A004352"),
    ("VEHICLE", "license plate AHV-3219", "AHV-3219"),
    ("DEVICE", "pump serial WK87-43168", "WK87-43168"),
    ("DEVICE", "(01)00643169001763(17)221231", "00643169001763"),
    ("URL", "see https://portal.stmarys.org/p/443322", "443322"),
    ("IP", "from workstation 78.150.177.198", "78.150.177.198"),
    ("IP", "host 2001:db8:85a3::8a2e:370:7334", "85a3"),
    ("BIOMETRIC", "photo IMG_38151.jpg attached", "38151"),
    ("ID", "study id XK-552913-B", "552913"),
]

# what must stay, by the reason
KEPT = {
    "eponyms": (
        "Parkinson's disease, Crohn disease, Lewy body dementia and Hodgkin lymphoma.",
        "Foley catheter in place; Babinski sign absent; Glasgow Coma Scale 15.",
        "History of Alzheimer's disease and Guillain-Barre syndrome.",
        "Tetralogy of Fallot was repaired; Wolff-Parkinson-White syndrome excluded.",
        "Kayser-Fleischer rings were not seen; no Janeway lesions.",
    ),
    "drugs": (
        "Continue metoprolol, Lasix 40 mg, Coumadin and Lipitor.",
        "Started pembrolizumab; stopped Keppra and Zoloft.",
    ),
    "numbers": (
        "BP 120/80, HR 72, SpO2 97% on RA, strength 5/5, pain 3/10.",
        "Sodium 138, potassium 4.1, WBC 7.2, platelets 210.",
        "A 64-year-old man, 180 cm, 82 kg, diagnosed in 2014.",
    ),
}
CLEAN_LOG_LINES = (
    "2026-11-23 20:14:12,345 INFO client.agent: round 3 of 10 done in 12.3 s",
    "INFO:server.round:aggregated 6 updates, 1234567 bytes, loss=0.1234",
    "Loaded model birnn from /var/lib/clinfed/models/latest in 1.2 s",
    "optimizer=Adam lr=0.001 batch_size=32 epoch=4/12",
    'INFO:     127.0.0.1:54012 - "GET /healthz HTTP/1.1" 200 OK',
    "WARNING flwr: connection to superlink lost, retrying in 5 seconds",
    "torch 2.13.0, CUDA 12.4, 2 threads, python 3.11.7",
    "commit 3f2a9c1d8e7b6a5f4c3d2e1f0a9b8c7d6e5f4a3b checked out",
    "Poisson sampling with rate 0.05, Gaussian noise 1.1",
    "Using Xavier initialisation and Kaiming for the rest",
    "Nov 23 20:14:12 node1 kernel: [12345.678901] eth0: link up",
    '127.0.0.1 - - [23/Nov/2026:20:14:12 +0000] "GET / HTTP/1.1" 200 612',
    "081109 203615 148 INFO dfs.DataNode: terminating block blk_38865049064139660",
    '{"ts": "2026-11-23T20:14:12.345Z", "level": "INFO", "message": "ready", "pid": 15385}',
)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(("entity", "text", "secret"), IDENTIFIERS)
def test_each_identifier_of_the_rule_is_found(profile: Profile, entity: str, text: str, secret: str) -> None:
    assert secret not in detector(profile).redact(text)


def test_every_identifier_of_the_rule_has_a_case_of_its_kind() -> None:
    named = {entity for entity, _, _ in IDENTIFIERS}
    assert len(SAFE_HARBOR) == 18
    assert named >= {entity for entities in SAFE_HARBOR.values() for entity in entities}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("text", [text for texts in KEPT.values() for text in texts])
def test_medicine_survives(profile: Profile, text: str) -> None:
    assert detector(profile).redact(text) == text


@pytest.mark.parametrize("text", CLEAN_LOG_LINES)
def test_clean_log_lines_stay(text: str) -> None:
    assert detector("logs").redact(text) == text


def test_log_lines_of_other_programs_stay() -> None:
    find, lines = detector("logs").find, (Path(__file__).parents[2] / "phi" / "clean_lines.txt").read_text()
    kept = [line for line in lines.splitlines() if not line.startswith("# ")]
    altered = [line for line in kept if find(line)]
    assert len(kept) > 140
    assert len(altered) <= 0.05 * len(kept), altered


NAMES_OF_FILES = [
    "out/Harrington_10482913/report.html",
    "read dorothy-55203117.jsonl",
    "10482913_castellanos.csv",
]


@pytest.mark.parametrize("text", NAMES_OF_FILES)
def test_names_tied_to_a_number_are_found_in_logs(text: str) -> None:
    shown = detector("logs").redact(text)
    assert not re.search("harrington|dorothy|castellanos|10482913|55203117", shown.lower())


@pytest.mark.parametrize("case", RED_TEAM, ids=lambda case: f"{case['cls']}-{case['name']}")
def test_disguises_are_seen_through(case: dict[str, object]) -> None:
    if "exception" in case:
        pytest.skip(str(case["exception"]))
    text = "x " * int(str(case.get("repeat", 0))) + str(case["text"])
    shown = detector("logs").redact(text)
    secrets = case["secrets"]
    assert isinstance(secrets, list)
    assert [secret for secret in secrets if secret in shown] == []


def test_the_red_team_is_large_and_its_exceptions_few_and_reasoned() -> None:
    assert len(RED_TEAM) >= 60
    assert len({case["cls"] for case in RED_TEAM}) >= 15
    assert len({(case["cls"], case["name"]) for case in RED_TEAM}) == len(RED_TEAM)
    exceptions = [case["exception"] for case in RED_TEAM if "exception" in case]
    assert len(exceptions) <= MOST_EXCEPTIONS
    assert all(len(str(reason)) > 40 for reason in exceptions)


@pytest.mark.parametrize("profile", PROFILES)
@given(text=st.text(max_size=120))
@settings(max_examples=150, deadline=None)
def test_findings_lie_in_the_text_sorted_and_apart(profile: Profile, text: str) -> None:
    at = 0
    for found in detector(profile).find(text):
        assert at <= found.start < found.end <= len(text)
        assert found.entity in ENTITIES
        assert 0 < found.score <= 1
        at = found.end


@given(
    before=st.text(alphabet="xyz é\u200b,%&\\", max_size=20),
    after=st.text(alphabet="xyz é\u200b,%&\\", max_size=20),
)
@settings(max_examples=100, deadline=None)
def test_offsets_lead_back_to_the_original_whatever_surrounds_it(before: str, after: str) -> None:
    text = f"{before} jane.roe@stmarys.org {after}"
    assert "jane" not in detector("logs").redact(text)
    assert "stmarys" not in detector("logs").redact(text)


def test_overlong_texts_are_withheld_from_logs() -> None:
    text = "a " * LONGEST
    (found,) = detector("logs").find(text)
    assert (found.start, found.end, found.entity) == (0, len(text), "OVERLONG")


def test_a_detector_is_built_once_and_shared_by_threads() -> None:
    assert detector("logs") is _factory("logs")
    texts = [f"patient {name} called 802-555-01{number:02}" for number, name in enumerate(["Okonkwo"] * 40)]
    alone = [detector("logs").redact(text) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(detector("logs").redact, texts)) == alone


@pytest.mark.parametrize("profile", PROFILES)
def test_a_detector_needs_no_network(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    text = Detector(profile).redact("jane.roe@stmarys.org, https://portal.stmarys.org, +44 20 7946 0958")
    assert "jane" not in text
    assert "portal" not in text


def test_without_normalisation_disguises_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """The attack works once the check is gone."""
    disguised = "SSN １２３-４５-６７８９, Marga\u200bret"
    assert "１２３" not in detector("logs").redact(disguised)
    module = __import__("privacy.phi.detector", fromlist=["normalise"])
    from privacy.phi.views import View

    monkeypatch.setattr(module, "normalise", View)
    assert "\u200b" in detector("logs").redact(disguised)


def test_without_blobs_base64_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    blob = "payload TWFyZ2FyZXQgT2tvbmt3bywgYm9ybiAwMy8xNC8xOTUx"
    assert "TWFy" not in detector("logs").redact(blob)
    module = __import__("privacy.phi.detector", fromlist=["disguised"])
    monkeypatch.setattr(module, "disguised", lambda *args, **kwargs: iter(()))
    assert "TWFy" in detector("logs").redact(blob)


def test_the_lexicon_is_plain_lower_case() -> None:
    words = lexicon()
    assert len(words) > 100_000
    assert all(re.fullmatch("[a-z]{2,24}", word) for word in list(words)[:5000])
