"""Weights: what a model stack is made of, what is on this machine, and how to get the rest."""
