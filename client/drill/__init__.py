"""The drill: synthetic patients pushed through the real log layer, and all that comes out searched for them."""
