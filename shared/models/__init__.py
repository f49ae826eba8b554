"""Extractors as networks: words in, tag scores out, and the folder a trained one is kept in."""
