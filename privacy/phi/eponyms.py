"""Words that only look like names: diseases, signs and things called after people, medical terms, abbreviations.

A disease is not its discoverer: `Parkinson's disease`, `Lewy body`, `Foley catheter` stay.
"""

import re
from collections.abc import Sequence

from privacy.phi.lexicon import (
    COMMON,
    EPONYM,
    FREQUENT_NAME,
    MEDICAL,
    NAME_OR_PLACE,
    TECHNICAL,
    is_usual,
    lexicon,
)
from privacy.phi.reading import Reading
from privacy.phi.wordlists import word_list

_HEAD = re.compile(
    r"(?i)(?:'?s'?)?(?:[-/][\w-]+)?(?:'s)?(?:[ ][\w-]+){0,2}?\s+(?:diseases?|syndromes?|disorders?"
    r"|signs?|tests?|palsy|palsies|dystroph(?:y|ies)|fractures?|lymphomas?|sarcomas?|tumou?rs?"
    r"|an[ae]mias?|atax(?:ia|y)|anomal(?:y|ies)|deformit(?:y|ies)|hernias?"
    r"|ulcers?|contractures?|malformations?|(?:o|oe)esophagus|esophagus|paralysis|chorea"
    r"|encephalopath(?:y|ies)|atroph(?:y|ies)|granulomatosis|thyroiditis|thyrotoxicosis|phenomenon"
    r"|gangrene|cysts?|abscess(?:es)?|dementia|macroglobulin\w*|bod(?:y|ies)|arthropathy|joints?"
    r"|catheters?|tubes?|drains?|lines?"
    r"|scores?|scales?|criteria|class(?:ification)?|stage|stain(?:s|ing)?|cells?|nodes?|lesions?"
    r"|reflex(?:es)?|manoeuv(?:re|er)s?|maneuvers?|position|procedures?|operations?|repair|incision"
    r"|forceps|clamps?|retractor|sutures?|rings?|spots?|nodules?|virus(?:es)?|bacillus|coma|index"
    r"|equations?|formula|method|curves?|lactate|solution|respirations?"
    r"|breathing|murmur|pulse|triad|tetralogy|triangle|space|duct|glands?|sphincter|canal|ganglion"
    r"|nerve|artery|vein|muscle|tendon|ligament|apparatus|membrane|layer|plexus|glomerul\w*"
    r"|neuropath(?:y|ies)|myopath(?:y|ies)|retinopathy|keratopathy|uropathy|nephritis|nephropathy"
    r"|arteritis|vasculitis|panniculitis|esophagitis|hepatitis|uveitis|purpura|psychosis|aphasia"
    r"|amaurosis|epilepsy|seizures?|lichen|naevus|nevus|melanoma|carcinoma|adenoma|leuk[ae]mia"
    r"|neoplasms?|gene|mutations?|protein|receptors?|factor|kinase|antigen|blot(?:ting)?|transform"
    r"|optimizer|distribution|noise|process|model|estimator|statistics?|matrix|kernel|decomposition"
    r"|initiali[sz]ation|mechanism|secret sharing|collars?|brace|splint|boot|bag|pump|filter|cannula"
    r"|needle|wire|screw|nail|plate|prosthesis|valve|graft|mesh|bandage|dressing|wrap|agar|medium"
    r"|broth|fever|flu|measles|scabies|protocol|viremia|viraemia|serology|titers?|titres?|contractions?|laryngoscope"
    r"|speculum|osteotomy|arthroplasty|anastomosis|shunt|pouch|staging|perimetry|tonometry|visual fields?|VF|balance"
    r"|\d{1,3}/(?:52|56|60|70|100|126)(?!/))\b"
)
_PHRASE = re.compile(  # called after people whose names are frequent
    r"(?i)\b(?:braxton[- ]hicks|epstein[- ]barr|jackson[- ]pratt|austin[- ]flint|graham[- ]steell|stevens[- ]johnson"
    r"|guillain[- ]barre|lloyd[- ]davies|pam_[a-z]+|child[- ]pugh|weber (?:l|r|mid|central|lateral)"
    r"|ortolani|barlow (?:neg|pos|test|man)|ortolani and barlow"
    r"|denis browne|bristol stool|solu[- ](?:medrol|cortef)|depo[- ](?:provera|medrol)|lesch[- ]nyhan"
    r"|sturge[- ]weber|ehlers[- ]danlos|prader[- ]willi|charles[- ]bonnet"
    r"|ramsay[- ]hunt|kearns[- ]sayre|dandy[- ]walker|smith[- ](?:peterson?|lemli)|wolff[- ]parkinson"
    r"|da ?vinci|mallory[- ]weiss"
    r"|budd[- ]chiari|miller[- ]fisher|brown[- ]sequard|cheyne[- ]stokes|fitz[- ]hugh|adams[- ]stokes|ivor[- ]lewis"
    r"|hardy[- ]weinberg|dix[- ]hallpike|swan[- ]ganz|hodgkin|von willebrand|von hippel|van der woude"
    r"|de quervain|le fort"
    r"|cornelia de lange|treacher collins|marcus gunn|peutz[- ]jeghers|henoch[- ]schonlein|creutzfeldt[- ]jakob"
    r"|johnson (?:and|&) johnson|becton[- ]dickinson|boston scientific|roche (?:cobas|diagnostics)"
    r"|st\.? jude medical)\b"
)
_PHRASE_WORDS = frozenset(re.findall(r"[a-z]{2,}", _PHRASE.pattern))
_AFTER_OF = re.compile(
    r"(?i)(?:tetralogy|syndrome|disease|sign|sphincter|ligament|islets?|circle|angle|bundle|loop|organ"
    r"|tumou?r|node|law|pouch|triangle|area|canal|duct|foramen|fissure|valve|ampulla|papilla|space"
    r"|crypts|method|test) of (?:the )?(?:von |van |de |le )?$"
)
_TITLED = re.compile(r"(?i)\b(?:dr|mr|mrs|ms|miss|prof|professor|doctor|nurse|patient|pt|name)\b\.?:?\s*$")
_HYPHENED = re.compile(
    r"(?i)(?:-[A-Z][a-z]+){1,3}(?:'s)?(?:\s[\w-]+)?\s(?:diseases?|syndromes?|disorders?|signs?"
    r"|an[ae]mia|palsy|dystrophy|ataxia|anomaly|malformation|lymphoma|tumou?r|virus|encephalopathy"
    r"|purpura|catheter|test|score|rings?|method|respirations?|body|bodies|infections?|criteria|class"
    r"|deformity|contracture|phenomenon|reaction|procedure|sarcoma|mononucleosis)\b"
)
_MEDICAL_END = re.compile(
    r"(?i)\w*(?:toxicit(?:y|ies)|dynia|nasal|osis|oses|itis|itides|emia|aemia|oma|omas|omata|pathy"
    r"|pathies|uria|algia|ectomy|otomy|ostomy|plasty|scopy|graphy|gram|trophy|plasia|plegia|paresis"
    r"|penia|philia|phobia|rrhea|rrhoea|rrhage|ism|malacia|megaly|sclerosis|stenosis|lysis|cyte|cytes"
    r"|blast|genesis|genic|"
    r"phrenic|cardial|vascular|geusia|guesia|opia|esthesia|kinesia|lexia|pnea|pepsia|phagia|phasia"
    r"|praxia|thymia|somia|soma|ploidy|ase|mab|nib|pril|sartan|statin|olol|azole|cillin|mycin|cycline"
    r"|floxacin|vir|dipine|prazole|setron|triptan|gliptin|gliflozin|tide|caine|barbital|azepam|zolam"
    r"|pam|oxetine|pine|idone|coccus|cocci|bacter|virus|viridae)"
)
_MEDICAL_START = re.compile(
    r"(?i)(?:adeno|angio|anti|arthro|audio|bronch|carcino|cardio|cerebro|chemo|chole|chondro|choreo"
    r"|choreat|colo|cranio"
    r"|cysto|cyto|dermato|duoden|dys|echo|electro|encephal|endo|entero|erythro|fascic|gastro|glomerul"
    r"|glyco|haemat|hemat"
    r"|hemi|hepat|histo|hyper|hypo|immuno|intra|laparo|laryng|leuk|lipo|lymph|mammo|meningo|micro|musculo|myelo|myo"
    r"|nephro|neuro|normo|oculo|oligo|onco|ophthalm|ortho|osteo|oto|pancreat|patho|peri|pharmac|phleb"
    r"|photo|pneumo|poly"
    r"|post|preoperat|prosta|pseudo|psych|pulmo|pyelo|radio|retino|rheumat|rhino|sarco|spondyl|sub"
    r"|supra|tachy|thoraco"
    r"|thrombo|thyro|trans|ultra|uretero|urethr|vaso|ventricul)[a-z]{4,}"
)
_DRUG_ENDS = word_list(  # stems of international nonproprietary names
    "adone alol amide amine azepine azine azone azosin bactam bamate bendazole camptothecin "
    "citabine cillin conazole coxib cumin curium curonium dopa dralazine dronate dronic entan "
    "estrant fenac fibrate formin fovir fungin gatran glitazone grel ifene imod indol ipramine "
    "irudin lukast meline metacin micin monam mustine navir nidazole nicline nixin olone onide "
    "orphan ostine oxacin pamil parin parib penem peridol peridone pezil philin phylline "
    "piprazole platin plase poetin porfin pramine pressin profen quine racetam relin relix renone "
    "rinone rubicin semide solone sone sporin steride stigmine sulfan tadine taxel tecan terol "
    "tetrandrine thiazide tiapine tidine tinib toin trexate trexed triptyline tropium vaptan "
    "vudine xaban xetine zepam zolid zomib zumab ximab umab noside apride"
)
_VOWEL = re.compile(r"(?i)[aeiouy]")


