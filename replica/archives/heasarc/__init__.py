"""HEASARC: Chandra's observations, and ROSAT's event files."""
