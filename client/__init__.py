"""The hospital node agent: it alone holds notes, and answers the aggregator with numbers."""
