"""How the lists and the taggers of the detector are made; not needed to run it."""
