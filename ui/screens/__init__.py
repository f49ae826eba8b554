"""Layouts of the pages: which piece stands where; what the pieces say is computed beside them, in `ui`."""