def is_titled(text: str, start: int) -> bool:
    """Whether a title or a label such as `Patient:` stands before an offset."""
    return _TITLED.search(text, max(0, start - 16), start) is not None


def is_eponym(text: str, start: int, end: int, words: Sequence[str], flags: Sequence[int]) -> bool:
    """Whether a name stands for a disease, a sign or a thing called after somebody."""
    if is_titled(text, start):
        return False
    known = lexicon()
    named_after = [
        flag & EPONYM if flag >= 0 else known.get(word.lower().rstrip("s"), 0) & EPONYM
        for word, flag in zip(words, flags, strict=True)
    ]
    capitals = [bool(named) for word, named in zip(words, named_after, strict=True) if word[0].isupper()]
    if len(capitals) > 1 and all(capitals) and len(words) > len(capitals):
        return True  # Sjogren and Raynaud
    if not _PHRASE_WORDS.isdisjoint(map(str.lower, words)):
        phrase = _PHRASE.search(text, max(0, start - 18), end + 18)
        if phrase is not None and phrase.start() < end and start < phrase.end():
            return True
    gap = _HEAD.match(text, end, end + 60)
    if gap is not None and len(words) <= 4:
        near = len(gap[0].split()) <= 2 or gap[0][:1] in "-'"
        if (
            near
            or all(named_after)
            or all(named_after[i] or flags[i] < 0 or is_usual(flags[i]) for i in range(len(words)))
        ):
            return True
    if len(words) == 1 and named_after[0] and not (flags[0] >= 0 and flags[0] & FREQUENT_NAME):
        return True
    if text[end : end + 1] == "-" and _HYPHENED.match(text, end, end + 60):
        return True
    before = text[max(0, start - 40) : start]
    return " of " in before.lower() and _AFTER_OF.search(before) is not None


