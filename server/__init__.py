"""The aggregator: runs rounds, merges updates, measures, reports."""
