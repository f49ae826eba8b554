"""Finds and removes the identifiers of patients in text: the 18 of the Safe Harbor rule, and their disguises."""

from privacy.phi.detector import Detector, detector
from privacy.phi.findings import Finding, Profile

__all__ = ["Detector", "Finding", "Profile", "detector"]