def is_term(
    reading: Reading, group: list[int], words: Sequence[str], flags: Sequence[int], score: float
) -> bool:
    """Whether words are medical or technical terms, abbreviations, or no names by their writing."""
    named = any(flag & NAME_OR_PLACE and not flag & TECHNICAL for flag in flags if flag >= 0)
    if not named and all(flag >= 0 and flag & (MEDICAL | TECHNICAL) for flag in flags):
        return True
    if not named and len(words) > 1 and flags[0] > 0 and flags[0] & TECHNICAL:
        return True  # a maker and its product
    if len(words) == 1:
        word = words[0]
        if flags[0] < 0 and (
            _MEDICAL_START.fullmatch(word) or (len(word) > 6 and word.lower().endswith(_DRUG_ENDS))
        ):
            return True
        if (
            _MEDICAL_END.fullmatch(word) and not flags[0] & FREQUENT_NAME
            if flags[0] >= 0
            else _MEDICAL_END.fullmatch(word)
        ):
            return True
        if reading.has_lower and (
            (word.isupper() and len(word) < (5 if named else 6)) or (not named and not _VOWEL.search(word))
        ):
            return True
        if flags[0] >= 0 and flags[0] & COMMON == 3 and score < 0.9:
            return True
    return reading.has_upper and score < 0.9 and all(word.islower() for word in words)
