"""The composition root: a plan in, running parts out."""
