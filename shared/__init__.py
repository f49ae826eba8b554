"""What every role shares: notes, text to tensors, extractors, the wire form and errors.

Nothing here opens a socket or reads the environment.
"""
