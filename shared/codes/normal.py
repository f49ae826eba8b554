"""Spellings of one name brought together: capitals, plurals, British forms, word order, shorthand.

A name becomes a key, its words in alphabetical order. Equal keys mean the same thing often enough to code by; what
must not fall together is kept apart by the alias file, which is looked at first.
"""

import re


def word_set(words: str) -> frozenset[str]:
    """Words separated by white space, as a set."""
    return frozenset(words.split())


_WORD = re.compile(r"[a-z]+|\d+[a-z]?")
_ARTICLE = re.compile(r"^\s*(?:a|an|the|some|any)\s+(?=\w{3})")
_APOSTROPHE = re.compile(r"['’`]s?\b")
_DROPPED = word_set(
    """of the and in to at by for on nos unspecified other type site specified elsewhere classified or is
    his her"""
)
_SAME = {
    "carcinoma": "cancer", "ca": "cancer", "adenocarcinoma": "cancer", "malignancy": "cancer", "cancerous": "cancer",
    "met": "metastasis", "metastatic": "metastasis", "metastasi": "metastasis",
    "dz": "disease", "dis": "disease", "ds": "disease", "dx": "disease", "illness": "disease",
    "synd": "syndrome", "syn": "syndrome",
    "htn": "hypertension", "dm": "diabetes", "diabete": "diabetes", "mellitu": "", "mellitus": "",
    "fx": "fracture", "fractured": "fracture", "fxs": "fracture", "infxn": "infection", "inf": "infection",
    "infected": "infection", "abd": "abdominal", "abdomen": "abdominal", "resp": "respiratory", "pulm": "pulmonary",
    "lung": "pulmonary", "renal": "kidney", "hepatic": "liver", "cardiac": "heart", "gastric": "stomach",
    "colonic": "colon", "rectum": "rectal", "ovary": "ovarian", "cervix": "cervical uterine", "testis": "testicular",
    "testicle": "testicular", "prostatic": "prostate", "pancrea": "pancreatic", "pancreas": "pancreatic",
    "esophagu": "esophageal", "esophagus": "esophageal", "uterus": "uterine", "thyroidal": "thyroid",
    "cerebral": "brain", "femoral": "femur", "tibial": "tibia", "humeral": "humerus",
    "hemorrhagic": "hemorrhage", "bleeding": "bleed", "stenotic": "stenosis", "thrombotic": "thrombosis",
    "i": "1", "ii": "2", "iii": "3", "iiia": "3a", "iiib": "3b",
    "tumour": "tumor", "tumours": "tumor",
    "failing": "failure", "insuff": "insufficiency", "regurg": "regurgitation", "dysfxn": "dysfunction",
    "art": "artery", "arterial": "artery", "venous": "vein", "vertebral": "vertebra", "infarction": "infarct",
    "bacterium": "bacterial", "virus": "viral", "allergie": "allergy",
    "ischaemic": "ischemic", "hx": "history", "exac": "exacerbation",
    "laceration": "laceration", "lac": "laceration", "abscessed": "abscess", "ulceration": "ulcer",
    "ulcerated": "ulcer", "oedematous": "edema", "edematous": "edema", "arthritic": "arthritis",
    "stone": "calculus", "dysrhythmia": "arrhythmia", "haemorrhage": "hemorrhage",
}  # fmt: skip
_BRITISH = (
    ("haem", "hem"), ("anaem", "anem"), ("aemia", "emia"), ("oedema", "edema"), ("oesoph", "esoph"),
    ("diarrhoea", "diarrhea"), ("rrhoea", "rrhea"), ("coeliac", "celiac"), ("paed", "ped"), ("foet", "fet"),
    ("tumour", "tumor"), ("ischaem", "ischem"), ("leukaem", "leukem"), ("glycaem", "glycem"), ("gynaec", "gynec"),
    ("faec", "fec"), ("caec", "cec"), ("dyspnoea", "dyspnea"), ("apnoea", "apnea"), ("pnoea", "pnea"),
    ("generalis", "generaliz"), ("ageing", "aging"), ("goitre", "goiter"), ("fibre", "fiber"), ("sulph", "sulf"),
    ("orthopaed", "orthoped"), ("anaesth", "anesth"), ("manoeuv", "maneuv"),
)  # fmt: skip


def read_words(name: str) -> list[str]:
    """The words of a name in one spelling, in their order.

    Args:
        name: as it is written.

    Returns:
        Words; those that say nothing ("of", "unspecified") are left out.
    """
    text = _APOSTROPHE.sub(
        "", _ARTICLE.sub("", name.lower()).replace("h/o", " ").replace("n/v", "nausea vomiting")
    )
    if "ae" in text or "oe" in text or "our" in text or "is" in text or "tre" in text:
        for british, american in _BRITISH:
            if british in text:
                text = text.replace(british, american)
    words: list[str] = []
    for word in _WORD.findall(text):
        if word in _DROPPED:
            continue
        same = _SAME.get(word)
        if same is None and len(word) > 4:
            word = _singular(word)
            same = _SAME.get(word)
        words += [word] if same is None else same.split()
    if "malignant" in words and ("neoplasm" in words or "tumor" in words):
        words = [word for word in words if word not in ("malignant", "neoplasm", "tumor")] + ["cancer"]
    return words or _WORD.findall(text)


def key_of(words: list[str]) -> str:
    """The key of a name: its words, each once, in alphabetical order."""
    return " ".join(sorted(set(words)))


def _singular(word: str) -> str:
    if word[-1] != "s" or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith(("ases", "oses", "eses", "ises")) and len(word) > 6:
        return word[:-2] + "is"
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    return word[:-1]
