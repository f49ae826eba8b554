"""The pages a clinician and a privacy officer see."""
