"""The registry of the Virtual Observatory."""
